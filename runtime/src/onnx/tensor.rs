//! The elements of an ONNX model's constants (onnx.proto: TensorProto).

use half::f16;

use super::initializers::{Header, check_inside, header};
use super::signature::element_name;
use super::{Field, Fields};
use crate::{Error, Result};

const FLOAT_DATA: u64 = 4;
const INT32_DATA: u64 = 5;
const INT64_DATA: u64 = 7;

/// A constant of a graph, with its elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// The name; attributes have none.
    pub name: String,
    /// The size of each dimension.
    pub dims: Vec<usize>,
    /// The elements, row-major; as many as the dimensions ask for.
    pub elements: Elements,
}

/// Elements of the types that constants of our models have.
#[derive(Debug, Clone, PartialEq)]
pub enum Elements {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 16-bit floats.
    F16(Vec<f16>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// Signed bytes.
    I8(Vec<i8>),
    /// Bytes.
    U8(Vec<u8>),
    /// Booleans.
    Bool(Vec<bool>),
    /// Of another type, which ONNX calls this, and not read.
    Other(&'static str),
}

impl Elements {
    /// The number of elements; none of a type that is not read.
    pub fn len(&self) -> Option<usize> {
        Some(match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::U8(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Other(_) => return None,
        })
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

/// Reads a TensorProto. Fails if its elements are not as many as its dimensions ask for, or in another file.
pub(super) fn constant(tensor: &[u8]) -> Result<Constant> {
    let Header { name, dims, kind, raw } = header(tensor)?;
    check_inside(tensor)?;
    let typed = if raw.is_empty() { typed(tensor)? } else { Typed::default() };
    let ints = || typed.ints.iter().copied();
    let elements = match kind {
        1 if raw.is_empty() => Elements::F32(typed.floats),
        1 => Elements::F32(chunks(raw, f32::from_le_bytes)),
        2 if raw.is_empty() => Elements::U8(ints().map(|value| value as u8).collect()),
        2 => Elements::U8(raw.to_vec()),
        3 if raw.is_empty() => Elements::I8(ints().map(|value| value as i8).collect()),
        3 => Elements::I8(raw.iter().map(|&byte| byte as i8).collect()),
        6 if raw.is_empty() => Elements::I32(ints().map(|value| value as i32).collect()),
        6 => Elements::I32(chunks(raw, i32::from_le_bytes)),
        7 if raw.is_empty() => Elements::I64(ints().collect()),
        7 => Elements::I64(chunks(raw, i64::from_le_bytes)),
        9 if raw.is_empty() => Elements::Bool(ints().map(|value| value != 0).collect()),
        9 => Elements::Bool(raw.iter().map(|&byte| byte != 0).collect()),
        10 if raw.is_empty() => Elements::F16(ints().map(|value| f16::from_bits(value as u16)).collect()),
        10 => Elements::F16(chunks(raw, f16::from_le_bytes)),
        other => Elements::Other(element_name(other)),
    };
    let wanted = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    let size = [1, 2, 3, 6, 7, 9, 10].iter().position(|&known| known == kind).map_or(1, |at| [4, 1, 1, 4, 8, 1, 2][at]);
    if elements.len().is_some_and(|found| Some(found) != wanted) || raw.len() % size != 0 {
        let found = elements.len().unwrap_or(0);
        return Err(Error::NotOnnx(format!(
            "the constant `{name}` of shape {dims:?} has {found} elements in the file"
        )));
    }
    Ok(Constant { name: name.to_string(), dims, elements })
}

fn chunks<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|chunk| read(*chunk)).collect()
}

/// Elements that are not raw data.
#[derive(Default)]
struct Typed {
    floats: Vec<f32>,
    ints: Vec<i64>,
}

fn typed(tensor: &[u8]) -> Result<Typed> {
    let mut typed = Typed::default();
    let mut fields = Fields::new(tensor);
    while let Some((number, value)) = fields.next_field(true)? {
        match number {
            FLOAT_DATA => floats(value, &mut typed.floats),
            INT32_DATA | INT64_DATA => ints(value, &mut typed.ints)?,
            _ => {}
        }
    }
    Ok(typed)
}

/// Adds the floats of a field, packed or single.
pub(super) fn floats(field: Field, to: &mut Vec<f32>) {
    match field {
        Field::Bytes(bytes) | Field::Fixed(bytes) => to.extend(chunks(bytes, f32::from_le_bytes)),
        Field::Varint(_) => {}
    }
}

/// Adds the integers of a field, packed or single.
pub(super) fn ints(field: Field, to: &mut Vec<i64>) -> Result<()> {
    match field {
        Field::Varint(value) => to.push(value as i64),
        Field::Bytes(bytes) => {
            let mut packed = Fields::new(bytes);
            while packed.position < bytes.len() {
                to.push(packed.varint(true)? as i64);
            }
        }
        Field::Fixed(_) => {}
    }
    Ok(())
}
