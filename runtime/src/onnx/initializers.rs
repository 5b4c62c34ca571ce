//! The weights in an ONNX file (onnx.proto: GraphProto's `initializer` = 5, which is a TensorProto).

use super::external::external_file;
use super::{Field, Fields, GRAPH, INITIALIZER, RAW_DATA};
use crate::{Error, Result};

const DIMS: u64 = 1;
const DATA_TYPE: u64 = 2;
pub(super) const NAME: u64 = 8;
const FLOAT: u64 = 1;
const FLOAT16: u64 = 10;

/// More dimensions than any layer's weights have.
const MAX_DIMS: usize = 8;

/// The element types of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit floats.
    F32,
    /// 16-bit floats (IEEE 754 binary16).
    F16,
}

impl ElementType {
    /// The size of an element in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }
}

/// A constant of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initializer<'a> {
    /// The name.
    pub name: &'a str,
    /// The size of each dimension.
    pub dims: Vec<usize>,
    /// The type of its elements.
    pub element: ElementType,
    /// The elements, little-endian and row-major.
    pub bytes: &'a [u8],
}

/// The float32 and float16 constants of a model's graph, in the file's order.
///
/// Fails if the bytes are not an ONNX model, the length of a constant's raw data does not match its shape, or a constant
/// is in another file. Typed data fields, which Easel does not write, are not supported.
pub fn initializers(model: &[u8]) -> Result<Vec<Initializer<'_>>> {
    let mut found = Vec::new();
    let mut fields = Fields::new(model);
    while let Some((number, value)) = fields.next_field(true)? {
        let (GRAPH, Field::Bytes(graph)) = (number, value) else { continue };
        let mut fields = Fields::new(graph);
        while let Some((number, value)) = fields.next_field(true)? {
            if let (INITIALIZER, Field::Bytes(tensor)) = (number, value) {
                found.extend(initializer(tensor)?);
            }
        }
    }
    Ok(found)
}

pub(super) fn initializer(tensor: &[u8]) -> Result<Option<Initializer<'_>>> {
    let Header { name, dims, kind, raw } = header(tensor)?;
    let element = match kind {
        FLOAT => ElementType::F32,
        FLOAT16 => ElementType::F16,
        _ => return Ok(None),
    };
    check_inside(tensor)?;
    let wanted = dims.iter().try_fold(element.bytes(), |product, &dim| product.checked_mul(dim));
    if wanted != Some(raw.len()) {
        let found = raw.len();
        return Err(Error::NotOnnx(format!("the constant `{name}` of shape {dims:?} has {found} bytes in the file")));
    }
    Ok(Some(Initializer { name, dims, element, bytes: raw }))
}

/// Fails with [`Error::ExternalData`] if a TensorProto's data is in another file.
pub(super) fn check_inside(tensor: &[u8]) -> Result<()> {
    external_file(tensor)?.map_or(Ok(()), |file| Err(Error::ExternalData { file }))
}

/// What a TensorProto says of itself, and its raw data.
pub(super) struct Header<'a> {
    pub name: &'a str,
    pub dims: Vec<usize>,
    /// A `TensorProto.DataType`.
    pub kind: u64,
    pub raw: &'a [u8],
}

/// Fails if there are too many dimensions.
pub(super) fn header(tensor: &[u8]) -> Result<Header<'_>> {
    let (mut name, mut raw, mut dims, mut kind) = (&[][..], &[][..], Vec::new(), 0);
    let mut fields = Fields::new(tensor);
    while let Some((number, value)) = fields.next_field(true)? {
        match (number, value) {
            (DIMS, Field::Varint(dim)) => dims.push(dim),
            // Packed, as proto3 writes repeated numbers.
            (DIMS, Field::Bytes(packed)) => {
                let mut packed = Fields::new(packed);
                while packed.position < packed.bytes.len() && dims.len() <= MAX_DIMS {
                    dims.push(packed.varint(true)?);
                }
            }
            (DATA_TYPE, Field::Varint(value)) => kind = value,
            (NAME, Field::Bytes(value)) => name = value,
            (RAW_DATA, Field::Bytes(value)) => raw = value,
            _ => {}
        }
        if dims.len() > MAX_DIMS {
            return Err(Error::NotOnnx(format!("a constant of more than {MAX_DIMS} dimensions")));
        }
    }
    let name = str::from_utf8(name).map_err(|_| Error::NotOnnx("a constant's name is not UTF-8 text".into()))?;
    let dims = dims.into_iter().map(|dim| usize::try_from(dim).unwrap_or(usize::MAX)).collect();
    Ok(Header { name, dims, kind, raw })
}

#[cfg(test)]
mod tests {
    use super::super::message;
    use super::*;
    use proptest::prelude::*;

    fn tensor(dims: &[u8], kind: u64, name: &str, raw: &[u8]) -> Vec<u8> {
        [dims, &[(DATA_TYPE << 3) as u8, kind as u8], &message(NAME, name.as_bytes()), &message(RAW_DATA, raw)].concat()
    }

    fn model(tensors: &[Vec<u8>]) -> Vec<u8> {
        let graph: Vec<u8> = tensors.iter().flat_map(|tensor| message(INITIALIZER, tensor)).collect();
        [&[0x08, 8][..], &message(GRAPH, &graph)].concat()
    }

    #[test]
    fn float_weights_are_found() {
        // Dimensions one by one and packed.
        let bytes = model(&[
            tensor(&[0x08, 2, 0x08, 1], FLOAT, "a.weight", &[1, 2, 3, 4, 5, 6, 7, 8]),
            tensor(&[0x0a, 2, 1, 3], FLOAT16, "a.bias", &[1, 2, 3, 4, 5, 6]),
            tensor(&[0x08, 1], 7, "axes", &[0; 8]),
            tensor(&[], FLOAT, "scalar", &[0; 4]),
        ]);
        let found = initializers(&bytes).unwrap();
        let named = |name| found.iter().find(|one| one.name == name).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(
            (&named("a.weight").dims[..], named("a.weight").bytes),
            (&[2, 1][..], &[1, 2, 3, 4, 5, 6, 7, 8][..])
        );
        assert_eq!((&named("a.bias").dims[..], named("a.bias").element), (&[1, 3][..], ElementType::F16));
        assert!(named("scalar").dims.is_empty());
    }

    #[test]
    fn wrong_shapes_are_rejected() {
        let huge = [&[0x08][..], &[0xff; 9], &[1]].concat();
        for dims in [&[0x08, 3][..], &[0x08, 0], &huge, &[&huge[..], &huge].concat(), &[0x08, 1].repeat(9)] {
            let error = initializers(&model(&[tensor(dims, FLOAT, "w", &[0; 8])])).unwrap_err();
            assert!(matches!(error, Error::NotOnnx(_)), "{error}");
        }
        assert!(initializers(&model(&[tensor(&[0x08, 3], FLOAT, "w", &[])])).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = initializers(&bytes);
            let _ = initializers(&model(&[bytes]));
        }
    }
}
