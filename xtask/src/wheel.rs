//! Fetching ONNX Runtime's library: it comes in a wheel from PyPI.

use std::env;
use std::env::consts::{ARCH, OS};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use easel_console::tell;

use crate::digest::sha256;
use crate::onnxruntime::{VERSION, installed};
use crate::workspace::Workspace;
use crate::{folder, process, python};

/// A wheel: the machine it is for, its platform tag on PyPI, and the SHA-256 it must have.
struct Wheel {
    system: (&'static str, &'static str),
    gpu: bool,
    platform: &'static str,
    megabytes: u32,
    sha256: &'static str,
}

/// The wheel of one Python version: the library inside is the same for all, so any `python3` can fetch it.
const PYTHON: [&str; 5] = ["--python-version=3.11", "--implementation=cp", "--abi=cp311", "--no-deps", "--quiet"];

const WHEELS: [Wheel; 4] = [
    Wheel {
        system: ("linux", "x86_64"),
        gpu: false,
        platform: "manylinux_2_28_x86_64",
        megabytes: 24,
        sha256: "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f",
    },
    Wheel {
        system: ("linux", "x86_64"),
        gpu: true,
        platform: "manylinux_2_28_x86_64",
        megabytes: 256,
        sha256: "e26c475fe361b2015f45b4b824bd13f0bb20204e59b62814e6f0acd5f3d491a6",
    },
    Wheel {
        system: ("linux", "aarch64"),
        gpu: false,
        platform: "manylinux_2_28_aarch64",
        megabytes: 21,
        sha256: "da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3",
    },
    Wheel {
        system: ("macos", "aarch64"),
        gpu: false,
        platform: "macosx_14_0_arm64",
        megabytes: 21,
        sha256: "60b6b69bfe580eab576cacc5d132a0e9cf2a37fcfd18d46dd191042b1d1ed0d7",
    },
];

/// Fetches the library into `.tools/onnxruntime`. Nothing is fetched if the right one is there already (the one for
/// NVIDIA GPUs runs on a CPU too) or, without `gpu`, if `ORT_DYLIB_PATH` names one.
pub fn install(workspace: &Workspace, gpu: bool) -> Result<()> {
    let target = workspace.tools.join("onnxruntime");
    let stamp = fs::read_to_string(target.join("stamp")).unwrap_or_default();
    if installed(&workspace.tools).is_some() && (stamp == stamp_of(gpu) || stamp == stamp_of(true)) {
        return Ok(());
    }
    if !gpu && env::var_os("ORT_DYLIB_PATH").is_some_and(|path| Path::new(&path).is_file()) {
        return Ok(());
    }
    let Some(wheel) = WHEELS.iter().find(|wheel| wheel.system == (OS, ARCH) && wheel.gpu == gpu) else {
        let what = if gpu { " with CUDA" } else { "" };
        bail!(
            "PyPI has no ONNX Runtime {VERSION}{what} for {OS} {ARCH}; \
             build or install one and set ORT_DYLIB_PATH to its library"
        );
    };
    let package = format!("{}=={VERSION}", if gpu { "onnxruntime-gpu" } else { "onnxruntime" });
    tell!("setup: ONNX Runtime: fetching {package} from PyPI ({} MB)", wheel.megabytes);

    let temporary = tempfile::Builder::new().prefix("onnxruntime-").tempdir_in(&workspace.tools)?;
    let fetched = temporary.path().join("wheel");
    let mut pip = python::pip()?;
    pip.args(["download", "--only-binary=:all:"]).args(PYTHON).arg(format!("--platform={}", wheel.platform));
    process::capture(pip.arg("--dest").arg(&fetched).arg(&package)).context("cannot fetch ONNX Runtime")?;
    let file = fs::read_dir(&fetched)?.next().context("pip fetched nothing")??.path();
    verify(&file, wheel.sha256)?;

    let unpacked = temporary.path().join("unpacked");
    unpack(&file, &unpacked)?;
    fs::write(unpacked.join("stamp"), stamp_of(gpu))?;
    folder::remove(&target)?;
    fs::rename(&unpacked, &target)?;
    installed(&workspace.tools).with_context(|| format!("{package}: the wheel holds no ONNX Runtime {VERSION}"))?;
    Ok(())
}

fn stamp_of(gpu: bool) -> String {
    format!("onnxruntime {VERSION} {}\n", if gpu { "gpu" } else { "cpu" })
}

/// Fails unless the file has this SHA-256.
fn verify(file: &Path, expected: &str) -> Result<()> {
    let found = sha256(&fs::read(file)?);
    if found != expected {
        bail!("{}: SHA-256 is {found}, expected {expected}: the file is not the pinned one", file.display());
    }
    Ok(())
}

/// Unpacks a wheel's libraries (into `lib`) and licences, and nothing else.
fn unpack(wheel: &Path, into: &Path) -> Result<()> {
    let mut archive = zip::ZipArchive::new(File::open(wheel)?)?;
    fs::create_dir_all(into.join("lib"))?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let to = match entry.name()?.strip_prefix("onnxruntime/") {
            Some(name @ ("LICENSE" | "ThirdPartyNotices.txt")) => into.join(name),
            Some(name) => match name.strip_prefix("capi/") {
                Some(name) if is_library(name) => into.join("lib").join(name),
                _ => continue,
            },
            None => continue,
        };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        fs::write(to, bytes)?;
    }
    Ok(())
}

fn is_library(name: &str) -> bool {
    !name.contains(['/', '\\'])
        && name.starts_with("libonnxruntime")
        && (name.contains(".so") || name.ends_with(".dylib"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn wheel(folder: &Path, names: &[&str]) -> PathBuf {
        let path = folder.join("a.whl");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for name in names {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(name.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    #[test]
    fn only_libraries_and_licences_leave_the_wheel() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = wheel(
            folder.path(),
            &[
                "onnxruntime/LICENSE",
                "onnxruntime/capi/libonnxruntime.so.1.31.1",
                "onnxruntime/capi/libonnxruntime_providers_shared.so",
                "onnxruntime/capi/onnxruntime_pybind11_state.so",
                "onnxruntime/capi/libonnxruntime/../../../../escaped.so",
                "onnxruntime/__init__.py",
            ],
        );
        let into = folder.path().join("into");
        unpack(&wheel, &into).unwrap();
        let mut found: Vec<_> = walkdir::WalkDir::new(&into)
            .into_iter()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().strip_prefix(&into).unwrap().to_str().unwrap().to_string())
            .collect();
        found.sort();
        assert_eq!(found, ["LICENSE", "lib/libonnxruntime.so.1.31.1", "lib/libonnxruntime_providers_shared.so"]);
        assert!(!folder.path().join("escaped.so").exists());
    }

    #[test]
    fn a_file_with_another_hash_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, "abc").unwrap();
        let right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        verify(&path, right).unwrap();
        assert!(verify(&path, &right.replace('b', "c")).unwrap_err().to_string().contains(right));
    }
}
