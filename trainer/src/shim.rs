//! The two things of libtorch that tch does not reach, through `shim.cpp`.

use tch::Tensor;

unsafe extern "C" {
    fn trainer_autocast_cpu(enabled: std::ffi::c_int);
    fn trainer_leaky_relu(input: *const torch_sys::C_tensor, slope: std::ffi::c_double) -> *mut torch_sys::C_tensor;
}

/// bfloat16 autocast on the CPU, for this thread, while the value lives. Autocasts do not nest.
pub struct Autocast(());

impl Autocast {
    /// Switches it on.
    pub fn enter() -> Self {
        // SAFETY: sets two thread-local flags of libtorch.
        unsafe { trainer_autocast_cpu(1) };
        Self(())
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { trainer_autocast_cpu(0) };
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
