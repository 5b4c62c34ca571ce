//! Debian's packages, where this user may install them.

use std::env;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// Installs a package. `needs` says who needs it, `on_mac` what brings it there.
pub fn install(package: &str, needs: &str, on_mac: &str) -> Result<()> {
    let install = ["install", "-y", "--no-install-recommends", package];
    let (Some(apt), true) = (process::on_path("apt-get"), is_root()) else {
        let advice = match env::consts::OS {
            "macos" => on_mac.to_string(),
            _ => format!("sudo apt-get install {package}"),
        };
        bail!("{needs}: run '{advice}'");
    };
    eprintln!("setup: {package}: installing Debian's package");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(&apt);
        process::capture(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    // The lists on the machine may be missing or may name versions that are gone.
    if apt(&install).is_err() {
        apt(&["update"])?;
        apt(&install)?;
    }
    Ok(())
}

fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
