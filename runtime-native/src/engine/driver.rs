//! Whether the machine has an NVIDIA driver, without which no CUDA library is worth looking for.

use std::sync::OnceLock;

/// Whether the CUDA driver's library can be opened. It says nothing about a GPU.
pub(super) fn is_there() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| name().is_some_and(opens))
}

/// The library's name; none where NVIDIA has no driver.
fn name() -> Option<&'static str> {
    if cfg!(windows) {
        Some("nvcuda.dll")
    } else if cfg!(target_os = "linux") {
        Some("libcuda.so.1")
    } else {
        None
    }
}

fn opens(library: &str) -> bool {
    // SAFETY: loading a library runs its initialisers. This one is the system's.
    unsafe { libloading::Library::new(library) }.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_system_has_opens() {
        assert!(opens("libc.so.6") || cfg!(not(target_env = "gnu")));
        assert!(!opens("libno-such-driver.so.1"));
    }
}
