//! Finds and loads ONNX Runtime's shared library, once in a process.
//!
//! It is searched for in this order: the path given (`--ort-lib`), the environment variable `ORT_DYLIB_PATH`, the
//! program's folder, `.tools/onnxruntime/lib` in that folder, the current one, or a folder above either, and the system's
//! library path. A library that is named must work. Others that are too old or broken are skipped.

use std::env;
use std::error::Error as _;
use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;
use tracing::level_filters::LevelFilter;

use crate::error::{Error, Result, one_line};
use crate::places;

/// The environment variable that names the library.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Where `cargo xtask setup` puts the library, relative to the repository's root.
pub const TOOLS_FOLDER: &str = ".tools/onnxruntime/lib";

/// ONNX Runtime, loaded.
#[derive(Debug)]
pub struct Library {
    /// Its file, or its file name if the system found it.
    pub path: PathBuf,
    /// Its version: `1.31.1`.
    pub version: String,
    pub(crate) environment: Environment,
}

static LOADED: OnceLock<Library> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// The version of ONNX Runtime in this process. Loads it if necessary.
pub fn onnxruntime_version() -> Result<&'static str> {
    Ok(&load(None)?.version)
}

/// Loads the library, or returns the one that is loaded. After an error it can be called again.
pub fn load(named: Option<&Path>) -> Result<&'static Library> {
    let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = LOADED.get() {
        return match named.map(resolve) {
            Some(wanted) if wanted != loaded.path => {
                Err(Error::LibraryAlreadyLoaded { wanted, loaded: loaded.path.clone() })
            }
            _ => Ok(loaded),
        };
    }
    let variable = env::var_os(LIBRARY_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let library = match (named, variable) {
        (Some(path), _) => load_named(path, &path.display().to_string())?,
        (None, Some(path)) => load_named(&path, &format!("{LIBRARY_VARIABLE}={}", path.display()))?,
        (None, None) => search()?,
    };
    tracing::info!(path = %library.path.display(), version = library.version, "ONNX Runtime loaded");
    Ok(LOADED.get_or_init(|| library))
}

/// Loads the library that the user named: a file, or a folder with one.
fn load_named(path: &Path, named: &str) -> Result<Library> {
    let unusable = |reason| Error::LibraryUnusable { named: named.to_string(), reason };
    if !path.exists() {
        return Err(unusable("no such file".into()));
    }
    if path.is_dir() && newest_in(path).is_none() {
        return Err(unusable(format!("no {} in this folder", pattern())));
    }
    open(&resolve(path)).map_err(unusable)
}

/// The file of a named path: absolute, since `ort` resolves a relative one from the program's folder.
fn resolve(path: &Path) -> PathBuf {
    let file = if path.is_dir() { newest_in(path).unwrap_or_else(|| path.to_owned()) } else { path.to_owned() };
    file.canonicalize().unwrap_or(file)
}

fn search() -> Result<Library> {
    let mut searched = vec![format!("{LIBRARY_VARIABLE} (not set)")];
    let program = places::program_folder();
    let tools = places::upward().into_iter().map(|folder| folder.join(TOOLS_FOLDER));
    for file in program.iter().cloned().chain(tools).filter_map(|folder| newest_in(&folder)) {
        match open(&resolve(&file)) {
            Ok(library) => return Ok(library),
            Err(reason) => searched.push(format!("{} ({reason})", file.display())),
        }
    }
    let current = env::current_dir().ok().filter(|folder| program.as_ref() != Some(folder));
    searched.extend(program.iter().map(|folder| folder.display().to_string()));
    searched.extend(program.iter().chain(&current).map(|folder| format!("{TOOLS_FOLDER} above {}", folder.display())));
    for name in system_names() {
        match open(Path::new(name)) {
            Ok(library) => return Ok(library),
            Err(reason) if reason.starts_with(VERSION_COMPLAINT) => {
                searched.push(format!("the system's {name} ({reason})"))
            }
            // If there is no such library, the system's message adds nothing.
            Err(_) => searched.push(format!("the system's {name}")),
        }
    }
    Err(Error::LibraryMissing { searched })
}

const VERSION_COMPLAINT: &str = "it is ONNX Runtime";

/// Loads a library and starts ONNX Runtime's environment. The error says why it cannot be used.
fn open(path: &Path) -> Result<Library, String> {
    // ort panics on a library without its API version, so that is checked first. The handle stays open until ort has one
    // of its own.
    let (_handle, version) = probe(path)?;
    let environment = ort::init_from(path)
        .map_err(|error| one_line(&error.to_string()))?
        .with_telemetry(false)
        .build()
        .map_err(|error| one_line(error.message()))?;
    // By default ort formats messages of every level, which costs time in each run. ONNX Runtime's information messages
    // are about its internals.
    environment.set_log_level(match LevelFilter::current() {
        LevelFilter::OFF | LevelFilter::ERROR => LogLevel::Error,
        LevelFilter::WARN | LevelFilter::INFO => LogLevel::Warning,
        LevelFilter::DEBUG => LogLevel::Info,
        _ => LogLevel::Verbose,
    });
    Ok(Library { path: path.to_owned(), version, environment })
}

/// Opens a library and reads its version. Fails if it is not ONNX Runtime or too old.
fn probe(path: &Path) -> Result<(libloading::Library, String), String> {
    // SAFETY: loading a library runs its initialisers. It is one that the user named or set up.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| {
        // The system's message is the cause of libloading's error.
        let reason = one_line(&error.source().map_or_else(|| error.to_string(), |cause| cause.to_string()));
        let named = format!("{}: ", path.display());
        format!("it cannot be loaded: {}", reason.strip_prefix(&named).unwrap_or(&reason))
    })?;
    let foreign = "it is a library, but not ONNX Runtime";
    // SAFETY: the symbol has this signature in every release of ONNX Runtime (onnxruntime_c_api.h).
    let base = unsafe {
        let get_base = library
            .get::<unsafe extern "system" fn() -> *const ort::sys::OrtApiBase>(b"OrtGetApiBase\0")
            .map_err(|_| foreign)?;
        get_base().as_ref().ok_or(foreign)?
    };
    // SAFETY: the version is a static text of the library, which is open.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) }.to_string_lossy().into_owned();
    let needed = ort::MINOR_VERSION;
    // The version is compared first: the library prints on stderr if it is asked for an API version that it lacks.
    // SAFETY: the function takes any number and returns null for one that it does not know.
    if !new_enough(&version, needed) || unsafe { (base.GetApi)(needed) }.is_null() {
        return Err(format!("{VERSION_COMPLAINT} {version}, 1.{needed} or newer is needed"));
    }
    Ok((library, version))
}

fn new_enough(version: &str, minor: u32) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (1, minor)
}

/// The newest library in a folder.
fn newest_in(folder: &Path) -> Option<PathBuf> {
    fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| Some((version_of(entry.file_name().to_str()?)?, entry.path())))
        .filter(|(_, path)| path.is_file())
        .max()
        .map(|(_, path)| path)
}

/// The version in a library's file name; `None` for other files, empty where the name has none.
fn version_of(name: &str) -> Option<Vec<u32>> {
    let version = if cfg!(windows) {
        name.eq_ignore_ascii_case("onnxruntime.dll").then_some("")?
    } else if cfg!(target_os = "macos") {
        name.strip_prefix("libonnxruntime")?.strip_suffix(".dylib")?
    } else {
        name.strip_prefix("libonnxruntime.so")?
    };
    match version.strip_prefix('.') {
        Some(numbers) => numbers.split('.').map(|number| number.parse().ok()).collect(),
        None => version.is_empty().then(Vec::new),
    }
}

fn pattern() -> &'static str {
    if cfg!(windows) {
        "onnxruntime.dll"
    } else if cfg!(target_os = "macos") {
        "libonnxruntime*.dylib"
    } else {
        "libonnxruntime.so*"
    }
}

fn system_names() -> &'static [&'static str] {
    if cfg!(windows) {
        &["onnxruntime.dll"]
    } else if cfg!(target_os = "macos") {
        &["libonnxruntime.dylib"]
    } else {
        &["libonnxruntime.so", "libonnxruntime.so.1"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        for version in ["1.24.0", "1.31.1", "2.0.0", "1.100.0"] {
            assert!(new_enough(version, 24), "{version}");
        }
        for version in ["1.23.9", "1.9.0", "0.99.0", "", "nonsense"] {
            assert!(!new_enough(version, 24), "{version}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_newest_library_of_a_folder_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest_in(folder.path()), None);
        for name in ["libonnxruntime_providers_shared.so", "libonnxruntime.so.txt", "notes.md"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        assert_eq!(newest_in(folder.path()), None);
        for name in ["libonnxruntime.so", "libonnxruntime.so.1.9.0", "libonnxruntime.so.1.31.1"] {
            fs::write(folder.path().join(name), "x").unwrap();
            assert_eq!(newest_in(folder.path()).unwrap().file_name().unwrap(), name);
        }
    }
}
