"""Timed runs of a model in another engine, for `cargo xtask bench infer`.

`bench_infer.py ENGINE JOB.json` loads the job's model, runs it once on the job's inputs, writes the output's float32
elements to the job's file, and prints `ready VERSION`, or `failed REASON`. Each line on stdin is a number of runs; it
takes them and prints {"cpu": seconds, "wall": seconds, "memory": bytes by which loading and running have raised the
process's peak}.
"""

import importlib.metadata
import importlib.util
import json
import pathlib
import resource
import subprocess
import sys
import time

import numpy


class Failure(Exception):
    """An engine cannot do what it is asked for."""


def openvino(job, inputs):
    import openvino

    core = openvino.Core()

    def load():
        model = core.read_model(job["model"])
        model.reshape({name: array.shape for name, array in inputs.items()})
        options = {
            "INFERENCE_NUM_THREADS": job["threads"],
            "PERFORMANCE_HINT": "LATENCY",
            # The default on some CPUs is bfloat16.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        request = core.compile_model(model, "CPU", options).create_infer_request()
        return lambda: request.infer(inputs, share_inputs=True)[0]

    return load


def ncnn(job, inputs):
    import ncnn

    stem = pathlib.Path(job["folder"]) / "model"
    stem.with_suffix(".onnx").write_bytes(pathlib.Path(job["model"]).read_bytes())
    # The package's Python interface needs PyTorch; the program in it does not.
    program = pathlib.Path(importlib.util.find_spec("pnnx").origin).parent / "pnnx"
    kinds = {"float32": "f32", "int64": "i64"}
    batch = len(next(iter(inputs.values())))
    shapes = ",".join(f"{[1, *array.shape[1:]]}{kinds[array.dtype.name]}" for array in inputs.values()).replace(" ", "")
    done = subprocess.run([program, "model.onnx", f"inputshape={shapes}", "fp16=0"], cwd=stem.parent, capture_output=True)
    files = [str(stem) + suffix for suffix in (".ncnn.param", ".ncnn.bin")]
    if done.returncode or not all(pathlib.Path(file).is_file() for file in files):
        raise Failure(f"pnnx cannot convert the model (status {done.returncode})")
    network = ncnn.Net()
    options = network.opt
    options.num_threads = job["threads"]
    options.openmp_blocktime = 0
    options.use_winograd_convolution = options.use_sgemm_convolution = True
    options.use_winograd23_convolution = options.use_winograd43_convolution = options.use_winograd63_convolution = True
    for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
        setattr(options, f"use_{name}", False)

    def load():
        if network.load_param(files[0]) or network.load_model(files[1]):
            raise Failure("ncnn cannot load the model that pnnx has written")
        # It has no batches: their items run one after another.
        items = [[ncnn.Mat(array[item]) for array in inputs.values()] for item in range(batch)]

        def run_item(mats):
            extractor = network.create_extractor()
            for number, mat in enumerate(mats):
                extractor.input(f"in{number}", mat)
            status, output = extractor.extract("out0")
            if status:
                raise Failure(f"ncnn cannot run the model (status {status})")
            return numpy.array(output)

        return lambda: numpy.stack([run_item(mats) for mats in items])

    return load


ENGINES = {"openvino": openvino, "ncnn": ncnn}


def clock():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, time.perf_counter()


def memory(field):
    """A field of /proc/self/status in bytes; 0 on systems without it."""
    try:
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def main():
    engine, job = sys.argv[1:]
    job = json.loads(pathlib.Path(job).read_text())
    inputs = {
        entry["name"]: numpy.fromfile(entry["file"], entry["type"]).reshape(entry["shape"]) for entry in job["inputs"]
    }
    try:
        load = ENGINES[engine](job, inputs)
        before = memory("VmRSS")
        run = load()
        numpy.ascontiguousarray(run(), numpy.float32).tofile(job["output"])
    except (Failure, RuntimeError) as error:
        print("failed", " ".join(str(error).split()))
        return
    print(f"ready {importlib.metadata.version(engine)}", flush=True)
    for line in sys.stdin:
        cpu, wall = clock()
        for _ in range(int(line)):
            run()
        now_cpu, now_wall = clock()
        cost = {"cpu": now_cpu - cpu, "wall": now_wall - wall, "memory": memory("VmHWM") - before}
        print(json.dumps(cost), flush=True)


main()
