//! Pickled objects as far as files of weights need them: nothing is called, imported or run.
//!
//! The operations are those of protocols 1 to 5 that `torch.save` may write, which uses protocol 2 by default; all others
//! are refused.

use std::collections::HashMap;

/// An object's index in [`Objects`].
pub type Id = u32;

/// The most objects of a pickle, and the most elements of all its calls together. A state dictionary has a few dozen per
/// tensor, a log two for each of its lines; in memory an object takes many times its size in the file. Floats and small
/// integers are not counted, since they are all the same few objects.
const MOST_OBJECTS: usize = 1 << 23;

/// The longest pickle.
const MOST_BYTES: usize = 1 << 28;

/// The objects that every pickle begins with: the integers that fit in a byte, at their own index, and these.
const OTHER: Id = 256;
const EMPTY_TUPLE: Id = 257;

/// An object.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// An integer or a boolean.
    Int(i64),
    /// Text.
    Text(String),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// A dictionary, ordered or not.
    Dict(Vec<(Id, Id)>),
    /// A global, an item of a module: `module name`.
    Global(String),
    /// A call that would create an object: the callee and its arguments.
    Call(Id, Id),
    /// A persistent ID, which refers to data outside of the pickle.
    Outside(Id),
    /// Anything else.
    Other,
}

/// The objects of a pickle, in a flat list, so that deep nesting needs no recursion.
#[derive(Debug)]
pub struct Objects {
    objects: Vec<Object>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// The number of elements of all calls.
    called: usize,
}

impl Default for Objects {
    fn default() -> Self {
        let objects = (0..256).map(Object::Int).chain([Object::Other, Object::Tuple(vec![])]).collect();
        Self { objects, stack: vec![], marks: vec![], memo: HashMap::new(), called: 0 }
    }
}

type Result<T> = std::result::Result<T, String>;

impl Objects {
    /// Reads the pickle at the beginning of the bytes, advances them past it, and gives its outermost object.
    pub fn read(bytes: &mut &[u8]) -> Result<(Self, Id)> {
        let mut objects = Self::default();
        let length = bytes.len();
        loop {
            let [operation] = take(bytes)?;
            if length - bytes.len() > MOST_BYTES {
                return Err(format!("it describes its objects in more than {MOST_BYTES} bytes"));
            }
            if operation == b'.' {
                let outermost = objects.pop()?;
                return Ok((objects, outermost));
            }
            objects.operate(operation, bytes)?;
        }
    }

    /// An object.
    pub fn get(&self, id: Id) -> &Object {
        &self.objects[id as usize]
    }

    /// All persistent IDs.
    pub fn outside(&self) -> impl Iterator<Item = Id> {
        self.objects.iter().filter_map(|object| match object {
            Object::Outside(description) => Some(*description),
            _ => None,
        })
    }

    /// An object's text, where it is one.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number that is not negative, where the object is one.
    pub fn size(&self, id: Id) -> Option<usize> {
        match self.get(id) {
            Object::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The elements of a tuple or a list.
    pub fn elements(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Object::Tuple(elements) | Object::List(elements) => Some(elements),
            _ => None,
        }
    }

    fn operate(&mut self, operation: u8, bytes: &mut &[u8]) -> Result<()> {
        let object = match operation {
            0x80 => return take::<1>(bytes).map(drop),
            b'q' => return take(bytes).and_then(|[at]| self.put(at.into())),
            b'r' => return take(bytes).and_then(|at| self.put(u32::from_le_bytes(at))),
            b'p' => return number(line(bytes)?).and_then(|at| self.put(at)),
            b'h' => return take(bytes).and_then(|[at]| self.again(at.into())),
            b'j' => return take(bytes).and_then(|at| self.again(u32::from_le_bytes(at))),
            b'g' => return number(line(bytes)?).and_then(|at| self.again(at)),
            b'(' => {
                self.marks.push(self.stack.len());
                return Ok(());
            }
            b'0' => return self.pop().map(drop),
            b'1' => return self.marked().map(drop),
            b'2' => return self.top().map(|top| self.stack.push(top)),
            0x94 => return self.put(u32::try_from(self.memo.len()).unwrap_or(u32::MAX)),
            // A frame's length; its bytes follow as all others.
            0x95 => return take::<8>(bytes).map(drop),
            b'a' | b'e' => return self.append(operation == b'e'),
            b's' | b'u' => return self.set_items(operation == b'u'),
            // The state of a created object, and what is added to a set, which never hold weights.
            b'b' => return self.pop().map(drop),
            0x90 => return self.marked().and_then(|_| self.top().map(drop)),
            b'R' | 0x81 => return self.call(),
            0x92 => return self.pop().and_then(|_| self.call()),
            b'N' => return self.push(OTHER),
            b')' => return self.push(EMPTY_TUPLE),
            0x88 => return self.push(1),
            0x89 => return self.push(0),
            b'K' => return take(bytes).and_then(|[value]| self.push(value.into())),
            b'G' => return take::<8>(bytes).and_then(|_| self.push(OTHER)),
            b'F' => return line(bytes).and_then(|_| self.push(OTHER)),
            b'c' => Object::Global(format!("{} {}", line(bytes)?, line(bytes)?)),
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id| self.text(id).ok_or("a global's name is not text");
                Object::Global(format!("{} {}", text(module)?, text(name)?))
            }
            b'i' => {
                let class = Object::Global(format!("{} {}", line(bytes)?, line(bytes)?));
                let arguments = Object::Tuple(self.marked()?);
                Object::Call(self.add(class)?, self.add(arguments)?)
            }
            b'o' => {
                let mut arguments = self.marked()?;
                let class = if arguments.is_empty() { OTHER } else { arguments.remove(0) };
                Object::Call(class, self.add(Object::Tuple(arguments))?)
            }
            0x85 => Object::Tuple(vec![self.pop()?]),
            0x86 | 0x87 => {
                let count = usize::from(operation - 0x84);
                let first = self.stack.len().checked_sub(count).ok_or("its stack is empty")?;
                Object::Tuple(self.stack.split_off(first))
            }
            b't' => Object::Tuple(self.marked()?),
            b']' => Object::List(vec![]),
            b'l' => Object::List(self.marked()?),
            b'}' => Object::Dict(vec![]),
            b'd' => Object::Dict(pairs(&self.marked()?)),
            // Sets.
            0x8f => Object::Other,
            0x91 => self.marked().map(|_| Object::Other)?,
            b'Q' => Object::Outside(self.pop()?),
            b'J' => Object::Int(i32::from_le_bytes(take(bytes)?).into()),
            b'M' => Object::Int(u16::from_le_bytes(take(bytes)?).into()),
            b'I' | b'L' => line(bytes)?.trim_end_matches('L').parse().map_or(Object::Other, Object::Int),
            0x8a => {
                let length = take::<1>(bytes)?[0].into();
                long(split(bytes, length)?)
            }
            0x8b => {
                let length = u32::from_le_bytes(take(bytes)?) as usize;
                long(split(bytes, length)?)
            }
            b'V' => Object::Text(line(bytes)?),
            b'S' => Object::Text(line(bytes)?.trim_matches(['\'', '"']).to_string()),
            // Text, and long bytes or a byte array.
            0x8d | 0x8e | 0x96 => {
                let length = usize::try_from(u64::from_le_bytes(take(bytes)?)).unwrap_or(usize::MAX);
                let content = split(bytes, length)?;
                if operation == 0x8d { text(content) } else { Object::Other }
            }
            b'X' | b'T' | b'B' => {
                let length = u32::from_le_bytes(take(bytes)?) as usize;
                text(split(bytes, length)?)
            }
            b'U' | b'C' | 0x8c => {
                let length = take::<1>(bytes)?[0].into();
                text(split(bytes, length)?)
            }
            other => return Err(format!("the pickle operation {other:#04x} is unknown")),
        };
        let id = self.add(object)?;
        self.push(id)
    }

    /// Adds an object, without pushing it.
    fn add(&mut self, object: Object) -> Result<Id> {
        let id = self.objects.len() as Id;
        self.objects.push(object);
        limited(self.objects.len()).map(|()| id)
    }

    fn push(&mut self, id: Id) -> Result<()> {
        self.stack.push(id);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id> {
        self.stack.pop().ok_or_else(|| "its stack is empty".into())
    }

    fn top(&self) -> Result<Id> {
        self.stack.last().copied().ok_or_else(|| "its stack is empty".into())
    }

    /// The objects pushed since the last mark.
    fn marked(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark))
    }

    fn put(&mut self, at: u32) -> Result<()> {
        let top = self.top()?;
        self.memo.insert(at, top);
        Ok(())
    }

    fn again(&mut self, at: u32) -> Result<()> {
        let id = *self.memo.get(&at).ok_or("it refers to an object that is not there")?;
        self.push(id)
    }

    fn append(&mut self, many: bool) -> Result<()> {
        let new = if many { self.marked()? } else { vec![self.pop()?] };
        let to = self.top()?;
        match &mut self.objects[to as usize] {
            Object::List(elements) => elements.extend(new),
            // An object of a subclass of `list`.
            object @ Object::Call(..) => *object = Object::List(new),
            _ => {}
        }
        Ok(())
    }

    fn set_items(&mut self, many: bool) -> Result<()> {
        let new = if many {
            self.marked()?
        } else {
            let value = self.pop()?;
            vec![self.pop()?, value]
        };
        let to = self.top()?;
        match &mut self.objects[to as usize] {
            Object::Dict(items) => items.extend(pairs(&new)),
            // An object of a subclass of `dict`.
            object @ Object::Call(..) => *object = Object::Dict(pairs(&new)),
            _ => {}
        }
        Ok(())
    }

    /// Creates an ordered dictionary from the list of pairs that Python 2 passes; other calls are recorded.
    fn call(&mut self) -> Result<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let object = match self.get(function) {
            Object::Global(name) if name == "collections OrderedDict" => {
                let items = self.elements(arguments).and_then(|arguments| self.elements(*arguments.first()?));
                let pair = |item: &Id| match self.elements(*item)? {
                    [key, value] => Some((*key, *value)),
                    _ => None,
                };
                let items: Vec<_> = items.unwrap_or_default().iter().filter_map(pair).collect();
                self.called += items.len();
                limited(self.called)?;
                Object::Dict(items)
            }
            _ => Object::Call(function, arguments),
        };
        let id = self.add(object)?;
        self.push(id)
    }
}

/// Fails where there are more than [`MOST_OBJECTS`].
fn limited(objects: usize) -> Result<()> {
    if objects > MOST_OBJECTS { Err(format!("it has more than {MOST_OBJECTS} objects")) } else { Ok(()) }
}

/// An integer of any length, of which only those of 64 bits matter.
fn long(digits: &[u8]) -> Object {
    if digits.len() > 8 {
        return Object::Other;
    }
    let negative = digits.last().is_some_and(|last| *last >= 0x80);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    all[..digits.len()].copy_from_slice(digits);
    Object::Int(i64::from_le_bytes(all))
}

fn number(line: String) -> Result<u32> {
    line.parse().map_err(|_| "a number in it cannot be read".into())
}

fn text(bytes: &[u8]) -> Object {
    Object::Text(String::from_utf8_lossy(bytes).into_owned())
}

fn pairs(ids: &[Id]) -> Vec<(Id, Id)> {
    ids.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk().ok_or("it ends too early")?;
    *bytes = rest;
    Ok(*taken)
}

fn split<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or("it ends too early")?;
    *bytes = rest;
    Ok(taken)
}

fn line(bytes: &mut &[u8]) -> Result<String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it ends too early")?;
    let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
    *bytes = &bytes[end + 1..];
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pickle.dumps({"a": (1, -2, 300), "b": [True, "x"]}, protocol=2)`.
    const SOME: &[u8] = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01J\xfe\xff\xff\xffM,\x01\x87q\x02X\x01\x00\x00\
                          \x00bq\x03]q\x04(\x88X\x01\x00\x00\x00xq\x05eu.";

    #[test]
    fn reads_what_python_writes() {
        let mut bytes = &[SOME, b"rest"].concat()[..];
        let (objects, outermost) = Objects::read(&mut bytes).unwrap();
        assert_eq!(bytes, b"rest");
        let Object::Dict(items) = objects.get(outermost) else { panic!("no dictionary") };
        let [(a, numbers), (_, list)] = items[..] else { panic!("two items were pickled") };
        assert_eq!(objects.text(a), Some("a"));
        let numbers: Vec<_> = objects.elements(numbers).unwrap().iter().map(|id| objects.get(*id).clone()).collect();
        assert_eq!(numbers, [Object::Int(1), Object::Int(-2), Object::Int(300)]);
        assert_eq!(objects.elements(list).map(|list| objects.text(list[1])), Some(Some("x")));
    }

    #[test]
    fn damaged_ones_are_errors() {
        for end in 0..SOME.len() {
            assert!(Objects::read(&mut &SOME[..end]).is_err(), "cut at {end}");
        }
        for bytes in [&b"."[..], b"t.", b"(t0.", b"h\x07.", b"R.", b"]0a.", b"\xff.", b"X\xff\xff\xff\xff.", b"\x86."] {
            assert!(Objects::read(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
        // A hundred thousand nested tuples.
        let deep = [b")".to_vec(), vec![0x85; 100_000], b".".to_vec()].concat();
        assert!(Objects::read(&mut &deep[..]).is_ok());
    }
}
