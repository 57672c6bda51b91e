"""What an inferer must hold to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from attrs import evolve
from torch import nn

from neurokit.activation import activate
from neurokit.channels import Channel
from neurokit.errors import NeurokitError
from neurokit.kinds import Inferer
from neurokit.prediction import Prediction
from neurokit.testing.drawing import drawn_volume, from_elsewhere
from neurokit.testing.findings import Stages, doing, refused
from neurokit.testing.surroundings import Surroundings
from neurokit.volumes import Volume

_STEP_OF_BYTES = 1 / 255
_TOLERANCE = {"uint8": _STEP_OF_BYTES, "float16": 1e-2, "float32": 1e-3}


def _accepted(inferer: Inferer, around: Surroundings) -> Iterator[str]:
    channels, volume = _channels(around), _volume(around)
    try:
        with doing("check"):
            inferer.check(channels, volume)
    except NeurokitError as error:
        yield (
            f"it refuses {list(volume.shape)} voxels and the channels "
            f"{', '.join(each.name for each in channels)} ({error}); give conform channels and a "
            f"volume that it takes"
        )


def _predicts(inferer: Inferer, around: Surroundings) -> Iterator[str]:
    channels = _channels(around)
    for volume in _volumes(inferer, around):
        size = list(volume.shape)
        before = np.array(volume.image[...])
        with TemporaryDirectory() as folder:
            out = Path(folder) / "prediction.h5"
            prediction = _infer(inferer, around, volume, out)
            if not isinstance(prediction, Prediction):
                yield f"infer must give a Prediction, not {type(prediction).__name__}"
                return
            if not out.is_file():
                yield "infer leaves no file at `out`"
                return
            if not np.array_equal(before, np.array(volume.image[...])):
                yield "infer changes the image that it is given"
            with doing("opening what infer wrote"):
                stored = Prediction.open(out)
            if prediction.shape != volume.shape or stored.shape != volume.shape:
                yield f"infer gives {list(prediction.shape)} voxels for an image of {size}"
                return
            if prediction.channels != channels or stored.channels != channels:
                yield "the prediction has other channels than those asked for"
                return
            if stored.voxel_size_nm != volume.voxel_size_nm:
                yield "the prediction has another voxel_size_nm than the volume"
            values = np.array(stored.values[...])
            if not np.array_equal(values, np.array(prediction.values[...])):
                yield "the file at `out` holds another prediction than infer returns"
        yield from _true(values, channels, volume)


def _true(values_CZYX: np.ndarray, channels: tuple[Channel, ...], volume: Volume) -> Iterator[str]:
    """Whether the values are what a network predicts that answers with the image."""
    tolerance = _TOLERANCE.get(str(values_CZYX.dtype))
    if tolerance is None:
        yield f"the prediction is stored as {values_CZYX.dtype}; float32, float16 or uint8 is read"
        return
    scale = 255 if values_CZYX.dtype == np.uint8 else 1
    logits = torch.from_numpy(volume.scaled(np.array(volume.image[...])))
    for plane_ZYX, channel in zip(values_CZYX, channels, strict=True):
        wanted = activate(logits, channel).numpy()
        if not np.allclose(plane_ZYX.astype(np.float32) / scale, wanted, 0, tolerance):
            yield (
                f"of a network that answers with the image itself, channel '{channel.name}' is "
                f"not the image through its activation ({channel.activation})"
            )


def _repeatable(inferer: Inferer, around: Surroundings) -> Iterator[str]:
    volume = _volume(around)
    with TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("first.h5", "again.h5")]
        first, again = (_infer(inferer, around, volume, file) for file in files)
        if not np.array_equal(first.values[...], again.values[...]):
            yield "infer gives something else the second time"


def _clean(inferer: Inferer, around: Surroundings) -> Iterator[str]:
    channels, volume = _channels(around), _volume(around)
    other = _Image(len(channels) + 1).to(around.device).eval()
    with TemporaryDirectory() as folder:
        out = Path(folder) / "prediction.h5"
        yield from refused(
            "a network whose output has a channel too many",
            lambda: inferer.infer(other, channels, volume, out),
        )
        if any(Path(folder).iterdir()):
            yield "infer leaves a file behind when it fails"


STAGES: Stages = ((_accepted,), (_predicts,), (_repeatable, _clean))


class _Image(nn.Module):
    """A network that answers with the image, in every channel."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.one = nn.Parameter(torch.ones(()))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.one * image[:, :1].repeat(1, self.outputs, 1, 1, 1)


def _channels(around: Surroundings) -> tuple[Channel, ...]:
    """By default two without offsets, as a view of the volume would show affinities elsewhere."""
    return around.channels or (Channel("first"), Channel("second"))


def _volume(around: Surroundings) -> Volume:
    return around.volume or drawn_volume(around)


def _volumes(inferer: Inferer, around: Surroundings) -> Iterator[Volume]:
    """Volumes of several sizes that it says it takes; the last is read as from a file."""
    volume = _volume(around)
    z, y, x = volume.shape
    drawn = [drawn_volume(around, shape) for shape in ((1, 1, 1), (3, y + 5, x + 3), (z, 7, 2))]
    on_file = evolve(volume, image=from_elsewhere(volume.image), source="drawn")
    for each in (volume, *drawn, on_file):
        try:
            with doing("check"):
                inferer.check(_channels(around), each)
        except NeurokitError:
            continue
        yield each


def _infer(inferer: Inferer, around: Surroundings, volume: Volume, out: Path) -> Prediction:
    channels = _channels(around)
    module = _Image(len(channels)).to(around.device).eval()
    with doing(f"infer of {list(volume.shape)} voxels"):
        return inferer.infer(module, channels, volume, out)
