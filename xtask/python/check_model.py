"""Checks exported models with onnx and Python's onnxruntime, and runs the Python examples of the documents.

Runs in the folder of gan.onnx and flowers.onnx; the arguments are the documents' paths. Prints `ok NAME` or
`not ok NAME` for each check; the status is 1 if any failed.
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
TABULAR = "flowers.onnx"
SHIPPED = sorted((pathlib.Path(__file__).parents[2] / "models").glob("*.onnx"))
# The attribute's field of each type that is a single number or text.
SCALARS = {onnx.AttributeProto.FLOAT: "f", onnx.AttributeProto.INT: "i", onnx.AttributeProto.STRING: "s"}


def is_valid():
    for model in (MODEL, TABULAR):
        onnx.checker.check_model(onnx.load(model), full_check=True)


def is_written_as_the_schema_has_it():
    assert SHIPPED, "no shipped models"
    for path in (MODEL, TABULAR, *SHIPPED):
        written = pathlib.Path(path).read_bytes()
        model = onnx.load_from_string(written)
        # Unpacked integers, in the order of the schema's own writer.
        assert model.SerializeToString() == written, path
        for node in model.graph.node:
            assert node.name, f"{path}: a node without a name"
            for attribute in node.attribute:
                field = SCALARS.get(attribute.type, "name")
                assert attribute.HasField(field), f"{path}: {node.name}: {attribute.name} has no field {field}"
        for tensor in model.graph.initializer:
            assert tensor.HasField("raw_data") and tensor.HasField("data_type"), f"{path}: {tensor.name}"
        assert [(opset.HasField("domain"), opset.domain) for opset in model.opset_import] == [(True, "")], path


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


def tells_flowers_apart():
    session = onnxruntime.InferenceSession(TABULAR, providers=["CPUExecutionProvider"])
    rows = numpy.array([[6.5, 4.7], [5.2, 1.5]], numpy.float32)
    (logits,) = session.run(None, {"features": rows})
    assert logits.argmax(1).tolist() == [0, 1], logits  # marsh, meadow


def runs_documented_examples():
    for document in map(pathlib.Path, sys.argv[1:]):
        blocks = re.findall(r"```python\n(.*?)```", document.read_text("utf-8"), re.DOTALL)
        assert blocks, f"{document.name} shows no Python"
        for block in blocks:
            exec(compile(block, document.name, "exec"), {})


CHECKS = (
    is_valid,
    is_written_as_the_schema_has_it,
    carries_its_card,
    draws_pictures_in_range,
    tells_flowers_apart,
    runs_documented_examples,
)
failed = 0
for check in CHECKS:
    try:
        check()
        print("ok", check.__name__, flush=True)
    except Exception:
        failed += 1
        traceback.print_exc()
        print("not ok", check.__name__, flush=True)
sys.exit(failed > 0)
