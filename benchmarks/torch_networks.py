"""EDSR and SRResNet in PyTorch, as a peer: the same layers as `srzoo.models`, batch normalisation folded."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, filters: int, activation: nn.Module, scaling: float):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(filters, filters, 3, padding=1) for _ in range(2))
        self.activation, self.scaling = activation, scaling

    def forward(self, x):
        y = self.conv2(self.activation(self.conv1(x)))
        return x + (y if self.scaling == 1 else y * self.scaling)


class Network(nn.Module):
    """From (N, 3, H, W) in [0, 255] to (N, 3, 4 H, 4 W)."""

    def __init__(self, kind: str, blocks: int = 16, filters: int = 64, scaling: float = 1.0):
        super().__init__()
        self.residual = kind == "srresnet"
        wide = 9 if self.residual else 3

        def act() -> nn.Module:
            return nn.PReLU(filters) if self.residual else nn.ReLU()

        self.head = nn.Conv2d(3, filters, wide, padding=wide // 2)
        self.head_activation = act() if self.residual else nn.Identity()
        self.blocks = nn.Sequential(*(Block(filters, act(), scaling) for _ in range(blocks)))
        self.body = nn.Conv2d(filters, filters, 3, padding=1)
        stage = []
        for _ in range(2):
            stage += [nn.Conv2d(filters, 4 * filters, 3, padding=1), nn.PixelShuffle(2)]
            stage += [act()] if self.residual else []
        self.upsampling = nn.Sequential(*stage)
        self.tail = nn.Conv2d(filters, 3, wide, padding=wide // 2)

    def forward(self, pixels):
        head = self.head_activation(self.head(pixels / 127.5 - 1))
        x = self.tail(self.upsampling(head + self.body(self.blocks(head))))
        return (torch.tanh(x) if self.residual else x) * 127.5 + 127.5


def network(name: str, dtype: torch.dtype) -> nn.Module:
    """The peer of one of srzoo's names, channels last, for inference."""
    sizes = {
        "edsr-baseline-x4": ("edsr",),
        "srresnet-x4": ("srresnet",),
        "edsr-x4": ("edsr", 32, 256, 0.1),
    }[name]
    return Network(*sizes).eval().to(dtype=dtype, memory_format=torch.channels_last)
