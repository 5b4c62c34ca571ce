//! Image file directories: the fields of TIFF files and EXIF blocks (TIFF 6.0, section 2).

/// The bytes of a directory without its fields.
const DIRECTORY: usize = 6;
/// The bytes of a field, without a value of more than four bytes.
const FIELD: usize = 12;

/// A field with little-endian numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub tag: u16,
    pub kind: u16,
    pub count: u32,
    pub value: Vec<u8>,
}

impl Field {
    /// 16-bit numbers.
    pub fn short(tag: u16, numbers: &[u16]) -> Self {
        Self::of(tag, 3, numbers.len(), numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
    }

    /// 32-bit numbers.
    pub fn long(tag: u16, numbers: &[u32]) -> Self {
        Self::of(tag, 4, numbers.len(), numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
    }

    /// A number from 0 to four million, to a thousandth.
    pub fn rational(tag: u16, number: f64) -> Self {
        let (scaled, over) = if number.fract() == 0.0 { (number, 1u32) } else { (number * 1000.0, 1000) };
        Self::of(tag, 5, 1, [(scaled.round() as u32).to_le_bytes(), over.to_le_bytes()].concat())
    }

    /// Bytes whose meaning the tag defines.
    pub fn undefined(tag: u16, bytes: &[u8]) -> Self {
        Self::of(tag, 7, bytes.len(), bytes.to_vec())
    }

    fn of(tag: u16, kind: u16, count: usize, value: Vec<u8>) -> Self {
        Self { tag, kind, count: count as u32, value }
    }

    /// The first number, of a 16-bit, 32-bit or rational field.
    pub fn number(&self) -> Option<f64> {
        let long = |at: usize| Some(u32::from_le_bytes(self.value.get(at..at + 4)?.try_into().ok()?));
        match self.kind {
            3 => Some(f64::from(u16::from_le_bytes(self.value.get(..2)?.try_into().ok()?))),
            4 => Some(f64::from(long(0)?)),
            5 => Some(f64::from(long(0)?) / f64::from(long(4)?)),
            _ => None,
        }
    }
}

/// The bytes of a directory and its values.
pub fn length(fields: &[Field]) -> usize {
    let values = fields.iter().map(|field| field.value.len()).filter(|&length| length > 4);
    DIRECTORY + fields.len() * FIELD + values.map(|length| length.next_multiple_of(2)).sum::<usize>()
}

/// Appends a directory, its fields ordered by tag, and its values. The directory begins at an even place.
pub fn write(bytes: &mut Vec<u8>, mut fields: Vec<Field>) {
    fields.sort_by_key(|field| field.tag);
    let mut values = vec![];
    let values_at = bytes.len() + DIRECTORY + fields.len() * FIELD;
    bytes.extend((fields.len() as u16).to_le_bytes());
    for Field { tag, kind, count, value } in fields {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        if value.len() > 4 {
            bytes.extend(((values_at + values.len()) as u32).to_le_bytes());
            values.extend(&value);
            values.resize(values.len().next_multiple_of(2), 0);
        } else {
            bytes.extend(&value);
            bytes.resize(bytes.len() + 4 - value.len(), 0);
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(values);
}

/// Reads directories.
pub struct Reader<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    /// The number of bytes that may still be kept.
    left: usize,
}

impl<'a> Reader<'a> {
    /// A reader of an EXIF block or a TIFF file, and the place of the first directory. `None` if it is neither.
    pub fn new(bytes: &'a [u8], max_bytes: usize) -> Option<(Self, u32)> {
        // Some writers add the marker of a JPEG segment in other formats.
        let bytes = bytes.strip_prefix(b"Exif\0\0").unwrap_or(bytes);
        let big_endian = match bytes.get(..4)? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        let reader = Self { bytes, big_endian, left: max_bytes };
        let first = reader.u32(bytes.get(4..8)?);
        Some((reader, first))
    }

    /// The wanted fields of a directory, each tag once. Nesting has a fixed depth, so a directory that points back at
    /// itself ends like any other.
    pub fn directory(&mut self, at: u32, wanted: impl Fn(u16) -> bool) -> Vec<Field> {
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
