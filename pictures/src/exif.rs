//! EXIF metadata (CIPA DC-008). A TIFF file has the same fields in its own directory.

/// The most bytes that all fields may take. A JPEG has room for 65,533.
const MAX_BYTES: usize = 60_000;

/// The bytes of a directory without its fields.
const DIRECTORY: usize = 6;
/// The bytes of a field, without a value of more than four bytes.
const FIELD: usize = 12;

const ORIENTATION: u16 = 0x0112;
const CAMERA_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;
const WIDTH: u16 = 0xa002;
const HEIGHT: u16 = 0xa003;

/// The fields of the first directory that are kept: description, maker and model of the camera, resolution, software,
/// time, artist, rating, copyright, and those of Windows. The others describe how the picture is stored.
const PICTURE_TAGS: [u16; 17] = [
    0x010e, 0x010f, 0x0110, 0x011a, 0x011b, 0x0128, 0x0131, 0x0132, 0x013b, 0x4746, 0x4749, 0x8298, 0x9c9b, 0x9c9c,
    0x9c9d, 0x9c9e, 0x9c9f,
];

/// The fields of the camera's directory that are dropped: bits per pixel, the maker's note (its offsets would be wrong),
/// width and height, the interoperability directory, and padding.
const DROPPED_CAMERA_TAGS: [u16; 6] = [0x9102, 0x927c, WIDTH, HEIGHT, 0xa005, 0xea1c];

/// The fields that remain valid when a picture's pixels change. A thumbnail does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exif {
    picture: Vec<Field>,
    camera: Vec<Field>,
    gps: Vec<Field>,
}

/// A field with little-endian numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    tag: u16,
    kind: u16,
    count: u32,
    value: Vec<u8>,
}

impl Exif {
    /// Reads an EXIF block or a TIFF file. `None` if it is neither or has no field to keep. Unreadable fields are
    /// omitted.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // Some writers add the marker of a JPEG segment in other formats.
        let bytes = bytes.strip_prefix(b"Exif\0\0").unwrap_or(bytes);
        let big_endian = match bytes.get(..4)? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        let mut reader = Reader { bytes, big_endian, left: MAX_BYTES };
        let first = reader.u32(bytes.get(4..8)?);
        let pointer = |fields: &[Field], tag| {
            let field = fields.iter().find(|field| field.tag == tag)?;
            Some(u32::from_le_bytes(field.value.as_slice().try_into().ok()?))
        };
        let pointers = reader.directory(first, |tag| matches!(tag, CAMERA_DIRECTORY | GPS_DIRECTORY));
        let picture = reader.directory(first, |tag| PICTURE_TAGS.contains(&tag));
        let gps = pointer(&pointers, GPS_DIRECTORY).map(|at| reader.directory(at, |_| true)).unwrap_or_default();
        let camera = pointer(&pointers, CAMERA_DIRECTORY)
            .map(|at| reader.directory(at, |tag| !DROPPED_CAMERA_TAGS.contains(&tag)))
            .unwrap_or_default();
        let exif = Self { picture, camera, gps };
        (exif.fields() > 0).then_some(exif)
    }

    fn fields(&self) -> usize {
        self.picture.len() + self.camera.len() + self.gps.len()
    }

    /// An EXIF block for an upright picture of this size: at most 65,000 bytes.
    pub fn to_bytes(&self, width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        self.append(&mut bytes, vec![], width, height);
        bytes
    }

    /// Adds the fields to a little-endian TIFF file of one upright picture of this size. `None` if it is
    /// something else.
    pub fn add_to_tiff(&self, file: &mut Vec<u8>, width: u32, height: u32) -> Option<()> {
        file.starts_with(b"II*\0").then_some(())?;
        let at = u32::from_le_bytes(file.get(4..8)?.try_into().ok()?) as usize;
        let count = u16::from_le_bytes(file.get(at..at + 2)?.try_into().ok()?) as usize;
        let entries = file.get(at + 2..at + 2 + count * FIELD)?;
        // Copied as they are: a value elsewhere in the file stays there.
        let stored =
            entries.chunks_exact(FIELD).map(|entry| (u16::from_le_bytes([entry[0], entry[1]]), entry.to_vec()));
        let stored = stored.filter(|(tag, _)| self.picture.iter().all(|field| field.tag != *tag)).collect();
        file.resize(file.len().next_multiple_of(2), 0);
        let start = u32::try_from(file.len()).ok()?;
        file[4..8].copy_from_slice(&start.to_le_bytes());
        self.append(file, stored, width, height);
        Some(())
    }

    /// Appends the directories; the first one also gets the `stored` entries.
    fn append(&self, bytes: &mut Vec<u8>, stored: Vec<(u16, Vec<u8>)>, width: u32, height: u32) {
        let mut first = self.picture.clone();
        first.push(Field { tag: ORIENTATION, kind: 3, count: 1, value: vec![1, 0] });
        let mut camera = self.camera.clone();
        camera.push(Field::number(WIDTH, width));
        camera.push(Field::number(HEIGHT, height));
        let pointers = if self.gps.is_empty() { 1 } else { 2 };
        let mut next = bytes.len() + length(&first) + (stored.len() + pointers) * FIELD;
        first.push(Field::number(CAMERA_DIRECTORY, next as u32));
        next += length(&camera);
        if !self.gps.is_empty() {
            first.push(Field::number(GPS_DIRECTORY, next as u32));
        }
        write(bytes, &first, stored);
        write(bytes, &camera, vec![]);
        if !self.gps.is_empty() {
            write(bytes, &self.gps, vec![]);
        }
    }
}

impl Field {
    fn number(tag: u16, number: u32) -> Self {
        Self { tag, kind: 4, count: 1, value: number.to_le_bytes().to_vec() }
    }
}

/// The bytes of a directory and its values.
fn length(fields: &[Field]) -> usize {
    let values = fields.iter().map(|field| field.value.len()).filter(|&length| length > 4);
    DIRECTORY + fields.len() * FIELD + values.map(|length| length.next_multiple_of(2)).sum::<usize>()
}

/// Appends a directory, its fields ordered by tag, and its values.
fn write(bytes: &mut Vec<u8>, fields: &[Field], mut entries: Vec<(u16, Vec<u8>)>) {
    let mut values = vec![];
    let values_at = bytes.len() + DIRECTORY + (fields.len() + entries.len()) * FIELD;
    for field in fields {
        let mut entry = [field.tag.to_le_bytes(), field.kind.to_le_bytes()].concat();
        entry.extend(field.count.to_le_bytes());
        if field.value.len() > 4 {
            entry.extend(((values_at + values.len()) as u32).to_le_bytes());
            values.extend(&field.value);
            values.resize(values.len().next_multiple_of(2), 0);
        } else {
            entry.extend(&field.value);
            entry.resize(FIELD, 0);
        }
        entries.push((field.tag, entry));
    }
    entries.sort_by_key(|&(tag, _)| tag);
    bytes.extend((entries.len() as u16).to_le_bytes());
    entries.iter().for_each(|(_, entry)| bytes.extend(entry));
    bytes.extend([0; 4]);
    bytes.extend(values);
}

struct Reader<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    /// The number of bytes that may still be kept.
    left: usize,
}

impl<'a> Reader<'a> {
    /// The wanted fields of a directory, each tag once. Nesting has a fixed depth, so a directory that points back at
    /// itself ends like any other.
    fn directory(&mut self, at: u32, wanted: impl Fn(u16) -> bool) -> Vec<Field> {
        let mut fields: Vec<Field> = vec![];
        let Some(count) = self.at(at, 2).map(|count| usize::from(self.u16(count))) else { return fields };
        // The complete fields of a truncated block.
        let entries = self.bytes.get(at as usize + 2..).unwrap_or_default();
        for entry in entries.chunks_exact(FIELD).take(count) {
            let tag = self.u16(entry);
            if wanted(tag)
                && fields.iter().all(|field| field.tag != tag)
                && let Some(field) = self.field(tag, entry)
            {
                self.left -= field.value.len() + FIELD;
                fields.push(field);
            }
        }
        fields
    }

    fn field(&mut self, tag: u16, entry: &[u8]) -> Option<Field> {
        let (kind, count) = (self.u16(&entry[2..]), self.u32(&entry[4..]));
        // Bytes of a number, and of an element: a rational is two numbers.
        let (number, size) = match kind {
            1 | 2 | 6 | 7 => (1, 1),
            3 | 8 => (2, 2),
            4 | 9 | 11 => (4, 4),
            5 | 10 => (4, 8),
            12 => (8, 8),
            _ => return None,
        };
        let length = size * count as usize;
        if length == 0 || length + FIELD > self.left {
            return None;
        }
        let value = if length > 4 { self.at(self.u32(&entry[8..]), length)? } else { &entry[8..8 + length] };
        let mut value = value.to_vec();
        if self.big_endian {
            value.chunks_exact_mut(number).for_each(<[u8]>::reverse);
        }
        Some(Field { tag, kind, count, value })
    }

    fn at(&self, at: u32, length: usize) -> Option<&'a [u8]> {
        self.bytes.get(at as usize..)?.get(..length)
    }

    fn u16(&self, bytes: &[u8]) -> u16 {
        let bytes = [bytes[0], bytes[1]];
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(&self, bytes: &[u8]) -> u32 {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
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
            picture: vec![field(0x010f, 2, b"Easel\0", 1), field(0x011a, 5, &[72, 0, 0, 0, 1, 0, 0, 0], 8)],
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
        let written = example().to_bytes(640, 480);
        let again = Exif::from_bytes(&[b"Exif\0\0".as_slice(), &written].concat()).unwrap();
        assert_eq!(again, example());
        // Byte by byte: the first directory's fields in order, upright, and the next directory's offset.
        assert_eq!(written[8..12], [5, 0, 0x0f, 0x01]);
        assert_eq!(written[34..46], [0x1a, 0x01, 5, 0, 1, 0, 0, 0, 80, 0, 0, 0]);
        assert_eq!(written[22..34], [0x12, 0x01, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
        let camera = u32::from_le_bytes(written[54..58].try_into().unwrap()) as usize;
        assert_eq!(written[camera..camera + 2], [4, 0]);
        assert_eq!(written[camera + 2 + 24..][..12], [0x02, 0xa0, 4, 0, 1, 0, 0, 0, 0x80, 2, 0, 0]);
        assert_eq!(written[written.len() - 8..], *b"N\0\0\0\0\0\0\0");
    }

    #[test]
    fn hostile_blocks_are_bounded() {
        let whole = big_endian();
        for length in 0..whole.len() {
            if let Some(exif) = Exif::from_bytes(&whole[..length]) {
                assert!(exif.to_bytes(1, 1).len() < whole.len());
            }
        }
        // Every directory is the first, and claims 65,535 fields of the greatest length.
        let mut loops = b"II*\0\x08\0\0\0\xff\xff".to_vec();
        loops.extend([CAMERA_DIRECTORY, GPS_DIRECTORY].iter().flat_map(|tag| Field::number(*tag, 8).entry()));
        for tag in 0..5000u16 {
            loops.extend([&tag.to_le_bytes()[..], b"\x02\0\x10\x27\0\0\x08\0\0\0"].concat());
        }
        let exif = Exif::from_bytes(&loops).unwrap();
        assert!(exif.to_bytes(1, 1).len() <= 65_000);
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                assert!(Exif::from_bytes(&bytes).is_none_or(|exif| exif.to_bytes(1, 1).len() <= 65_000));
            }
        }
    }

    impl Field {
        fn entry(&self) -> Vec<u8> {
            let mut entry = [self.tag.to_le_bytes(), self.kind.to_le_bytes()].concat();
            entry.extend(self.count.to_le_bytes());
            entry.extend(&self.value);
            entry
        }
    }
}
