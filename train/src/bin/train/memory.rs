//! What becomes of memory that is freed.

use std::ffi::{c_int, c_long};

unsafe extern "C" {
    fn mi_option_set(option: c_int, value: c_long);
}

/// mimalloc's `mi_option_purge_delay`: the milliseconds after which freed memory goes back to the system.
const PURGE_DELAY: c_int = 15;

/// Keeps freed memory for the next step, where mimalloc is the program's allocator; else it does nothing. Every step
/// of a training takes the same tensors again, and fetching their pages anew, which the system clears first, has been
/// measured at up to half of a step's time.
pub fn keep_freed_memory() {
    // SAFETY: an option of mimalloc, which is linked, set to a value of its documentation.
    unsafe { mi_option_set(PURGE_DELAY, -1) };
}
