"""RSUNet: the residual symmetric U-Net of Lee et al. (arXiv 1706.00120)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import nn

from neurokit import Channel, Model, NeurokitError, param

Size = tuple[int, int, int]


@frozen(kw_only=True)
class RSUNet(Model):
    """Residual symmetric U-Net with summed skips (Lee et al. 2017).

    Every convolution is preceded by group normalisation and ELU, so the first thing that happens
    to an image is that its brightness and contrast are normalised. The defaults are the widths,
    kernels and pooling used for SNEMI3D's anisotropic voxels: the finest level works within
    sections, and z is never pooled. Isotropic data wants cubic kernels and pooling at all levels.
    """

    widths: tuple[int, ...] = param(
        (18, 36, 48, 64, 80), help="feature maps of each level, finest first", low=1
    )
    kernels: tuple[Size, ...] = param(
        ((1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),
        help="kernel size (z, y, x) of each level, odd; one entry serves all levels",
        low=1,
    )
    pooling: tuple[Size, ...] = param(
        ((1, 2, 2),),
        help="factors (z, y, x) between one level and the next; one entry serves all",
        low=1,
    )
    groups: int = param(
        4, help="groups of the normalisation, fewer where they do not divide", low=1
    )

    def __attrs_post_init__(self) -> None:
        levels = len(self.widths)
        if levels < 1:
            raise NeurokitError("widths names no level")
        if len(self.kernels) not in (1, levels):
            raise NeurokitError(f"kernels has {len(self.kernels)} entries for {levels} levels")
        if len(self.pooling) not in (1, levels - 1):
            raise NeurokitError(
                f"pooling has {len(self.pooling)} entries for the {levels - 1} steps between levels"
            )
        if any(size % 2 == 0 for kernel in self.kernels for size in kernel):
            raise NeurokitError("kernels must be of odd size, so that outputs fit inputs")

    def build(self, in_channels: int, channels: Sequence[Channel]) -> nn.Module:
        """The network; 2,292,824 parameters at the defaults with one input and 12 channels."""
        return _Network(
            in_channels, len(channels), self.widths, self._kernels, self._pooling, self.groups
        )

    def size_multiple(self) -> Size:
        """The product of the pooling factors along each axis."""
        z = y = x = 1
        for factors in self._pooling:
            z, y, x = z * factors[0], y * factors[1], x * factors[2]
        return z, y, x

    @property
    def _kernels(self) -> tuple[Size, ...]:
        return self.kernels if len(self.kernels) > 1 else self.kernels * len(self.widths)

    @property
    def _pooling(self) -> tuple[Size, ...]:
        steps = len(self.widths) - 1
        return self.pooling if len(self.pooling) == steps else self.pooling * steps


class _Network(nn.Module):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int],
        kernels: Sequence[Size],
        pooling: Sequence[Size],
        groups: int,
    ) -> None:
        super().__init__()
        self.first = _ConvBlock(in_channels, widths[0], kernels[0], groups)
        steps = list(zip(widths, widths[1:], kernels, kernels[1:], pooling, strict=False))
        self.down = nn.ModuleList(
            nn.Sequential(nn.MaxPool3d(factors), _ConvBlock(fine, coarse, kernel, groups))
            for fine, coarse, _, kernel, factors in steps
        )
        self.up = nn.ModuleList(
            _Up(coarse, fine, kernel, factors, groups)
            for fine, coarse, kernel, _, factors in reversed(steps)
        )
        self.head = nn.Sequential(
            *_normalised(widths[0], groups), nn.Conv3d(widths[0], out_channels, 1)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.first(image)
        skips = []
        for down in self.down:
            skips.append(features)
            features = down(features)
        for up in self.up:
            features = up(features, skips.pop())
        logits: torch.Tensor = self.head(features)
        return logits


def _normalised(width: int, groups: int) -> tuple[nn.Module, nn.Module]:
    """Group normalisation, in the most groups up to `groups` that divide the width, and ELU."""
    fitting = max(count for count in range(1, min(groups, width) + 1) if width % count == 0)
    return nn.GroupNorm(fitting, width), nn.ELU()


def _convolution(fan_in: int, fan_out: int, kernel: Size) -> nn.Conv3d:
    z, y, x = (size // 2 for size in kernel)
    return nn.Conv3d(fan_in, fan_out, kernel, padding=(z, y, x), bias=False)


class _Residual(nn.Module):
    def __init__(self, width: int, kernel: Size, groups: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_normalised(width, groups),
            _convolution(width, width, kernel),
            *_normalised(width, groups),
            _convolution(width, width, kernel),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        summed: torch.Tensor = features + self.body(features)
        return summed


class _ConvBlock(nn.Sequential):
    """A convolution that changes the width, a residual block, and one more convolution."""

    def __init__(self, fan_in: int, width: int, kernel: Size, groups: int) -> None:
        super().__init__(
            *_normalised(fan_in, groups),
            _convolution(fan_in, width, kernel),
            _Residual(width, kernel, groups),
            *_normalised(width, groups),
            _convolution(width, width, kernel),
        )


class _Up(nn.Module):
    """Fixed linear upsampling, a mix down to the finer width, the sum with the skip, a block."""

    weights: torch.Tensor

    def __init__(self, coarse: int, fine: int, kernel: Size, factors: Size, groups: int) -> None:
        super().__init__()
        self.factors = factors
        # A constant is no state: checkpoints leave it out.
        weights = _linear_weights(factors).repeat(fine, 1, 1, 1, 1)
        self.register_buffer("weights", weights, persistent=False)
        self.mix = nn.Conv3d(coarse, fine, 1, bias=False)
        self.block = _ConvBlock(fine, fine, kernel, groups)

    def forward(self, coarse: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        # The weights of one output voxel sum to 1: linear interpolation between voxel centres.
        # Mixing and upsampling commute, and mixing first leaves less to upsample.
        mixed = self.mix(coarse)
        raised = nn.functional.conv_transpose3d(
            mixed,
            self.weights,
            stride=self.factors,
            padding=tuple(_overhang(factor) for factor in self.factors),
            groups=mixed.shape[1],
        )
        finer: torch.Tensor = self.block(skip + raised)
        return finer


def _overhang(factor: int) -> int:
    """How far the interpolation kernel of `factor` reaches beyond the voxels it makes."""
    return factor // 2


def _linear_weights(factors: Size) -> torch.Tensor:
    """Separable interpolation weights; for a factor of 2: .25, .75, .75, .25."""
    weights = torch.ones(1, 1, 1)
    for axis, factor in enumerate(factors):
        size = 2 * factor - factor % 2
        centre = (size - 1) / 2
        line = 1 - (torch.arange(size) - centre).abs() / factor
        shape = [1, 1, 1]
        shape[axis] = size
        weights = weights * line.reshape(shape)
    return weights.clone()
