//! The few things of libtorch that tch does not reach, through `shim.cpp`.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tch::{Device, Tensor};

unsafe extern "C" {
    fn trainer_autocast(cuda: std::ffi::c_int, enabled: std::ffi::c_int);
    fn trainer_keep_memory();
    fn trainer_load(path: *const std::ffi::c_char) -> *const std::ffi::c_char;
    fn trainer_leaky_relu(input: *const torch_sys::C_tensor, slope: std::ffi::c_double) -> *mut torch_sys::C_tensor;
    fn trainer_adam(
        values: *const torch_sys::C_tensor,
        gradient: *const torch_sys::C_tensor,
        first: *const torch_sys::C_tensor,
        second: *const torch_sys::C_tensor,
        taken: std::ffi::c_double,
        rate: std::ffi::c_double,
        beta1: std::ffi::c_double,
        beta2: std::ffi::c_double,
        epsilon: std::ffi::c_double,
    ) -> std::ffi::c_int;
}

/// bfloat16 autocast on a device, for this thread, while the value lives. Autocasts do not nest.
pub struct Autocast {
    cuda: bool,
}

impl Autocast {
    /// Switches it on.
    pub fn enter(device: Device) -> Self {
        let cuda = device.is_cuda();
        // SAFETY: sets two thread-local flags of libtorch.
        unsafe { trainer_autocast(i32::from(cuda), 1) };
        Self { cuda }
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { trainer_autocast(i32::from(self.cuda), 0) };
    }
}

/// Keeps memory that tensors leave for the next ones, in place of giving it back to the system.
pub fn keep_memory() {
    // SAFETY: sets parameters of the allocator.
    unsafe { trainer_keep_memory() };
}

/// Loads a shared library of libtorch into the process, whose back ends register themselves.
///
/// # Errors
/// What the system's loader says.
pub fn load(library: &Path) -> Result<(), String> {
    let path = CString::new(library.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
    // SAFETY: the path is a C string; the answer is null or a C string of the loader's.
    unsafe {
        let why = trainer_load(path.as_ptr());
        match why.is_null() {
            true => Ok(()),
            false => Err(CStr::from_ptr(why).to_string_lossy().into_owned()),
        }
    }
}

/// Leaky ReLU with that slope below zero; differentiable.
pub fn leaky_relu(input: &Tensor, slope: f64) -> Tensor {
    // SAFETY: the input outlives the call; the answer is a new tensor that tch then owns.
    unsafe {
        let output = trainer_leaky_relu(input.as_ptr(), slope);
        assert!(!output.is_null(), "leaky_relu takes any floating-point tensor");
        Tensor::from_ptr(output)
    }
}

/// What Adam multiplies and adds.
#[derive(Clone, Copy, Debug)]
pub struct AdamTerms {
    /// Steps taken, this one counted.
    pub taken: u64,
    /// Learning rate.
    pub rate: f64,
    /// Weights of the old moments.
    pub betas: (f64, f64),
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

/// torch's fused Adam on vectors of one length: moves `values` against `gradient`, in one pass.
pub fn adam(values: &mut Tensor, gradient: &Tensor, moments: [&mut Tensor; 2], terms: AdamTerms) {
    let [first, second] = moments;
    // SAFETY: all four outlive the call, which checks their lengths and kinds.
    let done = unsafe {
        trainer_adam(
            values.as_ptr(),
            gradient.as_ptr(),
            first.as_ptr(),
            second.as_ptr(),
            terms.taken as f64,
            terms.rate,
            terms.betas.0,
            terms.betas.1,
            terms.epsilon,
        )
    };
    assert!(done == 1, "Adam takes f32 vectors of one length on one device");
}
