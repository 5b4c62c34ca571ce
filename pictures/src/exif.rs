//! EXIF metadata (CIPA DC-008). A TIFF file has the same fields in its own directory.

use crate::density::Density;
use crate::ifd::{Field, Reader, length, write};

/// The most bytes that all fields may take. A JPEG has room for 65,533.
const MAX_BYTES: usize = 60_000;

const ORIENTATION: u16 = 0x0112;
const CAMERA_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;
const YCBCR_POSITIONING: u16 = 0x0213;
const EXIF_VERSION: u16 = 0x9000;
const COMPONENTS: u16 = 0x9101;
const FLASHPIX_VERSION: u16 = 0xa000;
const COLOUR_SPACE: u16 = 0xa001;
const WIDTH: u16 = 0xa002;
const HEIGHT: u16 = 0xa003;

const GPS_VERSION: u16 = 0x0000;
/// How the place was found. Validators miss it in a TIFF file.
const GPS_METHOD: u16 = 0x001b;

/// The colour space that is not sRGB, or not known.
const UNCALIBRATED: u16 = 0xffff;

/// The fields of the first directory that are kept: description, maker and model of the camera, software, time, artist,
/// rating, copyright, and those of Windows. The others describe how the picture is stored, or are a [`Density`].
const PICTURE_TAGS: [u16; 14] =
    [0x010e, 0x010f, 0x0110, 0x0131, 0x0132, 0x013b, 0x4746, 0x4749, 0x8298, 0x9c9b, 0x9c9c, 0x9c9d, 0x9c9e, 0x9c9f];

/// Those of them that a TIFF file does not get.
const UNKNOWN_TO_TIFF: [u16; 7] = [0x4746, 0x4749, 0x9c9b, 0x9c9c, 0x9c9d, 0x9c9e, 0x9c9f];

/// The fields of the camera's directory that are dropped: those that are written anew, bits per pixel, the maker's note
/// (its offsets would be wrong), the interoperability directory, and padding.
const DROPPED_CAMERA_TAGS: [u16; 9] =
    [EXIF_VERSION, COMPONENTS, FLASHPIX_VERSION, WIDTH, HEIGHT, 0x9102, 0x927c, 0xa005, 0xea1c];

/// The fields that remain valid when a picture's pixels change. A thumbnail does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exif {
    picture: Vec<Field>,
    camera: Vec<Field>,
    gps: Vec<Field>,
}

impl Exif {
    /// Reads an EXIF block or a TIFF file. `None` if it is neither or has no field to keep. Unreadable fields are
    /// omitted.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mut reader, first) = Reader::new(bytes, MAX_BYTES)?;
        let pointer = |fields: &[Field], tag| {
            let field = fields.iter().find(|field| field.tag == tag)?;
            Some(u32::from_le_bytes(field.value.as_slice().try_into().ok()?))
        };
        let pointers = reader.directory(first, |tag| matches!(tag, CAMERA_DIRECTORY | GPS_DIRECTORY));
        let picture = reader.directory(first, |tag| PICTURE_TAGS.contains(&tag));
        let gps = pointer(&pointers, GPS_DIRECTORY).map(|at| reader.directory(at, |_| true)).unwrap_or_default();
        let mut camera = pointer(&pointers, CAMERA_DIRECTORY)
            .map(|at| reader.directory(at, |tag| !DROPPED_CAMERA_TAGS.contains(&tag)))
            .unwrap_or_default();
        camera.retain(|field| *field != Field::short(COLOUR_SPACE, &[UNCALIBRATED]));
        let exif = Self { picture, camera, gps };
        (exif.fields() > 0).then_some(exif)
    }

    fn fields(&self) -> usize {
        self.picture.len() + self.camera.len() + self.gps.len()
    }

    /// An EXIF block for an upright picture of this size: at most 65,000 bytes.
    pub fn to_bytes(&self, width: u32, height: u32, density: Option<Density>) -> Vec<u8> {
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        // The fields without which a block is not valid: the density, 72 where it is unknown, and the versions.
        let mut first = density.unwrap_or_default().fields().to_vec();
        first.push(Field::short(YCBCR_POSITIONING, &[1]));
        let mut camera = self.camera();
        camera.push(Field::undefined(COMPONENTS, &[1, 2, 3, 0]));
        camera.extend([Field::long(WIDTH, &[width]), Field::long(HEIGHT, &[height])]);
        self.append(&mut bytes, first, camera);
        bytes
    }

    /// Appends the directories to a TIFF file; the first one also gets the fields of how the picture is stored. It has none
    /// that TIFF readers warn of: ratings, and those of Windows.
    pub fn append_to_tiff(&self, file: &mut Vec<u8>, stored: Vec<Field>) {
        let camera = if self.camera.is_empty() { vec![] } else { self.camera() };
        let mut exif = self.clone();
        exif.picture.retain(|field| !UNKNOWN_TO_TIFF.contains(&field.tag));
        if !exif.gps.is_empty() && exif.gps.iter().all(|field| field.tag != GPS_METHOD) {
            exif.gps.push(Field::undefined(GPS_METHOD, b"ASCII\0\0\0"));
        }
        exif.append(file, stored, camera);
    }

    /// The camera's directory with the fields that it must have.
    fn camera(&self) -> Vec<Field> {
        let mut camera = self.camera.clone();
        camera.extend([Field::undefined(EXIF_VERSION, b"0232"), Field::undefined(FLASHPIX_VERSION, b"0100")]);
        if camera.iter().all(|field| field.tag != COLOUR_SPACE) {
            camera.push(Field::short(COLOUR_SPACE, &[UNCALIBRATED]));
        }
        camera
    }

    fn append(&self, bytes: &mut Vec<u8>, mut first: Vec<Field>, camera: Vec<Field>) {
        first.extend(self.picture.iter().cloned());
        first.push(Field::short(ORIENTATION, &[1]));
        let mut gps = self.gps.clone();
        if !gps.is_empty() && gps.iter().all(|field| field.tag != GPS_VERSION) {
            gps.push(Field { tag: GPS_VERSION, kind: 1, count: 4, value: vec![2, 3, 0, 0] });
        }
        let below = [(CAMERA_DIRECTORY, camera), (GPS_DIRECTORY, gps)];
        let below: Vec<_> = below.into_iter().filter(|(_, fields)| !fields.is_empty()).collect();
        first.extend(below.iter().map(|(tag, _)| Field::long(*tag, &[0])));
        let mut next = bytes.len() + length(&first);
        for (tag, fields) in &below {
            first
                .iter_mut()
                .filter(|field| field.tag == *tag)
                .for_each(|field| *field = Field::long(*tag, &[next as u32]));
            next += length(fields);
        }
        write(bytes, first);
        below.into_iter().for_each(|(_, fields)| write(bytes, fields));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(tag: u16, kind: u16, value: &[u8], size: usize) -> Field {
        Field { tag, kind, count: (value.len() / size) as u32, value: value.to_vec() }
    }

    fn example() -> Exif {
        Exif {
            picture: vec![field(0x010f, 2, b"Easel\0", 1)],
            camera: vec![field(0x829a, 5, &[1, 0, 0, 0, 125, 0, 0, 0], 8), field(0x8827, 3, &[100, 0], 2)],
            gps: vec![field(1, 2, b"N\0", 1)],
        }
    }

    /// The same block from a big-endian camera, with fields that must be dropped: orientation 6, a maker's note, sizes and
    /// a thumbnail's directory.
    fn big_endian() -> Vec<u8> {
        let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
            [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value].concat()
        };
        let at = |offset: u32| offset.to_be_bytes();
        // 8: first directory of 5, 74: camera's of 5, 140: GPS of 1, 158: values.
        [
            b"MM\0*\0\0\0\x08\0\x05".to_vec(),
            entry(0x010f, 2, 6, at(158)),
            entry(ORIENTATION, 3, 1, [0, 6, 0, 0]),
            entry(0x011a, 5, 1, at(164)),
            entry(CAMERA_DIRECTORY, 4, 1, at(74)),
            entry(GPS_DIRECTORY, 4, 1, at(140)),
            at(158).to_vec(),
            vec![0, 5],
            entry(0x829a, 5, 1, at(172)),
            entry(0x8827, 3, 1, [0, 100, 0, 0]),
            entry(0x927c, 7, 8, at(158)),
            entry(WIDTH, 4, 1, at(9999)),
            entry(0xa005, 4, 1, at(8)),
            at(0).to_vec(),
            vec![0, 1],
            entry(1, 2, 2, *b"N\0\0\0"),
            at(0).to_vec(),
            b"Easel\0\0\0\0\x48\0\0\0\x01\0\0\0\x01\0\0\0\x7d".to_vec(),
        ]
        .concat()
    }

    #[test]
    fn only_lasting_fields_are_kept() {
        assert_eq!(Exif::from_bytes(&big_endian()), Some(example()));
        let written = example().to_bytes(640, 480, Some(Density { x: 300.0, ..Density::default() }));
        let again = Exif::from_bytes(&[b"Exif\0\0".as_slice(), &written].concat()).unwrap();
        let mut wanted = example();
        wanted.gps.insert(0, field(GPS_VERSION, 1, &[2, 3, 0, 0], 1));
        assert_eq!(again, wanted);
        // Byte by byte: the first directory's fields in order, upright, and the next directory's offset.
        assert_eq!(written[8..12], [8, 0, 0x0f, 0x01]);
        assert_eq!(written[22..34], [0x12, 0x01, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(written[34..46], [0x1a, 0x01, 5, 0, 1, 0, 0, 0, 116, 0, 0, 0]);
        assert_eq!(written[116..124], [0x2c, 0x01, 0, 0, 1, 0, 0, 0]);
        let camera = u32::from_le_bytes(written[90..94].try_into().unwrap()) as usize;
        assert_eq!(written[camera..camera + 2], [8, 0]);
        assert_eq!(written[camera + 2 + 72..][..12], [0x02, 0xa0, 4, 0, 1, 0, 0, 0, 0x80, 2, 0, 0]);
        assert_eq!(written[written.len() - 8..], *b"N\0\0\0\0\0\0\0");
    }

    #[test]
    fn hostile_blocks_are_bounded() {
        let whole = big_endian();
        for length in 0..whole.len() {
            if let Some(exif) = Exif::from_bytes(&whole[..length]) {
                assert!(exif.to_bytes(1, 1, None).len() < whole.len() + 170);
            }
        }
        // Every directory is the first, and claims 65,535 fields of the greatest length.
        let mut loops = b"II*\0\x08\0\0\0\xff\xff".to_vec();
        loops.extend([CAMERA_DIRECTORY, GPS_DIRECTORY].iter().flat_map(|tag| entry(&Field::long(*tag, &[8]))));
        for tag in 0..5000u16 {
            loops.extend([&tag.to_le_bytes()[..], b"\x02\0\x10\x27\0\0\x08\0\0\0"].concat());
        }
        let exif = Exif::from_bytes(&loops).unwrap();
        assert!(exif.to_bytes(1, 1, None).len() <= 65_000);
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                assert!(Exif::from_bytes(&bytes).is_none_or(|exif| exif.to_bytes(1, 1, None).len() <= 65_000));
            }
        }
    }

    fn entry(field: &Field) -> Vec<u8> {
        let mut entry = [field.tag.to_le_bytes(), field.kind.to_le_bytes()].concat();
        entry.extend(field.count.to_le_bytes());
        entry.extend(&field.value);
        entry
    }
}
