//! Writing files so that a reader never sees half of one. Feature `files`: programs need it, a browser has no files.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::{ExtendedColorType, ImageFormat};
use tempfile::NamedTempFile;

use crate::Picture;

/// The folder that holds `path`: its parent, or the current one for a bare name.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// What temporary names begin with.
const TEMPORARY: &str = ".easel-";

/// A temporary file that is this old and that no process holds is nobody's.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// Removes what processes that were killed while they wrote have left in a folder. What others write at the moment is
/// locked, and stays.
pub fn remove_abandoned(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes()));
        let old = |file: &File| file.metadata()?.modified()?.elapsed().map_err(io::Error::other);
        if ours
            && let Ok(file) = File::open(&path)
            && old(&file).is_ok_and(|age| age >= ABANDONED_AFTER)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Writes the bytes under a temporary name beside `path`, syncs and renames. On failure nothing is left and a file
/// that was there before is untouched. The error names the path.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = Unfinished::beside(path)?;
    file.temporary.write_all(bytes).map_err(|error| cannot_write(path, &error))?;
    file.finish()
}

/// A file under a temporary name, which goes again unless it is finished: for one that is written piece by piece, or by
/// another program. The errors name the path that it is to have.
#[derive(Debug)]
pub struct Unfinished {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl Unfinished {
    /// An empty one in the folder of `path`.
    pub fn beside(path: &Path) -> io::Result<Self> {
        let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder(path));
        let temporary = temporary.map_err(|error| cannot_write(path, &error))?;
        // Where a file system knows no locks, an old one may be taken for nobody's.
        let _ = temporary.as_file().lock_shared();
        Ok(Self { temporary, path: path.to_owned() })
    }

    /// Where it is now.
    pub fn place(&self) -> &Path {
        self.temporary.path()
    }

    /// Syncs it and gives it its name, in place of a file that has it.
    pub fn finish(self) -> io::Result<()> {
        let Self { temporary, path } = self;
        let finish = || {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            }
            temporary.as_file().sync_all()?;
            temporary.persist(&path).map_err(|error| error.error)?;
            sync_folder(folder(&path))
        };
        finish().map_err(|error| cannot_write(&path, &error))
    }
}

/// The error without the temporary file's name, which says nothing to anybody.
fn cannot_write(path: &Path, error: &io::Error) -> io::Error {
    let text = error.to_string();
    let what = text.split(" at path ").next().unwrap_or(&text);
    io::Error::new(error.kind(), format!("{}: cannot write: {what}", path.display()))
}

/// Makes a rename in this folder last through a power cut.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// The picture format that a path's extension names, among those the project writes. The error lists them.
pub fn picture_format(path: &Path) -> io::Result<ImageFormat> {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "png" => Ok(ImageFormat::Png),
        "jpg" | "jpeg" => Ok(ImageFormat::Jpeg),
        "webp" => Ok(ImageFormat::WebP),
        "bmp" => Ok(ImageFormat::Bmp),
        "tif" | "tiff" => Ok(ImageFormat::Tiff),
        "gif" => Ok(ImageFormat::Gif),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{}: pictures are written as png, jpg, webp, bmp, tiff or gif", path.display()),
        )),
    }
}

/// A picture's bytes in a file format.
pub fn encode_picture(picture: &Picture, format: ImageFormat) -> io::Result<Vec<u8>> {
    let (pixels, colour) = match (format, picture.channels) {
        (ImageFormat::Gif, _) => (&picture.to_rgba(), ExtendedColorType::Rgba8),
        (_, 1) => (&picture.pixels, ExtendedColorType::L8),
        _ => (&picture.pixels, ExtendedColorType::Rgb8),
    };
    let mut bytes = io::Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut bytes, pixels, picture.width as u32, picture.height as u32, colour, format)
        .map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}

/// Encodes a picture by the path's extension and writes it with [`write_atomically`].
pub fn save_picture(path: &Path, picture: &Picture) -> io::Result<()> {
    write_atomically(path, &encode_picture(picture, picture_format(path)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("taken");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("inside"), "x").unwrap();
        let error = write_atomically(&target, b"bytes").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_what_nobody_writes_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let old = std::time::SystemTime::now() - 2 * ABANDONED_AFTER;
        let make = |name: &str, modified: std::time::SystemTime| {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(modified).unwrap();
            file
        };
        let held = make(".easel-held", old);
        held.lock_shared().unwrap();
        make(".easel-new", std::time::SystemTime::now());
        make("picture.png", old);
        make(".easel-left", old);
        remove_abandoned(folder.path());
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".easel-held", ".easel-new", "picture.png"]);
    }

    #[test]
    fn pictures_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let picture = Picture { width: 3, height: 2, channels: 3, pixels: (0..18).collect() };
        for name in ["a.png", "b.webp", "c.bmp", "d.tiff", "e.gif"] {
            let path = folder.path().join(name);
            save_picture(&path, &picture).unwrap();
            assert_eq!(image::open(&path).unwrap().to_rgb8().into_raw(), picture.pixels, "{name}");
        }
        assert!(save_picture(&folder.path().join("e.xyz"), &picture).is_err());
    }
}
