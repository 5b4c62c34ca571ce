#!/usr/bin/env bash
# Library: the Rust crate zip 9.2.2.
#
# Whether this crate opens a PyTorch file can depend on how long the file's name is.
# PyTorch always ends its archives with a zip64 end record (56 bytes) and its
# locator (20 bytes), however small the archive. It also puts the file's stem in
# front of each entry's name. With a stem of 21 bytes the first entry of the central
# directory ("<stem>/data.pkl") is 46 + 30 = 76 bytes long, just as long as those two
# records. `ZipArchive::new` looks for the directory by counting back from the very
# end record, and forgets the other two. Here that lands on the second entry, which
# it takes for the first, and it refuses the archive. With stems of 20 and 22 bytes
# it lands on no entry and looks elsewhere. The archive is sound: Python's zipfile
# reads all three. `ArchiveOffset::Known(0)` turns the guess off: all three are read.
# Files that torch 2.15.0 itself saved under such names, and zip 9.8.2, do the same.
#
# Seen:
#   stem of 20 bytes: zipfile: sound; new: 3 entries; Known(0): 3 entries
#   stem of 21 bytes: zipfile: sound; new: invalid Zip archive: Invalid Central Directory header; Known(0): 3 entries
#   stem of 22 bytes: zipfile: sound; new: 3 entries; Known(0): 3 entries
#
# Needs: cargo, python3.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src

cat > Cargo.toml <<'EOF'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
zip = { version = "=9.2.2", default-features = false }
EOF

cat > src/main.rs <<'EOF'
use std::fs::File;
use zip::read::{ArchiveOffset, Config};
use zip::result::ZipResult;
use zip::ZipArchive;

fn told(archive: ZipResult<ZipArchive<File>>) -> String {
    match archive {
        Ok(archive) => format!("{} entries", archive.len()),
        Err(error) => error.to_string(),
    }
}

fn main() {
    let path = std::env::args().nth(1).expect("a path");
    let open = || File::open(&path).expect("the archive");
    let from_the_start = Config { archive_offset: ArchiveOffset::Known(0) };
    println!(
        "new: {}; Known(0): {}",
        told(ZipArchive::new(open())),
        told(ZipArchive::with_config(from_the_start, open())),
    );
}
EOF

# Lays an archive out as PyTorch's writer does: stored entries, each one's data
# at a multiple of 64 bytes, and the zip64 records always there.
cat > make.py <<'EOF'
import struct
import sys
import zipfile
import zlib


def archive(stem):
    members = [
        (f"{stem}/data.pkl", b"\x80\x02K\x07."),
        (f"{stem}/byteorder", b"little"),
        (f"{stem}/version", b"3\n"),
    ]
    out = central = b""
    for name, data in members:
        name = name.encode()
        crc, size, at = zlib.crc32(data), len(data), len(out)
        padding = -(at + 30 + len(name) + 4) % 64
        extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
        out += struct.pack("<4s5H3I2H", b"PK\3\4", 0, 0x800, 0, 0, 0, crc, size, size,
                           len(name), len(extra)) + name + extra + data
        central += struct.pack("<4s6H3I5H2I", b"PK\1\2", 0, 0, 0x800, 0, 0, 0, crc, size, size,
                               len(name), 0, 0, 0, 0, 0, at) + name
    start = len(out)
    end = start + len(central)
    count = len(members)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 798, 45, 0, 0, count, count,
                         len(central), start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    last = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(central), start, 0)
    return out + central + record + locator + last


path = sys.argv[1]
with open(path, "wb") as file:
    file.write(archive("m" * int(sys.argv[2])))
with zipfile.ZipFile(path) as file:
    print("sound" if file.testzip() is None and len(file.namelist()) == 3 else "broken")
EOF

cargo build --quiet  # before the loop, so that a failed build ends the script
for bytes in 20 21 22; do
    echo "stem of $bytes bytes: zipfile: $(python3 make.py "$bytes.pt" "$bytes"); $(cargo run --quiet -- "$bytes.pt")"
done | tee seen

cat > expected <<'EOF'
stem of 20 bytes: zipfile: sound; new: 3 entries; Known(0): 3 entries
stem of 21 bytes: zipfile: sound; new: invalid Zip archive: Invalid Central Directory header; Known(0): 3 entries
stem of 22 bytes: zipfile: sound; new: 3 entries; Known(0): 3 entries
EOF
cmp -s seen expected || { echo "no longer so: zip 9.2.2 does not refuse just the stem of 21 bytes" >&2; exit 1; }
