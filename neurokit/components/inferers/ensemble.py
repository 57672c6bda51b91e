"""Test-time augmentation: asking the network about several views of each window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import torch
from attrs import frozen
from torch import nn

from neurokit import Channel, NeurokitError, Origin, channel_origins, param
from neurokit.components.inferers.grid import shifted
from neurokit.components.inferers.views import ALL_VIEWS, View

Ensembling = Literal["min", "mean"]
Offset = tuple[int, int, int]
STAYING: Offset = (0, 0, 0)


@frozen(kw_only=True)
class TestTimeAugmentation:
    """Each window is seen in several views, and their answers are made one before blending.

    A view is named by its letters: z, y and x are flipped axes, after which t exchanges y and x;
    "" or "plain" is the plain one. All 16 are the flips and quarter turns that keep sections
    parallel. Each answer is turned back, and affinities are put where their edges are stored: of
    a flipped window, x1 describes the edge to the voxel after, and moves one voxel on. What moves
    in from beyond the window is unknown to that view, and left out. Where no view of a window
    knows an edge, other windows tell; where none does, at faces of the padded image, the affinity
    is 0. With the plain view among them, every value is known.

    `min` takes the smallest logit, which is the smallest probability, too; `mean` takes the mean
    of the logits, as the blending of windows does. Either holds for channels of every activation.
    """

    enabled: bool = param(False, help="whether windows are seen in more than the plain view")
    views: Literal["all"] | tuple[str, ...] = param(
        "all", help='all 16, or a list of names such as ["plain", "x", "zyt"]'
    )
    ensemble: Ensembling = param(
        "min", help="what the views' logits are made into", choices=get_args(Ensembling)
    )

    def __attrs_post_init__(self) -> None:
        if self.views == "all":
            return
        names = {view.name for view in ALL_VIEWS} | {"plain"}
        for name in self.views:
            if name not in names:
                raise NeurokitError(
                    f"views names {name!r}; a view is 'plain' or letters of 'zyxt' in this order"
                )
        if not self.views:
            raise NeurokitError("views names no view; choose 'all' or a list of them")
        if len(set(self.chosen)) < len(self.chosen):
            raise NeurokitError(f"views names one twice: {', '.join(map(repr, self.views))}")

    @property
    def chosen(self) -> tuple[View, ...]:
        """The views to be seen if enabled."""
        if self.views == "all":
            return ALL_VIEWS
        return tuple(View("" if name == "plain" else name) for name in self.views)

    @property
    def seen(self) -> tuple[View, ...]:
        """The views to be seen."""
        return self.chosen if self.enabled else (View(""),)


class Ensemble:
    """A network that is asked about views of each window, and gives one answer.

    Attributes:
        shifts: for each channel, (0, 0, 0) where every voxel of a window is known; otherwise those
            are known that lie so far after another voxel of the window.

    Raises:
        NeurokitError: what a view shows of a channel is no channel.
    """

    def __init__(
        self,
        module: nn.Module,
        channels: Sequence[Channel],
        views: Sequence[View],
        ensemble: Ensembling,
    ) -> None:
        self.module = module
        self.views = views
        self.ensemble = ensemble
        self.origins = [_origins(channels, view) for view in views]
        # All views that move a channel move it by its offset.
        self.by_channel = [
            [origins[channel].shift for origins in self.origins] for channel in range(len(channels))
        ]
        self.shifts = [STAYING if STAYING in each else each[0] for each in self.by_channel]

    @property
    def plain(self) -> bool:
        """Whether windows are seen as they are, and no other way."""
        return tuple(self.views) == (View(""),)

    def __call__(self, image_BCZYX: torch.Tensor) -> torch.Tensor:
        """The logits BCZYX of windows, float32; 0 where nothing is known.

        Raises:
            NeurokitError: the network's output does not fit its input and the channels.
        """
        if self.plain:
            return self._logits(image_BCZYX).float()
        batch, _, *size = image_BCZYX.shape
        combined = image_BCZYX.new_zeros((batch, len(self.shifts), *size), dtype=torch.float32)
        if self.ensemble == "min":
            for shift, values in self._each(combined):
                _after(values, shift).fill_(torch.inf)
        for view, origins in zip(self.views, self.origins, strict=True):
            logits = self._logits(view.see(image_BCZYX))
            # One channel after another, so that they need no second copy.
            for channel, origin in enumerate(origins):
                restored = view.restore(logits[:, origin.channel]).float()
                known = _after(combined[:, channel], origin.shift)
                answers = _before(restored, origin.shift)
                if self.ensemble == "min":
                    torch.minimum(known, answers, out=known)
                else:
                    known.add_(answers)
            del logits, restored, answers  # before the next view needs the memory
        if self.ensemble == "mean":
            for shifts, values in zip(self.by_channel, combined.unbind(1), strict=True):
                values.div_(_answers(shifts, values))
        return combined

    def _each(self, logits_BCZYX: torch.Tensor) -> Iterator[tuple[Offset, torch.Tensor]]:
        return zip(self.shifts, logits_BCZYX.unbind(1), strict=True)

    def _logits(self, image_BCZYX: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.module(image_BCZYX)
        batch, _, *size = image_BCZYX.shape
        expected = (batch, len(self.shifts), *size)
        if logits.shape != expected:
            raise NeurokitError(
                f"the network's output has the shape {_product(logits.shape)} where "
                f"{_product(expected)} (batch, channels, z, y, x) was expected; "
                f"check that model and checkpoint belong to this target and fit inferer.window"
            )
        return logits


def _origins(channels: Sequence[Channel], view: View) -> tuple[Origin, ...]:
    try:
        return channel_origins(channels, view.direction)
    except NeurokitError as error:
        raise NeurokitError(
            f"the view '{view.name}' of inferer.test_time_augmentation cannot be used: {error}; "
            f"leave it out of views, or add that channel to the target"
        ) from error


def _answers(shifts: Sequence[Offset], values_BZYX: torch.Tensor) -> torch.Tensor:
    """How many views know each voxel of a window, ZYX; at least 1."""
    counts_ZYX = torch.zeros_like(values_BZYX[0])
    for shift in shifts:
        _after(counts_ZYX, shift).add_(1)
    return counts_ZYX.clamp_(min=1)


def _after(values: torch.Tensor, shift: Offset) -> torch.Tensor:
    """The part of (..., Z, Y, X) that lies `shift` after other voxels of it."""
    z, y, x = _places(values, shift)
    return values[..., z, y, x]


def _before(values: torch.Tensor, shift: Offset) -> torch.Tensor:
    """The part of (..., Z, Y, X) that lies `shift` before other voxels of it."""
    z, y, x = _places(values, (-shift[0], -shift[1], -shift[2]))
    return values[..., z, y, x]


def _places(values: torch.Tensor, shift: Offset) -> tuple[slice, ...]:
    sizes = values.shape[-3:]
    return tuple(shifted(size, step) for size, step in zip(sizes, shift, strict=True))


def _product(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
