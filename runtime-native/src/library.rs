//! Finding and loading ONNX Runtime's shared library, once in a process.
//!
//! It is looked for, in this order: the path given (`--ort-lib`), the environment's `ORT_DYLIB_PATH`, the program's own
//! folder, `.tools/onnxruntime/lib` above that folder or above the current one, the system's library path. Where a
//! library is named, it is that one or an error; what merely lies about and is too old or broken is passed over.

use std::env;
use std::error::Error as _;
use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;
use tracing::level_filters::LevelFilter;

use crate::error::one_line;
use crate::{Error, Result, places};

/// The environment's variable that names the library.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Where `cargo xtask setup` puts the library, from the repository's root.
pub const TOOLS_FOLDER: &str = ".tools/onnxruntime/lib";

/// ONNX Runtime, loaded.
#[derive(Debug)]
pub struct Library {
    /// Its file, or its bare name where the system found it.
    pub path: PathBuf,
    /// Its version: `1.31.1`.
    pub version: String,
    pub(crate) environment: Environment,
}

static LOADED: OnceLock<Library> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// The version of ONNX Runtime in this process, loading it where that has not happened yet.
pub fn onnxruntime_version() -> Result<&'static str> {
    Ok(&load(None)?.version)
}

/// Loads the library, or gives the one that is loaded. A failure can be tried again.
pub fn load(named: Option<&Path>) -> Result<&'static Library> {
    let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = LOADED.get() {
        return match named.map(resolve) {
            Some(wanted) if wanted != loaded.path => Err(Error::LibraryTaken { wanted, loaded: loaded.path.clone() }),
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

/// The library of a file, or in a folder, that somebody named.
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

/// The file that a named path stands for: absolute, since `ort` takes a relative one from the program's folder.
fn resolve(path: &Path) -> PathBuf {
    let file = if path.is_dir() { newest_in(path).unwrap_or_else(|| path.to_owned()) } else { path.to_owned() };
    file.canonicalize().unwrap_or(file)
}

fn search() -> Result<Library> {
    let mut looked = vec![format!("{LIBRARY_VARIABLE} (not set)")];
    let program = places::program_folder();
    let tools = places::upward().into_iter().map(|folder| folder.join(TOOLS_FOLDER));
    for file in program.iter().cloned().chain(tools).filter_map(|folder| newest_in(&folder)) {
        match open(&resolve(&file)) {
            Ok(library) => return Ok(library),
            Err(reason) => looked.push(format!("{} ({reason})", file.display())),
        }
    }
    let current = env::current_dir().ok().filter(|folder| program.as_ref() != Some(folder));
    looked.extend(program.iter().map(|folder| folder.display().to_string()));
    looked.extend(program.iter().chain(&current).map(|folder| format!("{TOOLS_FOLDER} above {}", folder.display())));
    for name in system_names() {
        match open(Path::new(name)) {
            Ok(library) => return Ok(library),
            Err(reason) if reason.starts_with(VERSION_COMPLAINT) => {
                looked.push(format!("the system's {name} ({reason})"))
            }
            // Where nothing has this name, the system's words say no more.
            Err(_) => looked.push(format!("the system's {name}")),
        }
    }
    Err(Error::LibraryMissing { looked })
}

const VERSION_COMPLAINT: &str = "it is ONNX Runtime";

/// Loads a library and starts ONNX Runtime's environment, or says why not.
fn open(path: &Path) -> Result<Library, String> {
    // ort panics on a library that does not know its interface, so it is asked first. The handle stays open until ort
    // has one of its own.
    let (_handle, version) = probe(path)?;
    let environment = ort::init_from(path)
        .map_err(|error| one_line(&error.to_string()))?
        .with_telemetry(false)
        .build()
        .map_err(|error| one_line(error.message()))?;
    // ort asks for messages of every level, and making those that nobody reads costs time in each run. What ONNX
    // Runtime calls information is about its own insides.
    environment.set_log_level(match LevelFilter::current() {
        LevelFilter::OFF | LevelFilter::ERROR => LogLevel::Error,
        LevelFilter::WARN | LevelFilter::INFO => LogLevel::Warning,
        LevelFilter::DEBUG => LogLevel::Info,
        _ => LogLevel::Verbose,
    });
    Ok(Library { path: path.to_owned(), version, environment })
}

/// Opens a library and asks for its version; an error where it is none of ONNX Runtime's or too old.
fn probe(path: &Path) -> Result<(libloading::Library, String), String> {
    // SAFETY: loading a library runs its initialisers. It is one that the user named or set up.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| {
        // The system's words are the cause of libloading's own.
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
    // The version comes first: asked for an interface that it does not know, the library itself writes to stderr.
    // SAFETY: the function takes any number and gives null for one that it does not know.
    if !new_enough(&version, needed) || unsafe { (base.GetApi)(needed) }.is_null() {
        return Err(format!("{VERSION_COMPLAINT} {version}, 1.{needed} or newer is needed"));
    }
    Ok((library, version))
}

fn new_enough(version: &str, minor: u32) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (1, minor)
}

/// The library in a folder; of several versions the newest.
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
