"""Makes the files in `files/`, with PyTorch: `python tests/importing/make_torch_files.py [folder]`.

They are tiny networks whose layers are named as other projects name theirs, saved as those projects save theirs, each
with what it makes of `input.npy`, in [0, 255] and (N, H, W, C), as `<name>.npy`. PyTorch 2.13.0 made those in git.
"""

import copy
import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

FILES = Path(__file__).parent / "files"
MEAN = (0.4488, 0.4371, 0.4040)
FACTORS = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def upsampling(scale: int, filters: int) -> nn.Sequential:
    stages = [(conv(filters, filters * f**2), nn.PixelShuffle(f)) for f in FACTORS[scale]]
    return nn.Sequential(*(layer for stage in stages for layer in stage))


def mean_shift(value_range: int, sign: int) -> nn.Conv2d:
    shift = nn.Conv2d(3, 3, 1)
    shift.weight.data = torch.eye(3).view(3, 3, 1, 1)
    shift.bias.data = sign * value_range * torch.tensor(MEAN)
    return shift.requires_grad_(False)


class Residual(nn.Module):
    """EDSR-PyTorch's names of a block's parts."""

    def __init__(self, filters: int, scaling: float):
        super().__init__()
        self.body = nn.Sequential(conv(filters, filters), nn.ReLU(), conv(filters, filters))
        self.scaling = scaling

    def forward(self, x):
        return x + self.scaling * self.body(x)


class EdsrPytorch(nn.Module):
    """EDSR with EDSR-PyTorch's names; from and to [0, value_range]."""

    def __init__(self, scale: int, blocks: int = 1, filters: int = 4, scaling: float = 1, value_range: int = 255):
        super().__init__()
        self.value_range = value_range
        self.sub_mean, self.add_mean = mean_shift(value_range, -1), mean_shift(value_range, 1)
        self.head = nn.Sequential(conv(3, filters))
        self.body = nn.Sequential(*(Residual(filters, scaling) for _ in range(blocks)), conv(filters, filters))
        self.tail = nn.Sequential(upsampling(scale, filters), conv(filters, 3))

    def forward(self, x):
        x = self.head(self.sub_mean(x))
        return self.add_mean(self.tail(x + self.body(x)))


class PlainResidual(nn.Module):
    """BasicSR's names of a block's parts."""

    def __init__(self, filters: int, scaling: float = 1):
        super().__init__()
        self.conv1, self.conv2 = conv(filters, filters), conv(filters, filters)
        self.scaling = scaling

    def forward(self, x):
        return x + self.scaling * self.conv2(functional.relu(self.conv1(x)))


class BasicsrEdsr(nn.Module):
    """EDSR with BasicSR's names; from and to [0, 1]."""

    value_range = 1

    def __init__(self, scale: int, blocks: int = 1, filters: int = 4, scaling: float = 1):
        super().__init__()
        self.conv_first = conv(3, filters)
        self.body = nn.Sequential(*(PlainResidual(filters, scaling) for _ in range(blocks)))
        self.conv_after_body = conv(filters, filters)
        self.upsample = upsampling(scale, filters)
        self.conv_last = conv(filters, 3)

    def forward(self, x):
        mean = torch.tensor(MEAN).view(1, 3, 1, 1)
        x = self.conv_first((x - mean) * 255)
        return self.conv_last(self.upsample(x + self.conv_after_body(self.body(x)))) / 255 + mean


class Dense(nn.Module):
    """ESRGAN's dense block: five convolutions, each of all before it."""

    def __init__(self, filters: int, growth: int):
        super().__init__()
        for i in range(4):
            setattr(self, f"conv{i + 1}", conv(filters + i * growth, growth))
        self.conv5 = conv(filters + 4 * growth, filters)

    def forward(self, x):
        features = x
        for each in (self.conv1, self.conv2, self.conv3, self.conv4):
            features = torch.cat([features, functional.leaky_relu(each(features), 0.2)], 1)
        return x + 0.2 * self.conv5(features)


class DenseBlocks(nn.Module):
    def __init__(self, filters: int, growth: int):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (Dense(filters, growth) for _ in range(3))

    def forward(self, x):
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class Rrdb(nn.Module):
    """RRDBNet with Real-ESRGAN's names; from and to [0, 1]. At x2 and x1 it first shuffles pixels into channels."""

    value_range = 1

    def __init__(self, scale: int = 4, blocks: int = 1, filters: int = 4, growth: int = 2):
        super().__init__()
        self.unshuffle = 4 // scale if scale < 4 else 1
        self.conv_first = conv(3 * self.unshuffle**2, filters)
        self.body = nn.Sequential(*(DenseBlocks(filters, growth) for _ in range(blocks)))
        self.conv_body = conv(filters, filters)
        self.conv_up1, self.conv_up2 = conv(filters, filters), conv(filters, filters)
        self.conv_hr, self.conv_last = conv(filters, filters), conv(filters, 3)
        self.scale = scale

    def forward(self, x):
        height, width = x.shape[2:]
        if self.unshuffle > 1:
            rest = [-side % self.unshuffle for side in (height, width)]
            x = functional.pixel_unshuffle(functional.pad(x, (0, rest[1], 0, rest[0]), "reflect"), self.unshuffle)
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for up in (self.conv_up1, self.conv_up2):
            x = functional.leaky_relu(up(functional.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        x = self.conv_last(functional.leaky_relu(self.conv_hr(x), 0.2))
        return x[:, :, : height * self.scale, : width * self.scale]


def esrgan_names(state: dict) -> dict:
    """Real-ESRGAN's names of RRDBNet -> those of ESRGAN."""
    parts = {"conv_body": "trunk_conv", "body.": "RRDB_trunk.", "rdb": "RDB", "conv_up": "upconv", "conv_hr": "HRconv"}
    return {renamed(key, parts): tensor for key, tensor in state.items()}


def first_esrgan_names(state: dict, blocks: int) -> dict:
    """Real-ESRGAN's names of RRDBNet at x4 -> those of ESRGAN's first version: places in lists of lists."""
    parts = {"conv_first": "model.0", "conv_body": f"model.1.sub.{blocks}", "body.": "model.1.sub.", "rdb": "RDB"}
    parts |= {"conv_up1": "model.3", "conv_up2": "model.6", "conv_hr": "model.8", "conv_last": "model.10"}
    parts |= {f".conv{k}.": f".conv{k}.0." for k in range(1, 6)}
    return {renamed(key, parts): tensor for key, tensor in state.items()}


def renamed(name: str, parts: dict[str, str]) -> str:
    for old, new in parts.items():
        name = name.replace(old, new)
    return name


class Compact(nn.Module):
    """SRVGGNetCompact with Real-ESRGAN's names; from and to [0, 1]."""

    value_range = 1

    def __init__(self, scale: int, blocks: int = 2, filters: int = 4):
        super().__init__()
        layers: list[nn.Module] = [conv(3, filters), nn.PReLU(filters)]
        for _ in range(blocks):
            layers += [conv(filters, filters), nn.PReLU(filters)]
        self.body = nn.Sequential(*layers, conv(filters, 3 * scale**2))
        for layer in self.body:
            if isinstance(layer, nn.PReLU):
                nn.init.uniform_(layer.weight, -0.5, 0.5)
        self.scale = scale

    def forward(self, x):
        repeated = functional.interpolate(x, scale_factor=self.scale, mode="nearest")
        return functional.pixel_shuffle(self.body(x), self.scale) + repeated


class Msrresnet(nn.Module):
    """BasicSR's names of MSRResNet's parts at x4; it only exists to be saved."""

    def __init__(self, filters: int = 4):
        super().__init__()
        self.conv_first = conv(3, filters)
        self.body = nn.Sequential(PlainResidual(filters))
        self.upconv1, self.upconv2 = conv(filters, 4 * filters), conv(filters, 4 * filters)
        self.conv_hr, self.conv_last = conv(filters, filters), conv(filters, 3)


def output(network: nn.Module, pixels: np.ndarray) -> np.ndarray:
    """What the network makes of pixels in [0, 255], (N, H, W, 3), in the same form."""
    unit = 255 / network.value_range
    with torch.no_grad():
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2) / unit
        return (network(x) * unit).permute(0, 2, 3, 1).numpy()


def safetensors(state: dict) -> bytes:
    """The state in the format of that name: a header's length, the header, the tensors' bytes."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for key, tensor in state.items():
        start, data = len(data), data + tensor.contiguous().numpy().tobytes()
        header[key] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def main(folder: Path) -> None:
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 7, 6, 3)).astype(np.float32)
    np.save(folder / "input.npy", pixels)

    def save(name: str, network: nn.Module, saved, **options) -> None:
        torch.save(saved, folder / name, **options)
        np.save(folder / f"{name.partition('.')[0]}.npy", output(network, pixels))

    network: nn.Module = EdsrPytorch(2)
    save("edsr_pytorch_x2.pt", network, network.state_dict())

    # As the published checkpoints are: of 2017, in the format of then, under the names of then.
    network = EdsrPytorch(3, blocks=2)
    state = {f"model.{key}": value for key, value in network.state_dict().items()}
    save("edsr_pytorch_x3_legacy.pt", network, state, _use_new_zipfile_serialization=False)

    network = EdsrPytorch(4, scaling=0.1, value_range=1).to(memory_format=torch.channels_last)
    save("edsr_pytorch_x4_scaled.pt", network, network.state_dict())

    network = BasicsrEdsr(4)
    newest = copy.deepcopy(network)
    newest.conv_last.bias.data += 1
    save("basicsr_x4.pth", network, {"params": newest.state_dict(), "params_ema": network.state_dict()})

    # Parameters, not the tensors in them, behind what a network on several GPUs puts before the names.
    network = BasicsrEdsr(8, filters=2)
    save("basicsr_x8.pth", network, {"params": {f"module.{key}": value for key, value in network.named_parameters()}})

    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        name = f"edsr_pytorch_x2_{str(dtype).removeprefix('torch.')}"
        network = EdsrPytorch(2, filters=3).to(dtype)
        state = copy.deepcopy(network.state_dict())
        network = network.to(torch.float32)
        # In PyTorch the rounded mean would show; srzoo has the exact one.
        network.sub_mean, network.add_mean = mean_shift(255, -1), mean_shift(255, 1)
        save(f"{name}.pt", network, state)

    for scale in (4, 2, 1):
        network = Rrdb(scale)
        save(f"rrdb_x{scale}.pth", network, {"params_ema": network.state_dict()})
    network = Rrdb(blocks=2)
    save("rrdb_esrgan.pth", network, esrgan_names(network.state_dict()))
    network = Rrdb(blocks=2)
    save("rrdb_first.pth", network, first_esrgan_names(network.state_dict(), 2))
    for scale in (4, 2, 1):
        network = Compact(scale)
        save(f"compact_x{scale}.pth", network, {"params": network.state_dict()})

    network = BasicsrEdsr(2)
    state = {f"generator.{key}": each for key, each in network.state_dict().items()}
    save("training.ckpt", network, {"epoch": 3, "state_dict": {**state, "discriminator.a.weight": torch.zeros(1)}})
    network = EdsrPytorch(2)
    (folder / "edsr.safetensors").write_bytes(safetensors(network.state_dict()))
    np.save(folder / "edsr.npy", output(network, pixels))

    torch.save({"params": Msrresnet().state_dict()}, folder / "msrresnet.pth")
    torch.save(nn.Sequential(nn.Conv2d(3, 3, 1)), folder / "module.pt")
    torch.save(nn.Sequential(nn.Conv2d(3, 3, 1)), folder / "module_legacy.pt", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILES)
