//! Options of the memory allocator.

use std::ffi::{c_int, c_long};

unsafe extern "C" {
    fn mi_option_set(option: c_int, value: c_long);
}

/// mimalloc's `mi_option_purge_delay`: the milliseconds after which freed memory is returned to the system.
const PURGE_DELAY: c_int = 15;

/// mimalloc's `mi_option_arena_reserve`: the KiB of addresses that it asks the system for at a time.
const ARENA_RESERVE: c_int = 23;

/// Keeps freed memory for the next step if mimalloc is the program's allocator; otherwise it does nothing. Every step of
/// a training allocates the same tensors, and page faults, with the system zeroing the pages, took up to half of a step's
/// time in measurements. Addresses come in large pieces: between tensors of different sizes in pieces of 1 GiB, mimalloc's
/// own choice, a tenth of the memory stayed unused.
pub fn keep_freed_memory() {
    // SAFETY: options of mimalloc, which is linked, set to values of its documentation.
    unsafe {
        mi_option_set(PURGE_DELAY, -1);
        #[cfg(target_pointer_width = "64")]
        mi_option_set(ARENA_RESERVE, 8 << 20);
    }
}
