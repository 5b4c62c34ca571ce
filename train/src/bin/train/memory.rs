//! Options of the memory allocator.

use std::ffi::{c_int, c_long};

unsafe extern "C" {
    fn mi_option_set(option: c_int, value: c_long);
}

/// mimalloc's `mi_option_purge_delay`: the milliseconds after which freed memory is returned to the system.
const PURGE_DELAY: c_int = 15;

/// Keeps freed memory for the next step if mimalloc is the program's allocator; otherwise it does nothing. Every step of
/// a training allocates the same tensors, and page faults, with the system zeroing the pages, took up to half of a step's
/// time in measurements.
pub fn keep_freed_memory() {
    // SAFETY: an option of mimalloc, which is linked, set to a value of its documentation.
    unsafe { mi_option_set(PURGE_DELAY, -1) };
}
