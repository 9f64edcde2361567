//! The store that processes meet at and their sums, by libtorch through `group.cpp`.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tch::Tensor;

unsafe extern "C" {
    fn trainer_store(
        host: *const c_char,
        port: *mut u16,
        serves: c_int,
        timeout: i64,
        store: *mut *mut c_void,
    ) -> *const c_char;
    fn trainer_store_part(store: *mut c_void, prefix: *const c_char, part: *mut *mut c_void) -> *const c_char;
    fn trainer_store_set(store: *mut c_void, key: *const c_char, value: *const c_char) -> *const c_char;
    fn trainer_store_has(store: *mut c_void, key: *const c_char, has: *mut c_int) -> *const c_char;
    fn trainer_store_wait(store: *mut c_void, key: *const c_char, timeout: i64) -> *const c_char;
    fn trainer_store_close(store: *mut c_void);
    fn trainer_group(
        store: *mut c_void,
        rank: c_int,
        world: c_int,
        interface: *const c_char,
        address: *const c_char,
        timeout: i64,
        group: *mut *mut c_void,
    ) -> *const c_char;
    fn trainer_group_sum(group: *mut c_void, tensor: *const torch_sys::C_tensor, timeout: i64) -> *const c_char;
    fn trainer_group_broadcast(group: *mut c_void, tensor: *const torch_sys::C_tensor, timeout: i64) -> *const c_char;
    fn trainer_group_close(group: *mut c_void);
}

/// Keys and values that every process of a run can reach (libtorch's TCPStore).
#[derive(Debug)]
pub struct Store(*mut c_void);

impl Store {
    /// The store at a host and port, tried for so long. The process that serves it may give port 0 for a free one.
    /// Gives the port too.
    ///
    /// # Errors
    /// What libtorch says.
    pub fn open(host: &str, mut port: u16, serves: bool, timeout: Duration) -> Result<(Self, u16)> {
        let (host, mut store) = (CString::new(host)?, ptr::null_mut());
        // SAFETY: the host is a C string; port and store outlive the call, which fills them in.
        checked(unsafe {
            trainer_store(
                host.as_ptr(),
                &mut port,
                serves.into(),
                milliseconds(timeout),
                &mut store,
            )
        })?;
        Ok((Self(store), port))
    }

    /// The part whose keys begin so.
    ///
    /// # Errors
    /// What libtorch says.
    pub fn part(&self, prefix: &str) -> Result<Self> {
        let (prefix, mut part) = (CString::new(prefix)?, ptr::null_mut());
        // SAFETY: the store lives; the part holds a count of its own on it.
        checked(unsafe { trainer_store_part(self.0, prefix.as_ptr(), &mut part) })?;
        Ok(Self(part))
    }

    /// Sets a key.
    ///
    /// # Errors
    /// Where the store is gone.
    pub fn set(&self, key: &str) -> Result<()> {
        let key = CString::new(key)?;
        // SAFETY: the store lives; both are C strings.
        checked(unsafe { trainer_store_set(self.0, key.as_ptr(), c"1".as_ptr()) })
    }

    /// Whether a key is set.
    ///
    /// # Errors
    /// Where the store is gone.
    pub fn has(&self, key: &str) -> Result<bool> {
        let (key, mut has) = (CString::new(key)?, 0);
        // SAFETY: the store lives; the answer outlives the call.
        checked(unsafe { trainer_store_has(self.0, key.as_ptr(), &mut has) })?;
        Ok(has != 0)
    }

    /// Waits so long for a key to be set.
    ///
    /// # Errors
    /// Where it was not, or the store is gone.
    pub fn wait(&self, key: &str, timeout: Duration) -> Result<()> {
        let key = CString::new(key)?;
        // SAFETY: the store lives; the key is a C string.
        checked(unsafe { trainer_store_wait(self.0, key.as_ptr(), milliseconds(timeout)) })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: made by libtorch, and closed once.
        unsafe { trainer_store_close(self.0) };
    }
}

/// Connections between all processes of a store (libtorch's ProcessGroupGloo). All of them call the same functions
/// in the same order.
#[derive(Debug)]
pub struct Group(*mut c_void);

impl Group {
    /// Connects rank `rank` of `world`, by a network interface or by the one of an address; empty for both is the
    /// one of the machine's name.
    ///
    /// # Errors
    /// What libtorch says, after that time at the latest.
    pub fn connect(
        store: &Store,
        (rank, world): (usize, usize),
        (interface, address): (&str, &str),
        timeout: Duration,
    ) -> Result<Self> {
        let (interface, address, mut group) = (CString::new(interface)?, CString::new(address)?, ptr::null_mut());
        let (rank, world) = (c_int::try_from(rank)?, c_int::try_from(world)?);
        let (names, timeout) = ([interface.as_ptr(), address.as_ptr()], milliseconds(timeout));
        // SAFETY: the store lives, and the group holds a count of its own on it; the names are C strings.
        checked(unsafe { trainer_group(store.0, rank, world, names[0], names[1], timeout, &mut group) })?;
        Ok(Self(group))
    }

    /// Makes each process's tensor (contiguous, on the CPU) the sum of all, with the same bits in each.
    ///
    /// # Errors
    /// Where a process is gone or did not call for so long.
    pub fn sum(&self, tensor: &Tensor, timeout: Duration) -> Result<()> {
        // SAFETY: group and tensor outlive the call, which ends with the work done.
        checked(unsafe { trainer_group_sum(self.0, tensor.as_ptr(), milliseconds(timeout)) })
    }

    /// Makes each process's tensor (contiguous, on the CPU) that of rank 0.
    ///
    /// # Errors
    /// As [`Self::sum`].
    pub fn broadcast(&self, tensor: &Tensor, timeout: Duration) -> Result<()> {
        // SAFETY: as above.
        checked(unsafe { trainer_group_broadcast(self.0, tensor.as_ptr(), milliseconds(timeout)) })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: made by libtorch, and closed once.
        unsafe { trainer_group_close(self.0) };
    }
}

/// An answer of `group.cpp`: null, or why it failed. gloo's second sentence sends its reader to logs.
fn checked(why: *const c_char) -> Result<()> {
    if why.is_null() {
        return Ok(());
    }
    // SAFETY: a C string that lives until this thread's next call.
    let why = unsafe { CStr::from_ptr(why) }.to_string_lossy();
    let line = why.lines().next().unwrap_or_default();
    Err(anyhow!("{}", line.split(". This is typically").next().unwrap_or(line)))
}

fn milliseconds(timeout: Duration) -> i64 {
    i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX).max(1)
}
