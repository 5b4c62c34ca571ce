use std::io::{Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// `torch.save(OrderedDict(w=torch.arange(6.).reshape(2, 3).t(), b=torch.tensor([0.5])), f)`, of both formats,
/// the older one with `_use_new_zipfile_serialization=False`.
const FILES: [&[u8]; 2] = [include_bytes!("old.pth"), include_bytes!("zip.pth")];

type Tensors = BTreeMap<String, Tensor>;

/// The tensors of the first dictionary.
fn first(bytes: &[u8]) -> Result<Tensors, String> {
    let contents = read(bytes)?;
    contents.read(contents.dictionaries[0].tensors())
}

fn refused(bytes: &[u8]) -> String {
    let error = first(bytes).map(drop).unwrap_err();
    assert!(!error.contains('\n') && error.len() < 400, "{error}");
    error
}

// Pickles, written by hand.

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn int(value: i32) -> Vec<u8> {
    [&b"J"[..], &value.to_le_bytes()].concat()
}

fn tuple(items: &[i32]) -> Vec<u8> {
    [&b"("[..], &items.iter().flat_map(|item| int(*item)).collect::<Vec<_>>(), b"t"].concat()
}

fn tensor(storage: &str, key: &str, offset: i32, dims: &[i32], strides: &[i32]) -> Vec<u8> {
    let kind = format!("ctorch\n{storage}Storage\n");
    let outside = [&b"("[..], &text("storage"), kind.as_bytes(), &text(key), &text("cpu"), &int(0), b"tQ"].concat();
    let arguments = [&b"("[..], &outside, &int(offset), &tuple(dims), &tuple(strides), b"\x89}t"].concat();
    rebuilt("torch._utils _rebuild_tensor_v2", &arguments)
}

fn global(name: &str) -> Vec<u8> {
    format!("c{}\n", name.replace(' ', "\n")).into_bytes()
}

fn rebuilt(function: &str, arguments: &[u8]) -> Vec<u8> {
    [&global(function)[..], arguments, b"R"].concat()
}

/// A tensor as PyTorch saves one of a class, or with attributes.
fn of_class(class: &str, tensor: &[u8]) -> Vec<u8> {
    let function = global("torch._utils _rebuild_tensor_v2");
    let arguments = &tensor[function.len()..tensor.len() - 1];
    let all = [&b"("[..], &function, &global(class), arguments, b"}", &text("note"), b"K\x01st"].concat();
    rebuilt("torch._tensor _rebuild_from_type_v2", &all)
}

fn dict(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let items: Vec<u8> = items.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()).collect();
    [&b"}("[..], &items, b"u"].concat()
}

fn archive(object: &[u8], entries: &[(&str, &[u8])]) -> Vec<u8> {
    let pickle = [b"\x80\x02", object, b"."].concat();
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("net/data.pkl", &pickle[..])].iter().chain(entries) {
        zip.start_file(*name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn both_of_pytorchs_formats_are_read() {
    for bytes in FILES {
        let tensors = first(bytes).unwrap();
        assert_eq!(tensors.keys().collect::<Vec<_>>(), ["b", "w"]);
        assert_eq!(tensors["w"].to_vec2::<f32>().unwrap(), [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]);
        assert_eq!(tensors["b"].to_vec1::<f32>().unwrap(), [0.5]);
    }
}

#[test]
fn dictionaries_in_one_another_are_found() {
    let data = floats(&[1.0, 2.0, 3.0, 4.0, 5.0]);
    let moments = dict(&[("m", tensor("Float", "0", 0, &[1], &[1]))]);
    let network = dict(&[
        // Every second element, from the second on.
        ("w", tensor("Float", "0", 1, &[2], &[2])),
        ("h", tensor("Half", "1", 0, &[2], &[1])),
    ]);
    let object = dict(&[("epoch", int(3)), ("optimizer", dict(&[("state", moments)])), ("state_dict", network)]);
    let half = [0x00, 0x3c, 0x00, 0xc0];
    let file = archive(&object, &[("net/data/0", &data), ("net/data/1", &half), ("net/byteorder", b"little")]);
    let contents = read(&file).unwrap();
    let paths: Vec<_> = contents.dictionaries.iter().map(Dictionary::path).collect();
    assert_eq!(paths, ["state_dict", "optimizer.state"]);
    let found = first(&file).unwrap();
    assert_eq!(found["w"].to_vec1::<f32>().unwrap(), [2.0, 4.0]);
    let half = found["h"].to_dtype(DType::F32).unwrap();
    assert_eq!(half.to_vec1::<f32>().unwrap(), [1.0, -2.0]);
}

#[test]
fn tensors_of_every_description_are_read_or_named() {
    let (data, half) = (floats(&[1.0, 2.0, 3.0]), [0x00, 0x3c]);
    let plain = tensor("Float", "0", 0, &[3], &[1]);
    let flagged = |flag: &str| {
        let end = [&b"\x89}}"[..], &text(flag), b"\x88stR"].concat();
        [plain.strip_suffix(b"\x89}tR").unwrap(), &end].concat()
    };
    let parameter = rebuilt("torch._utils _rebuild_parameter_with_state", &[b"(", &plain[..], b"\x88}}t"].concat());
    let mut third = [plain.strip_suffix(b"tR").unwrap(), &global("torch float32")[..], b"tR"].concat();
    let version = third.windows(9).position(|part| part == b"tensor_v2").unwrap() + 8;
    third[version] = b'3';
    let items = [
        ("buffer", of_class("torch Tensor", &plain)),
        ("expanded", tensor("Float", "0", 1, &[2, 3], &[0, 0])),
        ("negative", flagged("neg")),
        ("parameter", parameter),
        ("third", third),
        ("unreadable", of_class("torch.distributed.tensor DTensor", &plain)),
        ("conjugate", flagged("conj")),
        ("signed", tensor("Char", "0", 0, &[12], &[1])),
        ("complex", tensor("ComplexFloat", "0", 0, &[1], &[1])),
        ("sparse", rebuilt("torch._utils _rebuild_sparse_tensor", b")")),
        ("meta", rebuilt("torch._utils _rebuild_meta_tensor_no_storage", &[b"(N", &tuple(&[2])[..], b"t"].concat())),
        ("array", rebuilt("numpy._core.multiarray _reconstruct", b")")),
        ("list", b"]".to_vec()),
    ];
    let file = archive(&dict(&items), &[("net/data/0", &data), ("net/data/1", &half)]);
    let contents = read(&file).unwrap();
    let entries = &contents.dictionaries[0].entries;
    assert_eq!(entries.len(), items.len());
    let values = |name: &str| {
        let tensor = contents.read([(name, &entries[name])])?.remove(name).unwrap();
        Ok::<_, String>(tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap())
    };
    for (name, expected) in [
        ("buffer", &[1.0, 2.0, 3.0][..]),
        ("expanded", &[2.0; 6]),
        ("negative", &[-1.0, -2.0, -3.0]),
        ("parameter", &[1.0, 2.0, 3.0]),
        ("third", &[1.0, 2.0, 3.0]),
    ] {
        assert_eq!(values(name).unwrap(), expected, "{name}");
    }
    for (name, expected, shape) in [
        ("unreadable", "torch.distributed.tensor.DTensor", Some(vec![3])),
        ("conjugate", "resolve_conj", Some(vec![3])),
        ("signed", "int8", Some(vec![12])),
        ("complex", "complex64", Some(vec![1])),
        ("sparse", "sparse", None),
        ("meta", "meta", Some(vec![2])),
        ("array", "numpy", None),
        ("list", "a list", None),
    ] {
        let error = values(name).unwrap_err();
        assert!(error.contains(name) && error.contains(expected), "{error}");
        assert_eq!(entries[name].shape, shape, "{name}");
    }
    let listed: Vec<_> = contents.dictionaries[0].tensors().map(|(name, _)| name).collect();
    assert!(!listed.contains(&"array") && !listed.contains(&"list") && listed.len() == 11, "{listed:?}");
}

#[test]
fn safetensors_of_other_types_are_listed() {
    let header = br#"{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]},"c":{"dtype":"U64","shape":[1],"data_offsets":[6,14]}}"#;
    let file = [&(header.len() as u64).to_le_bytes()[..], header, &[1, 2], &1.5f32.to_le_bytes(), &[0; 8]].concat();
    let contents = read(&file).unwrap();
    let entries = &contents.dictionaries[0].entries;
    assert_eq!(entries.values().map(|entry| entry.dtype.as_str()).collect::<Vec<_>>(), ["F8_E4M3", "F32", "U64"]);
    assert_eq!(contents.read([("b", &entries["b"])]).unwrap()["b"].to_vec1::<f32>().unwrap(), [1.5]);
    assert!(contents.read([("a", &entries["a"])]).unwrap_err().contains("F8_E4M3"));
}

/// An archive as PyTorch writes it, with the end record of a large one, or as another program packs it again.
fn packed(folder: &str, pickle: &[u8], storage: &[u8], method: u16, crc: impl Fn(&[u8]) -> u32) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in [("data.pkl", pickle), ("data/0", storage)] {
        let name = format!("{folder}/{name}");
        let mut deflated = Vec::new();
        flate2::read::DeflateEncoder::new(bytes, flate2::Compression::best()).read_to_end(&mut deflated).unwrap();
        let stored = if method == 8 { &deflated[..] } else { bytes };
        let sizes = [crc(bytes), stored.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();
        let length = (name.len() as u16).to_le_bytes();
        let entry = [&[20, 0, 0, 0][..], &method.to_le_bytes(), &[0; 4], &sizes, &length, &[0; 2]].concat();
        let offset = (file.len() as u32).to_le_bytes();
        directory.extend([&b"PK\x01\x02\x14\0"[..], &entry, &[0; 10], &offset, name.as_bytes()].concat());
        file.extend([&b"PK\x03\x04"[..], &entry, name.as_bytes(), stored].concat());
    }
    let (start, length) = (file.len(), directory.len());
    let places = [2, 2, length as u64, start as u64].map(u64::to_le_bytes).concat();
    let end = [&b"PK\x06\x06"[..], &44u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8], &places].concat();
    let end_at = ((start + length) as u64).to_le_bytes();
    let locator = [&b"PK\x06\x07"[..], &[0; 4], &end_at, &1u32.to_le_bytes()].concat();
    let place = [length as u32, start as u32].map(u32::to_le_bytes).concat();
    let last = [b"PK\x05\x06\0\0\0\0\x02\0\x02\0", &place[..], &[0; 2]].concat();
    [file, directory, end, locator, last].concat()
}

#[test]
fn a_name_of_any_length_is_read() {
    let pickle = [&b"\x80\x02"[..], &dict(&[("w", tensor("Float", "0", 0, &[1], &[1]))]), b"."].concat();
    for length in 1..80 {
        let file = packed(&"n".repeat(length), &pickle, &floats(&[1.5]), 0, |_| 0);
        assert_eq!(first(&file).unwrap()["w"].to_vec1::<f32>().unwrap(), [1.5], "{length}");
    }
}

#[test]
fn checksums_are_verified_and_deflated_files_read() {
    let pickle = [&b"\x80\x02"[..], &dict(&[("w", tensor("Float", "0", 0, &[2], &[1]))]), b"."].concat();
    let data = floats(&[1.0, 2.0]);
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    };
    for method in [0, 8] {
        let good = packed("net", &pickle, &data, method, crc);
        assert_eq!(first(&good).unwrap()["w"].to_vec1::<f32>().unwrap(), [1.0, 2.0]);
        // PyTorch can leave checksums out.
        assert!(first(&packed("net", &pickle, &data, method, |_| 0)).is_ok());
        let wrong = packed("net", &pickle, &data, method, |bytes| crc(bytes) ^ u32::from(bytes == data));
        let error = refused(&wrong);
        assert!(error.contains("`w`") && error.contains("net/data/0") && error.contains("checksum"), "{error}");
    }
    // A thousand times the length.
    let data = vec![0; 1 << 27];
    let pickle = [&b"\x80\x02"[..], &dict(&[("w", tensor("Byte", "0", 0, &[1], &[1]))]), b"."].concat();
    assert!(refused(&packed("net", &pickle, &data, 8, |_| 0)).contains("many times the file's length"));
}

#[test]
fn logs_beside_the_weights_are_no_obstacle() {
    let network = dict(&[("w", tensor("Float", "0", 0, &[1], &[1]))]);
    // Two million floats, a set, a frozen set and a byte array of protocols 4 and 5, an object of a subclass of `dict`,
    // and numbers as protocol 1 writes them.
    let floats = [&b"]("[..], &b"G\x3f\xf0\0\0\0\0\0\0".repeat(2 << 20), b"e"].concat();
    let subclass = [&b"capp\nMine\n)\x81("[..], &text("inner"), &network, b"u"].concat();
    let object = dict(&[
        ("floats", floats),
        ("set", b"\x8f\x94(K\x01K\x02\x90".to_vec()),
        ("frozen", b"(K\x01\x91".to_vec()),
        ("bytes", b"\x96\x02\0\0\0\0\0\0\0ab".to_vec()),
        ("random", b"\x8b\x09\0\0\0\x01\x01\x01\x01\x01\x01\x01\x01\x01".to_vec()),
        ("old", b"(I01\nI300\nL5L\nF0.5\nl".to_vec()),
        ("subclass", subclass),
    ]);
    let file = archive(&object, &[("net/data/0", &self::floats(&[2.5]))]);
    assert_eq!(read(&file).unwrap().dictionaries[0].path(), "subclass.inner");
    assert_eq!(first(&file).unwrap()["w"].to_vec1::<f32>().unwrap(), [2.5]);
}

#[test]
fn whole_objects_are_refused_and_nothing_in_them_is_run() {
    // `os.system("touch ...")`, which Python's own reader would run.
    let marker = std::env::temp_dir().join(format!("easel-pickle-{}", std::process::id()));
    let command = [&b"cposix\nsystem\n("[..], &text(&format!("touch {}", marker.display())), b"tR"].concat();
    let error = refused(&archive(&command, &[]));
    assert!(error.contains("whole object, of `posix.system`") && error.contains("state_dict()"), "{error}");
    let network = b"cmodels\nNet\n)\x81}b".to_vec();
    let with_source = [&b"("[..], &text("module"), b"cmodels\nNet\n", &text("net.py"), &text("class"), b"tQ)\x81}b"];
    for object in [network.clone(), dict(&[("epoch", int(1)), ("model", network)]), with_source.concat()] {
        assert!(refused(&archive(&object, &[])).contains("`models.Net`"));
    }
    assert!(!marker.exists());
}

#[test]
fn damaged_files_are_errors() {
    let [old, zip] = FILES;
    for end in (0..old.len()).step_by(3) {
        assert!(first(&old[..end]).is_err(), "cut at {end}");
    }
    for end in (0..zip.len()).step_by(31) {
        assert!(first(&zip[..end]).is_err(), "cut at {end}");
    }
    // Any byte may be wrong: it is an error or another value, never more.
    for (file, step) in [(old, 1), (zip, 3)] {
        for at in (0..file.len()).step_by(step) {
            let mut bytes = file.to_vec();
            bytes[at] ^= 0x55;
            let _ = first(&bytes);
        }
    }
    assert!(refused(b"no weights").contains("text; "));
    assert!(refused(&archive(b"\xff", &[])).contains("operation 0xff is unknown"));
    assert!(refused(&archive(&dict(&[("n", int(1))]), &[])).contains("no dictionary of tensors"));
}

#[test]
fn what_is_not_in_the_file_is_missed() {
    let data = floats(&[1.0, 2.0]);
    let one = |tensor| dict(&[("w", tensor)]);
    let cases = [
        (one(tensor("Float", "7", 0, &[2], &[1])), "`w` is missing"),
        (one(tensor("Float", "0", 1, &[2], &[1])), "`w` is damaged"),
        (one(tensor("Float", "0", 0, &[i32::MAX, i32::MAX, i32::MAX], &[0, 0, 0])), "`w` takes many times"),
        (one(tensor("Float", "0", 0, &[2], &[i32::MAX])), "`w` is damaged"),
        (one(tensor("Float", "0", 0, &[-2], &[1])), "`w` cannot be read: its description is incomplete"),
        // A name is no path: nothing outside of the archive is looked at.
        (one(tensor("Float", "../../../../etc/passwd", 0, &[2], &[1])), "`w` is missing"),
        (one(tensor("Float", "../data.pkl", 0, &[2], &[1])), "`w` is missing"),
    ];
    for (object, expected) in cases {
        let error = refused(&archive(&object, &[("net/data/0", &data)]));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn small_files_take_little_memory() {
    // A megabyte that is shared by a thousand tensors.
    let shared: Vec<_> = (0..1000).map(|at| (format!("t{at}"), tensor("Byte", "0", 0, &[1 << 20], &[1]))).collect();
    let shared: Vec<_> = shared.iter().map(|(name, tensor)| (name.as_str(), tensor.clone())).collect();
    let file = archive(&dict(&shared), &[("net/data/0", &vec![7; 1 << 20])]);
    assert!(refused(&file).contains("many times the file's length"));

    // A list of a thousand pairs, and a hundred thousand dictionaries made of it.
    let pairs = [&b"]("[..], &b"K\x01K\x02\x86".repeat(1000), b"eq\x00"].concat();
    let made = b"ccollections\nOrderedDict\nh\x00\x85R0".repeat(100_000);
    assert!(refused(&archive(&[&pairs[..], &made].concat(), &[])).contains("objects"));
    assert!(refused(&archive(&b"]".repeat(9 << 20), &[])).contains("objects"));
    for many in [&b")"[..], b"(", b"0h\x00h\x00"] {
        assert!(read(&archive(&[&b")q\x00"[..], &many.repeat(3 << 20)].concat(), &[])).is_err());
    }
    assert!(refused(&archive(b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", &[])).contains("ends too early"));

    // Dictionaries that hold themselves, and many in one another.
    let cycle = [&b"}q\x00"[..], &text("a"), b"h\x00s"].concat();
    assert!(refused(&archive(&cycle, &[])).contains("no dictionary of tensors"));
    // Each level holds the one below a thousand times.
    let level = |below: u8| {
        [&b"}q"[..], &[below + 1], b"(", &[&text("a")[..], b"h", &[below]].concat().repeat(1000), b"u0"].concat()
    };
    let levels = [&b"}q\x000"[..], &(0..6).flat_map(level).collect::<Vec<_>>(), b"h\x06"].concat();
    assert!(refused(&archive(&levels, &[])).contains("no dictionary of tensors"));
    let deep = [b"}".repeat(50_000), [text("a"), b"".to_vec()].concat()].concat();
    assert!(read(&archive(&deep, &[])).is_err());
    let nested = [&b")"[..], &b"\x85".repeat(500_000)].concat();
    assert!(read(&archive(&nested, &[])).is_err());
}
