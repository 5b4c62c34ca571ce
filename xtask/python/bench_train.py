"""Timed training steps in PyTorch, for `cargo xtask bench train`.

`bench_train.py FOLDER CASE THREADS` reads FOLDER/CASE.safetensors, which `train/examples/bench` has written, and prints
`ready`. Each line on stdin is a number of steps; it takes them and prints {"cpu": seconds, "wall": seconds, "loss": the
last step's}.
"""

import json
import pathlib
import resource
import struct
import sys
import time

import numpy
import torch
import torch.nn.functional as F

DTYPES = {"F32": numpy.float32, "I64": numpy.int64}


def load(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = data[8 + length :]
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        array = numpy.frombuffer(body[start:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array.copy())
    return tensors


class Net:
    """Weights by name, and layers that take them from there."""

    def __init__(self, weights):
        self.weights = weights
        for name, weight in weights.items():
            if not name.split(".")[-1].startswith("running_"):
                weight.requires_grad_()

    def parameters(self):
        return [weight for weight in self.weights.values() if weight.requires_grad]

    def conv(self, x, name, **options):
        return F.conv2d(x, self.weights[name + ".weight"], self.weights[name + ".bias"], **options)

    def up(self, x, name, **options):
        return F.conv_transpose2d(x, self.weights[name + ".weight"], self.weights[name + ".bias"], **options)

    def linear(self, x, name):
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def instance_norm(self, x, name):
        return F.instance_norm(x, weight=self.weights[name + ".weight"], bias=self.weights[name + ".bias"])

    def batch_norm(self, x, name):
        w = self.weights
        mean, variance = w[name + ".running_mean"], w[name + ".running_var"]
        return F.batch_norm(x, mean, variance, w[name + ".weight"], w[name + ".bias"], training=True)

    def equalised(self, x, name, **options):
        name += ".conv"
        scale = (2 / self.weights[name + ".weight"][0].numel()) ** 0.5
        return self.conv(x * scale, name, **options)


def lenet(net, inputs):
    x = inputs["x"]
    for name in ("conv1", "conv2"):
        x = F.max_pool2d(F.relu(net.conv(x, name)), 2)
    x = F.relu(net.linear(x.flatten(1), "fc1"))
    return F.cross_entropy(net.linear(F.relu(net.linear(x, "fc2")), "fc3"), inputs["label"])


def stylize(net, x):
    x = F.relu(net.instance_norm(net.conv(F.pad(x, (4,) * 4, mode="reflect"), "downsample.1"), "downsample.2"))
    x = F.relu(net.instance_norm(net.conv(x, "downsample.4", stride=2), "downsample.5"))
    x = F.pad(x, (1,) * 4, mode="reflect")
    x = F.relu(net.instance_norm(net.conv(x, "downsample.8", stride=2), "downsample.9"))
    for block in range(5):
        name = f"res_blocks.{block}.conv."
        x = F.relu(net.conv(F.relu(net.conv(x, name + "0", padding=1)), name + "2", padding=1) + x)
    for conv, norm in (("unsample.0", "unsample.1"), ("unsample.3", "unsample.4")):
        x = F.relu(net.instance_norm(net.up(x, conv, stride=2, padding=1, output_padding=1), norm))
    return net.up(x, "unsample.6", padding=4)


VGG_BLOCKS = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21))


def vgg_features(vgg, x, count):
    features = []
    for block in VGG_BLOCKS[:count]:
        if features:
            x = F.max_pool2d(x, 2)
        for number in block:
            x = F.relu(vgg.conv(x, f"features.{number}", padding=1), inplace=False)
        features.append(x)
    return features


def gram(x):
    batch, channels, height, width = x.shape
    x = x.flatten(2)
    return x @ x.transpose(1, 2) / (channels * height * width)


def style(net, inputs):
    vgg, content = inputs["vgg"], inputs["content"]
    output = stylize(net, content).clamp(-2.1, 2.7)
    found = vgg_features(vgg, output, 4)
    with torch.no_grad():
        wanted = vgg_features(vgg, content, 3)[2]
    loss = F.mse_loss(found[2], wanted)
    for features, target in zip(found, inputs["grams"]):
        matrix = gram(features)
        loss = loss + 1e5 * F.mse_loss(matrix, target.expand_as(matrix))
    rows = (output[:, :, 1:] - output[:, :, :-1]).abs().sum()
    columns = (output[:, :, :, 1:] - output[:, :, :, :-1]).abs().sum()
    return loss + 1e-5 * (rows + columns)


def double_conv(net, x, name):
    x = F.relu(net.batch_norm(net.conv(x, name + ".conv.0", padding=1), name + ".conv.1"))
    return F.relu(net.batch_norm(net.conv(x, name + ".conv.3", padding=1), name + ".conv.4"))


def denoiser(net, inputs):
    x = inputs["x"]
    moment = (inputs["t"].float() / 1000)[:, None]
    moment = net.linear(F.silu(net.linear(moment, "time_embed.0")), "time_embed.2")
    condition = moment + F.embedding(inputs["label"], net.weights["label_embed.weight"])
    x = torch.cat([x, condition[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)
    skipped = []
    for level in range(1, 5):
        x = double_conv(net, x, f"enc{level}")
        skipped.append(x)
        x = F.max_pool2d(x, 2)
    x = double_conv(net, x, "bridge")
    for level in range(4, 0, -1):
        x = torch.cat([net.up(x, f"upconv{level}", stride=2), skipped.pop()], 1)
        x = double_conv(net, x, f"dec{level}")
    return F.mse_loss(net.conv(x, "final"), inputs["noise"])


def score(net, x):
    last = 3
    x = net.equalised(x, f"rgb_layers.{last}")
    for step in range(last, 0, -1):
        if step < last:
            x = F.avg_pool2d(x, 2)
        x = F.leaky_relu(net.equalised(x, f"prog_blocks.{step}.conv1", padding=1), 0.2)
        x = F.leaky_relu(net.equalised(x, f"prog_blocks.{step}.conv2", padding=1), 0.2)
        if step == last:
            x = F.avg_pool2d(x, 2)
    deviation = x.std(0).mean().expand(x.shape[0], 1, *x.shape[2:])
    x = net.equalised(torch.cat([x, deviation], 1), "conv")
    return net.linear(x.flatten(1), "linear").flatten()


def critic_plain(net, inputs):
    return score(net, inputs["fake"]).mean() - score(net, inputs["real"]).mean()


def critic(net, inputs):
    loss = critic_plain(net, inputs)
    beta = inputs["beta"]
    between = (inputs["real"] * beta + inputs["fake"] * (1 - beta)).requires_grad_()
    (gradient,) = torch.autograd.grad(score(net, between).sum(), between, create_graph=True)
    return loss + 10 * ((gradient.flatten(1).norm(2, 1) - 1) ** 2).mean()


CASES = {"lenet": lenet, "style": style, "denoiser": denoiser, "critic": critic, "critic-plain": critic_plain}


def clock():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, time.perf_counter()


def main():
    folder, name, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    tensors = load(pathlib.Path(folder) / f"{name}.safetensors")
    part = lambda prefix: {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
    net, inputs = Net(part("w.")), part("in.")
    if name == "style":
        vgg = inputs["vgg"] = Net(part("vgg."))
        for weight in vgg.parameters():
            weight.requires_grad_(False)
        inputs["grams"] = [gram(features) for features in vgg_features(vgg, inputs["style"], 4)]
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    loss_of = CASES[name]
    print(f"ready {torch.__version__}", flush=True)
    for line in sys.stdin:
        cpu, wall = clock()
        for _ in range(int(line)):
            optimizer.zero_grad()
            loss = loss_of(net, inputs)
            loss.backward()
            optimizer.step()
            last = loss.item()
        now_cpu, now_wall = clock()
        print(json.dumps({"cpu": now_cpu - cpu, "wall": now_wall - wall, "loss": last}), flush=True)


main()
