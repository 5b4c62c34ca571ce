//! IDX files, the format of MNIST (LeCun, Cortes, Burges: "The MNIST database of handwritten digits").
//!
//! A file is a magic number (0, 0, element type, number of dimensions), each dimension as a big-endian 32-bit integer,
//! and the elements. Pictures are `08 03` with `[count, rows, columns]`, labels `08 01` with `[count]`. A file may be
//! compressed with gzip, whatever its name.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use easel_runtime::Picture;
use flate2::read::MultiGzDecoder;
use rayon::prelude::*;

use super::fingerprint::Fingerprint;
use super::mnist_files::Files;
use super::{About, PictureFormat, Pictures, check_total, fit};
use crate::{Error, Result};

/// The largest height, width and number of pictures that a header may declare.
const MOST_PIXELS_A_SIDE: u32 = 4096;
const MOST_PICTURES: u32 = 50_000_000;

/// The number of pictures of a set, as its header says.
pub fn count(files: &Files) -> Result<usize> {
    Ok(header(&files.images, 3)?.0[0] as usize)
}

/// Loads a set of pictures.
pub fn load(files: &Files, name: String, format: PictureFormat) -> Result<Pictures> {
    let images = read(&files.images, 3)?;
    let labels = read(&files.labels, 1)?;
    let [count, high, wide] = images.dimensions[..] else { unreachable!("three dimensions were asked for") };
    if labels.elements.len() != count as usize {
        return Err(Error::Data(format!(
            "{}: {} labels, but {} has {count} pictures; the files must belong together",
            files.labels.display(),
            labels.elements.len(),
            files.images.display()
        )));
    }
    if count == 0 {
        return Err(Error::Data(format!("{}: no pictures; use a file with some", files.images.display())));
    }
    check_total(&files.images, count as usize, format)?;
    let highest = labels.elements.iter().copied().max().unwrap_or_default();
    let classes: Vec<String> = (0..=highest).map(|label| label.to_string()).collect();
    let size = [high as usize, wide as usize];
    let fingerprint = Fingerprint::of_bytes(size, &images.elements, &labels.elements, &classes);
    let plane = (high * wide) as usize;
    let fits = format == PictureFormat { channels: 1, height: high as usize, width: wide as usize };
    let pixels = if fits {
        images.elements
    } else {
        let fitted: Vec<Vec<u8>> = images
            .elements
            .par_chunks_exact(plane)
            .map(|pixels| {
                let (width, height) = (wide as usize, high as usize);
                fit::fit_picture(Picture { width, height, channels: 1, pixels: pixels.to_vec() }, format)
            })
            .collect();
        fitted.concat()
    };
    Ok(Pictures {
        format,
        pixels,
        labels: labels.elements.iter().map(|&label| u32::from(label)).collect(),
        classes,
        name,
        skipped: 0,
        reasons: vec![],
        about: About { fingerprint: Some(fingerprint), ..About::default() },
    })
}

/// Whether a file begins as an IDX file or as a gzip file, which may hold one.
pub(super) fn looks_like(start: &[u8]) -> bool {
    start.starts_with(&[0, 0, 8]) || start.starts_with(&[0x1f, 0x8b])
}

/// Whether a file is one of pictures or of labels, whatever its name.
pub(super) fn is_one(path: &Path) -> bool {
    header(path, 3).is_ok() || header(path, 1).is_ok()
}

struct Idx {
    dimensions: Vec<u32>,
    elements: Vec<u8>,
}

/// Reads the header of a file of unsigned bytes with the given number of dimensions: the sizes, and what comes after it.
fn header(path: &Path, dimensions: u8) -> Result<(Vec<u32>, Box<dyn Read>)> {
    let bad = |what: String| Error::Data(format!("{}: {what}", path.display()));
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => bad("truncated: it ends within its header; copy it again".into()),
        _ => bad(format!("cannot read: {error}; copy it again")),
    };
    let mut file = File::open(path).map_err(|error| bad(format!("cannot open: {error}")))?;
    let mut start = Vec::new();
    Read::by_ref(&mut file).take(2).read_to_end(&mut start).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let mut reader: Box<dyn Read> = if start == [0x1f, 0x8b] {
        Box::new(MultiGzDecoder::new(BufReader::new(file)))
    } else {
        Box::new(BufReader::new(file))
    };

    let mut word = || -> Result<u32> {
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).map_err(unreadable)?;
        Ok(u32::from_be_bytes(bytes))
    };
    let (magic, wanted) = (word()?, 0x0800 | u32::from(dimensions));
    if magic != wanted {
        let what = if dimensions == 3 { "pictures" } else { "labels" };
        return Err(bad(format!(
            "not an IDX file of {what}: its magic number is {magic:#010x}, expected {wanted:#010x}; use the original file"
        )));
    }
    let sizes = (0..dimensions).map(|_| word()).collect::<Result<Vec<_>>>()?;
    let sides = &sizes[1..];
    if sizes[0] > MOST_PICTURES || sides.iter().any(|side| !(1..=MOST_PIXELS_A_SIDE).contains(side)) {
        return Err(bad(format!("its header declares {sizes:?} elements, which is impossible; copy it again")));
    }
    Ok((sizes, reader))
}

/// Reads a file of unsigned bytes with the given number of dimensions.
fn read(path: &Path, dimensions: u8) -> Result<Idx> {
    let bad = |what: String| Error::Data(format!("{}: {what}", path.display()));
    let (sizes, reader) = header(path, dimensions)?;
    let total = sizes.iter().map(|&size| u64::from(size)).product::<u64>();

    // Allocations follow the bytes that are read, never the header.
    let mut elements = Vec::new();
    match reader.take(total + 1).read_to_end(&mut elements) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(bad(format!("cannot be decompressed: {error}; copy it again"))),
    }
    if (elements.len() as u64) < total {
        return Err(bad(format!(
            "truncated: {} of the {total} bytes that its header declares ({sizes:?}); copy it again",
            elements.len()
        )));
    }
    if elements.len() as u64 > total {
        return Err(bad(format!("longer than the {total} bytes that its header declares ({sizes:?}); copy it again")));
    }
    Ok(Idx { dimensions: sizes, elements })
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::super::tests::DIGIT;
    use super::super::{Source, load};
    use super::*;

    pub(in super::super) fn images(sizes: [u32; 3]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 3];
        sizes.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
        bytes.extend((0..sizes.iter().product::<u32>()).map(|at| (at % 251) as u8));
        bytes
    }

    pub(in super::super) fn labels(labels: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 1];
        bytes.extend((labels.len() as u32).to_be_bytes());
        bytes.extend(labels);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn loaded(images: &[u8], labels: &[u8]) -> Result<Pictures> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("train-images-idx3-ubyte"), images).unwrap();
        std::fs::write(folder.path().join("train-labels-idx1-ubyte.gz"), labels).unwrap();
        load(&Source::Path(folder.path().into()), DIGIT)
    }

    fn message(images: &[u8], labels: &[u8]) -> String {
        loaded(images, labels).unwrap_err().to_string()
    }

    #[test]
    fn compressed_or_not_by_content() {
        let plain = loaded(&images([2, 28, 28]), &labels(&[3, 1])).unwrap();
        assert_eq!((plain.len(), &plain.labels[..], plain.classes.len()), (2, &[3, 1][..], 4));
        assert_eq!(plain.pixels_of(1)[..3], [31, 32, 33]);
        let compressed = loaded(&gzip(&images([2, 28, 28])), &gzip(&labels(&[3, 1]))).unwrap();
        assert_eq!(plain.pixels, compressed.pixels);
    }

    #[test]
    fn other_sizes_are_brought_to_the_format() {
        let pictures = loaded(&images([3, 20, 31]), &labels(&[0, 1, 2])).unwrap();
        assert_eq!(pictures.pixels.len(), 3 * 784);
    }

    #[test]
    fn broken_files_are_named() {
        let (good, two) = (images([2, 28, 28]), labels(&[3, 1]));
        let error = message(&two, &two);
        assert!(
            error.contains("train-images") && error.contains("0x00000801") && error.contains("0x00000803"),
            "{error}"
        );
        let error = message(&good, &good);
        assert!(error.contains("train-labels") && error.contains("0x00000803"), "{error}");
        let error = message(&good[..900], &two);
        assert!(error.contains("truncated: 884 of the 1568 bytes"), "{error}");
        let error = message(&gzip(&good)[..300], &two);
        assert!(error.contains("train-images") && error.contains("truncated"), "{error}");
        let error = message(&good, &labels(&[3]));
        assert!(error.contains("1 labels") && error.contains("2 pictures"), "{error}");
        for length in 0..16 {
            assert!(message(&good[..length], &two).contains("truncated"));
        }
        assert!(message(&[&good[..], &[0]].concat(), &two).contains("longer"));
        assert!(message(&images([0, 28, 28]), &labels(&[])).contains("no pictures"));
        let mut flipped = gzip(&good);
        flipped[40] ^= 0xff;
        assert!(message(&flipped, &two).contains("train-images"));
    }

    #[test]
    fn a_lying_header_allocates_nothing() {
        for sizes in [[u32::MAX; 3], [50_000_000, 4096, 4096], [1, 0, 28]] {
            let mut bytes = vec![0, 0, 8, 3];
            sizes.iter().for_each(|size: &u32| bytes.extend(size.to_be_bytes()));
            bytes.extend([0; 100]);
            assert!(message(&bytes, &labels(&[1])).contains("header declares"));
        }
    }
}
