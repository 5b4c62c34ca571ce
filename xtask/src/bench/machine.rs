//! A description of the machine for people.

use std::env::consts::{ARCH, OS};
use std::process::Command;
use std::{fs, thread};

use crate::process;

/// The processor with its relevant vector instructions, the number of cores, and the system.
pub fn describe() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_string())
    };
    let model = field("model name").or_else(apple).unwrap_or_else(|| "unknown CPU".into());
    let flags = field("flags").unwrap_or_default();
    let flags: Vec<_> = flags.split(' ').filter(|flag| matches!(*flag, "avx2" | "fma" | "avx512f")).collect();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let flags = if flags.is_empty() { String::new() } else { format!(" ({})", flags.join(", ")) };
    format!("{model}{flags}, {cores} cores, {OS} {ARCH}")
}

fn apple() -> Option<String> {
    let name = process::capture(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])).ok()?;
    Some(name.trim().to_string())
}

/// The compiler's version.
pub fn rustc() -> String {
    let version = process::capture(Command::new("rustc").arg("--version")).unwrap_or_default();
    version.split(' ').take(2).collect::<Vec<_>>().join(" ")
}
