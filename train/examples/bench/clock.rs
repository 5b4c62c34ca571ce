//! Time on the wall, and time of all of the process's threads on the CPU.

use std::time::Instant;

/// A point in both times.
pub struct Clock {
    cpu: f64,
    wall: Instant,
}

impl Clock {
    /// Now.
    pub fn start() -> Self {
        Self { cpu: cpu(), wall: Instant::now() }
    }

    /// The seconds since then, on the CPU and on the wall.
    pub fn passed(&self) -> (f64, f64) {
        (cpu() - self.cpu, self.wall.elapsed().as_secs_f64())
    }
}

/// Seconds that this process has used, in its own code and in the kernel's.
#[cfg(unix)]
fn cpu() -> f64 {
    // SAFETY: `getrusage` fills the structure that it is given, of which zeros are a valid value.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0, "getrusage knows RUSAGE_SELF");
        usage
    };
    [usage.ru_utime, usage.ru_stime].iter().map(|time| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6).sum()
}

#[cfg(not(unix))]
fn cpu() -> f64 {
    f64::NAN
}
