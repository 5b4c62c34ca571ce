//! The Chromium that tests the page.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::{debian, process};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const ON_MAC: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/// The browser: the one `CHROME` names, or else the first one found.
pub fn installed() -> Result<Option<PathBuf>> {
    if let Some(named) = env::var_os("CHROME").filter(|named| !named.is_empty()) {
        let path = PathBuf::from(named);
        if !process::is_program(&path) {
            bail!("CHROME={}: not an executable; set it to a Chromium or Chrome, or unset it", path.display());
        }
        return Ok(Some(path));
    }
    let on_mac = PathBuf::from(ON_MAC);
    Ok(NAMES.iter().find_map(|name| process::on_path(name)).or(process::is_program(&on_mac).then_some(on_mac)))
}

/// Installs Debian's package if there is no browser and the user is root.
pub fn install() -> Result<()> {
    if installed()?.is_some() {
        return Ok(());
    }
    let needs = "no Chromium for the page's tests (set CHROME if it is installed elsewhere)";
    debian::install("chromium", needs, "brew install --cask google-chrome")?;
    if installed()?.is_none() {
        bail!("the package chromium installed no browser: set CHROME to a Chromium or Chrome");
    }
    Ok(())
}
