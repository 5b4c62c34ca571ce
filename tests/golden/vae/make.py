"""Makes the cases beside it: `python make.py`. Run with PyTorch 2.15.0+cu132, NumPy and safetensors, on a CPU.

Everything is computed in float64 from weights and inputs that float32 holds, and no activation lies near its kink.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).parent
LOG_VARIANCE = (-20.0, 10.0)


class Encoder(nn.Module):
    def __init__(self, channels, side, base, z_dim):
        super().__init__()
        features = 4 * base * (side // 8) ** 2
        self.conv1 = nn.Conv2d(channels, base, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(base, 2 * base, 4, stride=2, padding=1)
        self.conv3 = nn.Conv2d(2 * base, 4 * base, 4, stride=2, padding=1)
        self.mean = nn.Linear(features, z_dim)
        self.log_variance = nn.Linear(features, z_dim)

    def forward(self, x, kinks):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = conv(x)
            kinks.append(x)
            x = F.relu(x)
        x = x.flatten(1)
        return self.mean(x), self.log_variance(x).clamp(*LOG_VARIANCE)


class Decoder(nn.Module):
    def __init__(self, channels, side, base, z_dim):
        super().__init__()
        self.shape = (4 * base, side // 8, side // 8)
        self.fc = nn.Linear(z_dim, 4 * base * (side // 8) ** 2)
        self.deconv1 = nn.ConvTranspose2d(4 * base, 2 * base, 4, stride=2, padding=1)
        self.deconv2 = nn.ConvTranspose2d(2 * base, base, 4, stride=2, padding=1)
        self.deconv3 = nn.ConvTranspose2d(base, channels, 4, stride=2, padding=1)

    def forward(self, z, kinks):
        x = self.fc(z)
        kinks.append(x)
        x = F.relu(x).unflatten(1, self.shape)
        for deconv in (self.deconv1, self.deconv2):
            x = deconv(x)
            kinks.append(x)
            x = F.relu(x)
        return self.deconv3(x)


class Vae(nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        self.encoder = Encoder(*sizes)
        self.decoder = Decoder(*sizes)


def rounded(tensor):
    return tensor.float().double()


def case(name, channels, side, base, z_dim, beta, batch, seed):
    torch.manual_seed(seed)
    vae = Vae(channels, side, base, z_dim).double()
    with torch.no_grad():
        for param in vae.parameters():
            # Larger than PyTorch's own initial weights, so that the divergence and the logits are not all near 0.
            param.copy_(rounded(2 * param))
    pictures = rounded(torch.rand(batch, channels, side, side))
    noise = rounded(torch.randn(batch, z_dim))

    kinks = []
    mean, log_variance = vae.encoder(pictures, kinks)
    z = mean + torch.exp(log_variance / 2) * noise
    logits = vae.decoder(z, kinks)
    nearest = min(x.abs().min().item() for x in kinks)
    assert nearest > 2e-6, f"{name}: {nearest} is too near the kink of a ReLU; take another seed"
    reconstruction = F.binary_cross_entropy_with_logits(logits, pictures, reduction="sum") / batch
    normal = torch.distributions.Normal
    divergence = torch.distributions.kl_divergence(
        normal(mean, torch.exp(log_variance / 2)), normal(torch.zeros_like(mean), torch.ones_like(mean))
    ).sum(1).mean()
    total = reconstruction + beta * divergence

    tensors = {f"w.{name}": param.detach() for name, param in vae.named_parameters()}
    tensors |= {"in.pictures": pictures, "in.noise": noise}
    outputs = {
        "mean": mean,
        "log_variance": log_variance,
        "z": z,
        "pictures": torch.sigmoid(logits),
        "reconstruction": reconstruction,
        "divergence": divergence,
        "loss": total,
    }
    tensors |= {f"out.{name}": output.detach() for name, output in outputs.items()}
    for loss in ("reconstruction", "divergence", "loss"):
        names, params = zip(*vae.named_parameters())
        gradients = torch.autograd.grad(outputs[loss], params, retain_graph=True, allow_unused=True)
        tensors |= {f"grad.{loss}.{name}": g for name, g in zip(names, gradients) if g is not None}
    config = {
        "kind": "vae", "channels": channels, "side": side, "base_channels": base, "z_dim": z_dim, "beta": beta,
        "torch": torch.__version__,
    }
    tensors = {name: tensor.float().contiguous() for name, tensor in tensors.items()}
    path = HERE / f"{name}.safetensors"
    save_file(tensors, path, metadata={"case": json.dumps(config)})
    print(name, path.stat().st_size, "bytes; nearest kink", nearest, {k: outputs[k].item() for k in ("reconstruction", "divergence")})


if __name__ == "__main__":
    case("grey", channels=1, side=16, base=2, z_dim=3, beta=1.0, batch=4, seed=1)
    case("colour", channels=3, side=8, base=2, z_dim=5, beta=4.0, batch=3, seed=2)
