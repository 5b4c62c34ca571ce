//! How many threads a training computes with.

/// Gives matrix products and kernels `threads` threads, and candle's own element-wise operations one: their pool spins
/// between two of them, which has been measured at 5 to 40 % of a step's time on the CPU.
///
/// The numbers are read once, when something is first computed, so this comes first.
///
/// # Safety
/// It sets environment variables: no other thread may run.
pub unsafe fn limit(threads: usize) {
    // SAFETY: the caller's.
    unsafe {
        std::env::set_var("RAYON_NUM_THREADS", threads.to_string());
        std::env::set_var("CANDLE_NUM_THREADS", "1");
    }
}
