//! Where ONNX Runtime's library is.

use std::env::consts::OS;
use std::path::{Path, PathBuf};

/// The version that the project is tested with.
pub const VERSION: &str = "1.31.1";

/// The library in the folder of fetched tools, if set-up has put it there.
pub fn installed(tools: &Path) -> Option<PathBuf> {
    let name = match OS {
        "macos" => format!("libonnxruntime.{VERSION}.dylib"),
        _ => format!("libonnxruntime.so.{VERSION}"),
    };
    Some(tools.join("onnxruntime/lib").join(name)).filter(|path| path.is_file())
}
