//! Which files of a folder are pictures.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use easel_pictures::{Content, DecodeError, identify};

use super::idx;
use super::walk::walk_to;

/// How many bytes at the beginning of a file tell what it is.
const START: u64 = 4096;

/// Extensions of archives.
const ARCHIVES: [&str; 9] = ["zip", "tar", "tgz", "7z", "rar", "xz", "bz2", "zst", "gz"];

/// Extensions of files that hold whole data sets.
const SETS: [&str; 11] = ["npz", "npy", "pkl", "pickle", "parquet", "arrow", "csv", "pt", "pth", "mat", "h5"];

/// Whether a file begins as a picture that is read. The error says why not.
pub fn check(path: &Path) -> Result<(), String> {
    match identify(path).map_err(|error| error.to_string())? {
        Content::Picture(_) => Ok(()),
        Content::Other(format) => Err(format.to_string()),
        Content::Unknown => Err(DecodeError::UnknownFormat.to_string()),
    }
}

/// Whether a file begins as a picture that is read, perhaps as a camera's raw file in the form of a TIFF.
pub fn begins_as_picture(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(START).read_to_end(&mut start));
    read.is_ok() && matches!(Content::of(&start), Content::Picture(_))
}

/// What to do about a folder without pictures, which may hold an archive or pictures in another form.
pub fn advice(folder: &Path) -> String {
    let found = walk_to(folder, 2).find_map(|file| other_form(file.path()));
    found.unwrap_or_else(|| "PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF and JPEG XL are read".into())
}

/// What to do about a file that is no list of pictures.
pub fn advice_on_file(file: &Path) -> String {
    other_form(file).unwrap_or_else(|| "give a folder, or a text file with one `path label` a line".into())
}

/// What to do about a file that holds a whole set.
fn other_form(file: &Path) -> Option<String> {
    let (extension, name) = (extension(file), file.file_name().unwrap_or_default().to_string_lossy());
    if idx::is_one(file) {
        return Some(format!(
            "{name} is one of MNIST's files by its content: name its set as it is published, train-images-idx3-ubyte[.gz] and \
             train-labels-idx1-ubyte[.gz]"
        ));
    }
    if ARCHIVES.contains(&&*extension) {
        return Some(format!("unpack {name} and give its folder"));
    }
    SETS.contains(&&*extension).then(|| {
        format!("{name} is not read: give MNIST's IDX files, or save its pictures as PNG files in class folders")
    })
}

/// Whether a file's name is that of a compressed tar archive.
pub fn is_tar(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.ends_with(".tar.gz") || name.ends_with(".tgz")
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_files_are_told_by_name_or_content() {
        let folder = tempfile::tempdir().unwrap();
        let tiff = b"II*\0\x10\0\0\0CR\x02\0";
        for (name, bytes) in [
            ("a.NEF", &b"MM\0*\0\0\0\x08"[..]),
            ("b.dng", b"II*\0\x08\0\0\0"),
            ("c.tif", tiff),
            ("d.jpg", b"FUJIFILMCCD-RAW 0201"),
            ("e.cr3", b"\0\0\0\x18ftypcrx \0\0\0\x01"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert!(check(&path).unwrap_err().contains("raw file"), "{name}");
        }
        let path = folder.path().join("a.tif");
        image::GrayImage::new(2, 2).save(&path).unwrap();
        assert_eq!(check(&path), Ok(()));
    }
}
