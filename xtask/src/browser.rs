//! A Chromium for the tests of the page.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const ON_MAC: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/// The browser: `CHROME` where it is set, else the first found.
pub fn installed() -> Result<Option<PathBuf>> {
    if let Some(named) = env::var_os("CHROME").filter(|named| !named.is_empty()) {
        let path = PathBuf::from(named);
        if !process::is_program(&path) {
            bail!("CHROME={}: not a program; set it to a Chromium or Chrome, or unset it", path.display());
        }
        return Ok(Some(path));
    }
    let on_mac = PathBuf::from(ON_MAC);
    Ok(NAMES.iter().find_map(|name| process::on_path(name)).or(process::is_program(&on_mac).then_some(on_mac)))
}

/// Installs Debian's package where there is no browser and this user may.
pub fn install() -> Result<()> {
    if installed()?.is_some() {
        return Ok(());
    }
    let install = ["install", "-y", "--no-install-recommends", "chromium"];
    let (Some(apt), true) = (process::on_path("apt-get"), is_root()) else {
        let advice = match env::consts::OS {
            "macos" => "brew install --cask google-chrome",
            _ => "sudo apt-get install chromium",
        };
        bail!("no Chromium for the page's tests: run '{advice}', or set CHROME to the program");
    };
    eprintln!("setup: Chromium: installing Debian's package");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(&apt);
        process::capture(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    // The lists on the machine may be missing or may name versions that are gone.
    if apt(&install).is_err() {
        apt(&["update"])?;
        apt(&install)?;
    }
    if installed()?.is_none() {
        bail!("the package chromium brought no program of that name: set CHROME to a Chromium or Chrome");
    }
    Ok(())
}

fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
