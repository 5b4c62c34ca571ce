"""The shortest program that draws a digit: `shortest_sample.py MODEL RESULT THREADS`."""

import sys

import numpy
import onnxruntime
from PIL import Image

model, result, threads = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
session = onnxruntime.InferenceSession(model, options)
z = numpy.random.default_rng(1).uniform(-1, 1, (1, 100)).astype(numpy.float32)
(image,) = session.run(None, {"z": z})
Image.fromarray((image[0, 0] * 255 + 0.5).astype(numpy.uint8)).save(result)
