"""The shortest program that stylizes a picture: `shortest_stylize.py MODEL PHOTO RESULT THREADS`."""

import sys

import numpy
import onnxruntime
from PIL import Image

model, photo, result, threads = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
options.log_severity_level = 3
session = onnxruntime.InferenceSession(model, options)
image = numpy.asarray(Image.open(photo).convert("RGB"), numpy.float32).transpose(2, 0, 1)[None] / 255
(stylized,) = session.run(None, {"image": image})
pixels = (stylized[0].transpose(1, 2, 0) * 255 + 0.5).astype(numpy.uint8)
# The quality that `stylize` writes.
Image.fromarray(pixels).save(result, quality=92)
