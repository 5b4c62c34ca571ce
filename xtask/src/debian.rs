//! Installing Debian packages.

use std::env;
use std::process::Command;

use anyhow::{Result, bail};
use easel_console::tell;

use crate::process;

/// Installs a package if the user is root, and otherwise fails with the command to run. `needs` says what is missing and
/// why; `on_mac` is the command for macOS.
pub fn install(package: &str, needs: &str, on_mac: &str) -> Result<()> {
    let install = ["install", "-y", "--no-install-recommends", package];
    let (Some(apt), true) = (process::on_path("apt-get"), is_root()) else {
        let advice = match env::consts::OS {
            "macos" => on_mac.to_string(),
            _ => format!("sudo apt-get install {package}"),
        };
        bail!("{needs}: run '{advice}'");
    };
    tell!("setup: {package}: installing Debian's package");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(&apt);
        process::capture(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    // The package lists may be missing, or may name versions that no longer exist.
    if apt(&install).is_err() {
        apt(&["update"])?;
        apt(&install)?;
    }
    Ok(())
}

fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
