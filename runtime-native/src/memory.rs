//! How much memory there is, and giving it back.

/// Where no system tells how much memory is free.
const SUPPOSED_FREE_BYTES: usize = 4_000_000_000;

/// The memory that the system has left.
pub(crate) fn free_bytes() -> usize {
    let kilobytes = |text: String| -> Option<usize> {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:").map(str::to_owned))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    };
    std::fs::read_to_string("/proc/meminfo").ok().and_then(kilobytes).map_or(SUPPOSED_FREE_BYTES, |free| free * 1024)
}

/// Gives back what the C library's allocator keeps of freed memory. It is ONNX Runtime's, whose blocks are large and of
/// other sizes for each model.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
