//! The machine's free memory, and freed memory.

// Links mimalloc where a program uses this crate without it.
use mimalloc as _;

/// The free memory assumed if the system does not report it.
const ASSUMED_FREE_BYTES: usize = 4_000_000_000;

/// The memory that is available, in bytes.
pub(crate) fn free_bytes() -> usize {
    let kilobytes = |text: String| -> Option<usize> {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:").map(str::to_owned))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    };
    std::fs::read_to_string("/proc/meminfo").ok().and_then(kilobytes).map_or(ASSUMED_FREE_BYTES, |free| free * 1024)
}

unsafe extern "C" {
    fn mi_collect(force: bool);
}

/// Returns freed memory to the system: that of the C library's allocator, from which ONNX Runtime takes large blocks of
/// different sizes for each model, and that of mimalloc, which Easel's engine uses in the programs.
pub(crate) fn release_freed() {
    // SAFETY: it may be called at any time, from any thread.
    unsafe { mi_collect(true) };
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
