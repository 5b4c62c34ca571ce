#!/usr/bin/env bash
# Library: torch 2.15.0 for Python.
#
# A `.distcp` file, from torch.distributed.checkpoint, looks like any `.pt` file: it
# begins with PK\x03\x04, zipfile finds no fault in it, and torch.load opens it. But
# it is one whole archive after another, one a tensor, and only the `.metadata` file
# beside it says where each begins. So each reader sees one tensor, and no error
# tells of the rest. They do not even see the same one: torch.load gives the first,
# zipfile the last.
#
# Seen, for a checkpoint of a = 1, b = 2 and c = 3:
#   file begins with b'PK\x03\x04'; .metadata names ['a', 'b', 'c']
#   torch.load gives [1.0]
#   zipfile: faulty entry: None; data/0 holds 3.0
#
# Needs: python3 with venv. On Linux torch brings CUDA along: some 6 GB on the disk.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 numpy==2.4.6

cat > finding.py <<'EOF'
import struct
import sys
import warnings
import zipfile

import torch
import torch.distributed.checkpoint as checkpoint

warnings.simplefilter("ignore")  # it warns that there is only one process
tensors = {name: torch.tensor([value]) for name, value in (("a", 1.0), ("b", 2.0), ("c", 3.0))}
checkpoint.save(tensors, checkpoint_id="saved")
path = "saved/__0_0.distcp"

with open(path, "rb") as file:
    start = file.read(4)
names = sorted(checkpoint.FileSystemReader("saved").read_metadata().state_dict_metadata)
print(f"file begins with {start}; .metadata names {names}")

loaded = torch.load(path, weights_only=True)
print(f"torch.load gives {loaded.tolist()}")

with zipfile.ZipFile(path) as archive:
    faulty = archive.testzip()
    held, = struct.unpack("<f", archive.read("archive/data/0"))
print(f"zipfile: faulty entry: {faulty}; data/0 holds {held}")

if (start, names, loaded.tolist(), faulty, held) != (b"PK\3\4", ["a", "b", "c"], [1.0], None, 3.0):
    sys.exit("no longer so: torch.load and zipfile do not see just the first and the last tensor")
EOF
venv/bin/python finding.py
