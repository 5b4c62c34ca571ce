"""Checks a model with other people's programs: onnx, onnxruntime in Python, and the lines that the README shows.

Runs in the folder that holds gan.onnx; takes the path of the README. One line a check, `ok NAME` or `not ok NAME`;
the status is 1 where any failed.
"""

import json
import pathlib
import re
import sys
import traceback

import numpy
import onnx
import onnxruntime

MODEL = "gan.onnx"


def is_valid():
    onnx.checker.check_model(onnx.load(MODEL), full_check=True)


def carries_its_card():
    model = onnx.load(MODEL)
    card = json.loads({entry.key: entry.value for entry in model.metadata_props}["easel"])
    assert card["kind"] == "generator", card
    assert card["verification"]["max_difference"] <= 1e-4, card


def draws_pictures_in_range():
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    z = numpy.random.default_rng(1).uniform(-1, 1, (5, 100)).astype(numpy.float32)
    (pictures,) = session.run(None, {"z": z})
    assert pictures.shape == (5, 1, 28, 28), pictures.shape
    assert pictures.min() >= 0 and pictures.max() <= 1, (pictures.min(), pictures.max())
    assert pictures.std() > 0.05, "the pictures are flat"
    assert abs(pictures[0] - pictures[1]).max() > 0.05, "two latent vectors give one picture"


def runs_the_lines_of_the_readme():
    blocks = re.findall(r"```python\n(.*?)```", pathlib.Path(sys.argv[1]).read_text("utf-8"), re.DOTALL)
    assert blocks, "the README shows no Python"
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


failed = 0
for check in (is_valid, carries_its_card, draws_pictures_in_range, runs_the_lines_of_the_readme):
    try:
        check()
        print("ok", check.__name__, flush=True)
    except Exception:
        failed += 1
        traceback.print_exc()
        print("not ok", check.__name__, flush=True)
sys.exit(failed > 0)
