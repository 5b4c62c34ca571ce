use std::io::Write;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// `torch.save(OrderedDict(w=torch.arange(6.).reshape(2, 3).t(), b=torch.tensor([0.5])), f)`, of both formats,
/// the older one with `_use_new_zipfile_serialization=False`.
const FILES: [&[u8]; 2] = [include_bytes!("old.pth"), include_bytes!("zip.pth")];

fn first(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, String> {
    Ok(read(bytes)?.swap_remove(0).tensors)
}

fn refused(bytes: &[u8]) -> String {
    let error = read(bytes).map(drop).unwrap_err();
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
    let function = b"ctorch._utils\n_rebuild_tensor_v2\n";
    [&function[..], b"(", &outside, &int(offset), &tuple(dims), &tuple(strides), b"\x89}tR"].concat()
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
    let found = read(&file).unwrap();
    assert_eq!(
        found.iter().map(|dictionary| dictionary.path.as_str()).collect::<Vec<_>>(),
        ["state_dict", "optimizer.state"]
    );
    assert_eq!(found[0].tensors["w"].to_vec1::<f32>().unwrap(), [2.0, 4.0]);
    let half = found[0].tensors["h"].to_dtype(candle_core::DType::F32).unwrap();
    assert_eq!(half.to_vec1::<f32>().unwrap(), [1.0, -2.0]);
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
    assert!(refused(b"no weights").contains("neither a safetensors"));
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
        (one(tensor("Float", "0", 0, &[i32::MAX, i32::MAX, i32::MAX], &[0, 0, 0])), "`w` is damaged"),
        (one(tensor("Float", "0", 0, &[2], &[i32::MAX])), "`w` is damaged"),
        (one(tensor("Complex", "0", 0, &[2], &[1])), "`w` has an element type that is not supported"),
        (one(tensor("Float", "0", 0, &[-2], &[1])), "`w` has an element type that is not supported"),
        // A name is no path: nothing outside of the archive is looked at.
        (one(tensor("Float", "../../../../etc/passwd", 0, &[2], &[1])), "`w` is missing"),
        (one(tensor("Float", "../data.pkl", 0, &[2], &[1])), "`w` is missing"),
    ];
    for (object, expected) in cases {
        let error = refused(&archive(&object, &[("net/data/0", &data)]));
        assert!(error.contains(expected), "{error}");
    }
    // An optimiser's tensors are no harm to the weights.
    let both = dict(&[
        ("model", one(tensor("Int", "0", 0, &[2], &[1]))),
        ("moments", one(tensor("Float", "7", 0, &[2], &[1]))),
    ]);
    let found = read(&archive(&both, &[("net/data/0", &data)])).unwrap();
    assert_eq!((found.len(), found[0].tensors["w"].dtype()), (1, candle_core::DType::I32));
    let compressed = archive(&one(tensor("Float", "0", 0, &[2], &[1])), &[("net/data/0", &data)]);
    // The method of the pickle's entry, in its own header and in the directory.
    let places: Vec<_> = compressed.windows(4).enumerate().filter(|(_, part)| *part == b"PK\x01\x02").collect();
    let mut bytes = compressed.clone();
    bytes[places[0].0 + 10] = 8;
    bytes[8] = 8;
    assert!(refused(&bytes).contains("compressed"));
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
    for many in [&b")"[..], b"(", b"0h\x00h\x00"] {
        assert!(refused(&archive(&[&b")q\x00"[..], &many.repeat(3 << 20)].concat(), &[])).contains("objects"));
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
