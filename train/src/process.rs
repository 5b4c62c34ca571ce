//! How a program that trains sets itself up.

use std::env;
use std::ffi::{c_int, c_long};

unsafe extern "C" {
    fn mi_option_set(option: c_int, value: c_long);
}

/// mimalloc's `mi_option_purge_delay`: the milliseconds after which freed memory goes back to the system.
const PURGE_DELAY: c_int = 15;

/// What candle reads the size of its pool for element-wise operations from.
const POOL: &str = "CANDLE_NUM_THREADS";

/// Sets two things that cost much time otherwise; the results stay the same.
///
/// Freed memory is kept for the next step, where mimalloc is the program's allocator: every step takes the same tensors
/// again, and the system clears each page that it gives out, which has been measured at up to half of a step's time.
///
/// candle's element-wise operations take one thread, unless the environment says otherwise: its pool's threads spin
/// while they wait, which has been measured at 5 to 40 % of a step's CPU time and has gained none on the wall. Matrix
/// products and this crate's kernels share rayon's threads as before.
///
/// # Safety
/// To be called at the start of `main`, before there is another thread, since it changes the environment.
pub unsafe fn set_up() {
    // SAFETY: an option of mimalloc, which is linked, set to a value of its documentation.
    unsafe { mi_option_set(PURGE_DELAY, -1) };
    if env::var_os(POOL).is_none() {
        // SAFETY: the caller sees to it that no other thread reads the environment.
        unsafe { env::set_var(POOL, "1") };
    }
}
