//! What a file of tensors holds, described, and its tensors, read when they are needed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

use candle_core::Tensor;

use super::layout::Layout;

/// The bytes of tensors that every file may have, however small it is: expanded tensors store one element for many.
const ALLOWED: usize = 1 << 26;

/// A dictionary of tensors in a file.
#[derive(Debug, Clone)]
pub struct Dictionary {
    /// The keys that lead to it; none for the outermost.
    pub keys: Vec<String>,
    /// What it holds, by name.
    pub entries: BTreeMap<String, Entry>,
}

impl Dictionary {
    /// The keys that lead to it, joined by dots.
    pub fn path(&self) -> String {
        self.keys.join(".")
    }

    /// The names, shapes and element types of its tensors.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Entry)> {
        let tensors = self.entries.iter().filter(|(_, entry)| !matches!(entry.data, Data::Object(_)));
        tensors.map(|(name, entry)| (name.as_str(), entry))
    }
}

/// What is found in a file before its tensors are read.
#[derive(Debug, Default)]
pub struct Found {
    /// As in [`Contents`].
    pub dictionaries: Vec<Dictionary>,
    /// As in [`Contents`].
    pub objects: Vec<(Vec<String>, String)>,
}

/// A value in a dictionary of tensors.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The tensor's shape, where it is known.
    pub shape: Option<Vec<usize>>,
    /// The type of its elements, such as `F32` or `float8_e4m3fn`.
    pub dtype: String,
    /// Where its elements are.
    pub data: Data,
}

/// Where the elements of an [`Entry`] are.
#[derive(Debug, Clone)]
pub enum Data {
    /// In a storage of the file.
    Stored(Layout),
    /// A tensor that cannot be read, and the reason.
    Unreadable(String),
    /// An object other than a tensor, in words.
    Object(String),
}

impl Entry {
    /// A tensor in a storage.
    pub fn stored(layout: Layout) -> Self {
        Self { shape: Some(layout.dims.clone()), dtype: format!("{:?}", layout.dtype), data: Data::Stored(layout) }
    }

    /// A tensor that cannot be read.
    pub fn unreadable(dtype: impl Into<String>, shape: Option<Vec<usize>>, reason: impl Into<String>) -> Self {
        Self { shape, dtype: dtype.into(), data: Data::Unreadable(reason.into()) }
    }

    /// A tensor whose element type this crate has not.
    pub fn of_other_type(dtype: impl Into<String>, shape: Option<Vec<usize>>) -> Self {
        let dtype = dtype.into();
        let reason = format!("its elements are {dtype}; save it as float32");
        Self::unreadable(dtype, shape, reason)
    }

    /// Whether its elements are booleans or integers.
    pub fn is_integer(&self) -> bool {
        let dtype = self.dtype.to_lowercase();
        ["i", "u", "bool"].iter().any(|start| dtype.starts_with(start)) && self.shape.is_some()
    }

    /// Whether its elements are floats that can be read.
    pub fn is_float(&self) -> bool {
        matches!(&self.data, Data::Stored(layout) if layout.dtype.is_float())
    }
}

/// A storage's bytes.
pub enum Bytes<'a> {
    /// In the file.
    File(&'a [u8]),
    /// Inflated.
    Inflated(Rc<[u8]>),
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::File(bytes) => bytes,
            Self::Inflated(bytes) => bytes,
        }
    }
}

/// Gives a storage's bytes, or the reason why they cannot be read.
pub type Storages<'a> = Box<dyn Fn(&str) -> Result<Bytes<'a>, String> + 'a>;

/// A file of tensors.
pub struct Contents<'a> {
    /// Its dictionaries: the outermost first, then by depth, and in the file's order.
    pub dictionaries: Vec<Dictionary>,
    /// The objects of classes of other programs in its dictionaries: the keys that lead to them, and the class.
    pub objects: Vec<(Vec<String>, String)>,
    storages: Storages<'a>,
    /// The bytes of tensors that may still be read.
    left: Cell<usize>,
}

impl<'a> Contents<'a> {
    /// The contents of a file of this length.
    pub fn new(found: Found, storages: Storages<'a>, length: usize) -> Self {
        let Found { dictionaries, objects } = found;
        Self { dictionaries, objects, storages, left: Cell::new(length.saturating_mul(4).max(ALLOWED)) }
    }

    /// Reads tensors to the CPU. The error is the reason and names the tensor.
    ///
    /// Fails where one cannot be read, is not complete, or where all that were read take many times the file's length:
    /// tensors may share storages.
    pub fn read<'e>(
        &self,
        entries: impl IntoIterator<Item = (&'e str, &'e Entry)>,
    ) -> Result<BTreeMap<String, Tensor>, String> {
        let tensor = |(name, entry): (&str, &Entry)| {
            let wrong = |reason: &str| format!("the tensor `{}` {reason}", name.escape_debug());
            let layout = match &entry.data {
                Data::Stored(layout) => layout,
                Data::Unreadable(reason) => return Err(wrong(&format!("cannot be read: {reason}"))),
                Data::Object(what) => return Err(wrong(&format!("is not a tensor but {what}"))),
            };
            let left = layout.byte_count().and_then(|size| self.left.get().checked_sub(size));
            self.left.set(left.ok_or_else(|| wrong("takes many times the file's length"))?);
            let storage = (self.storages)(&layout.storage).map_err(|reason| wrong(&reason))?;
            Ok((name.to_string(), layout.tensor(&storage).ok_or_else(|| wrong("is damaged"))?))
        };
        entries.into_iter().map(tensor).collect()
    }
}
