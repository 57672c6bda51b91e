"""What a decoder must hold to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from neurokit.channels import Channel
from neurokit.kinds import Decoder
from neurokit.prediction import Prediction, create_prediction
from neurokit.testing.drawing import drawn_prediction
from neurokit.testing.findings import Stages, doing, refused
from neurokit.testing.surroundings import Surroundings
from neurokit.volumes import writing_h5

_AFFINITY = re.compile(r"(?:z(-?\d+))?(?:y(-?\d+))?(?:x(-?\d+))?")


def _channels_known(decoder: Decoder, around: Surroundings) -> Iterator[str]:
    with doing("required_channels"):
        required = decoder.required_channels()
    if not isinstance(required, tuple) or not all(isinstance(each, str) for each in required):
        yield f"required_channels must give a tuple of names, not {required!r}"
        return
    given = {channel.name for channel in _channels(decoder, around)}
    for name in required:
        if name not in given:
            yield (
                f"it reads the channel '{name}', whose activation the checks cannot know; give "
                f'conform channels=(Channel("{name}", ...), ...)'
            )
    strange = [name for name in decoder.quick_parameters if not hasattr(decoder, name)]
    if strange:
        yield f"quick_parameters names {', '.join(strange)}, which it does not have"


def _segments(decoder: Decoder, around: Surroundings) -> Iterator[str]:
    for what, prediction in _predictions(decoder, around).items():
        before = np.array(prediction.values[...])
        labels_ZYX = _decode(decoder, prediction, what)
        problem = _misfit(labels_ZYX, prediction)
        if problem is not None:
            yield f"decode of a prediction {what} {problem}"
            return
        if not np.array_equal(before, np.array(prediction.values[...])):
            yield "decode changes the prediction that it is given"
        if not np.array_equal(labels_ZYX, _decode(decoder, prediction, what)):
            yield f"decode of a prediction {what} gives something else the second time"


def _stored(decoder: Decoder, around: Surroundings) -> Iterator[str]:
    drawn = _drawn(decoder, around)
    sigmoids = all(channel.activation == "sigmoid" for channel in drawn.channels)
    values = np.asarray(drawn.values)
    for dtype in ("float32", "float16", *(["uint8"] if sigmoids else [])):
        scale = 255 if dtype == "uint8" else 1
        prediction = evolve(drawn, values=np.round(values * scale, 4).astype(dtype))
        what = f"stored as {dtype}"
        with TemporaryDirectory() as folder:
            in_file = _written(prediction, Path(folder) / "prediction.h5", dtype)
            from_file = _decode(decoder, in_file, f"{what} in a file")
        in_memory = _decode(decoder, prediction, what)
        problem = _misfit(in_memory, prediction)
        if problem is not None:
            yield f"decode of a prediction {what} {problem}"
        elif not np.array_equal(from_file, in_memory):
            yield f"decode gives something else where the prediction, {what}, lies in a file"


def _by_name(decoder: Decoder, around: Surroundings) -> Iterator[str]:
    required = decoder.required_channels()
    prediction = _drawn(decoder, around)
    if not required:
        return
    for name in dict.fromkeys(required):
        kept = [i for i, each in enumerate(prediction.channels) if each.name != name]
        lacking = _of_channels(prediction, kept)
        yield from refused(
            f"decode of a prediction without the channel '{name}'",
            lambda lacking=lacking: decoder.decode(lacking),  # type: ignore[misc]
        )
    reversed_order = _of_channels(prediction, list(range(len(prediction.channels)))[::-1])
    stranger = Channel("stranger", prediction.channels[0].activation)
    plane = np.full((1, *prediction.shape), 0.5, np.float32)
    with_stranger = Prediction(
        np.concatenate([plane, np.asarray(prediction.values)]),
        (stranger, *prediction.channels),
        prediction.voxel_size_nm,
    )
    wanted = _decode(decoder, prediction, "")
    for other, what in (
        (reversed_order, "the order of"),
        (with_stranger, "another channel before"),
    ):
        if not np.array_equal(wanted, _decode(decoder, other, "")):
            yield f"what decode gives depends on {what} those that required_channels names"


def _agglomerates(decoder: Decoder, around: Surroundings) -> Iterator[str]:
    for what, prediction in _predictions(decoder, around).items():
        with doing(f"agglomerate of a prediction {what}"):
            agglomeration = decoder.agglomerate(prediction)
        if agglomeration is None:
            return
        if not np.array_equal(agglomeration.labels_ZYX, _decode(decoder, prediction, what)):
            yield f"agglomerate of a prediction {what} gives another segmentation than decode"


STAGES: Stages = ((_channels_known,), (_segments,), (_stored, _by_name, _agglomerates))


def _channels(decoder: Decoder, around: Surroundings) -> tuple[Channel, ...]:
    """Those given, or the direct affinities and what else it reads, as far as names tell."""
    if around.channels is not None:
        return around.channels
    channels = {channel.name: channel for channel in around.affinities}
    for name in decoder.required_channels():
        found = _AFFINITY.fullmatch(name)
        if name and found is not None:
            z, y, x = (int(step or 0) for step in found.groups())
            channels.setdefault(name, Channel(name, "sigmoid", (z, y, x)))
    return tuple(channels.values())


def _drawn(decoder: Decoder, around: Surroundings) -> Prediction:
    return drawn_prediction(_channels(decoder, around), around.shape, around)


def _predictions(decoder: Decoder, around: Surroundings) -> dict[str, Prediction]:
    """Predictions, in words."""
    channels = _channels(decoder, around)
    drawn = _drawn(decoder, around)
    values = np.asarray(drawn.values)
    low = np.array([0 if each.activation == "sigmoid" else -1 for each in channels], np.float32)
    lowest = np.broadcast_to(low[:, None, None, None], values.shape).copy()
    return {
        "with objects": drawn,
        "of an odd size": drawn_prediction(channels, around.odd_shape, around, seed=1),
        "of one section": drawn_prediction(channels, (1, *around.shape[1:]), around, seed=2),
        "of one voxel": drawn_prediction(channels, (1, 1, 1), around, seed=3),
        "that is as low as can be everywhere": evolve(drawn, values=lowest),
        "that is 1 everywhere": evolve(drawn, values=np.ones_like(values)),
        "of noise": evolve(drawn, values=_noise(lowest)),
    }


def _noise(lowest: NDArray[np.float32]) -> NDArray[np.float32]:
    uniform = np.random.default_rng(4).random(lowest.shape, dtype=np.float32)
    noise: NDArray[np.float32] = lowest + (1 - lowest) * uniform
    return noise


def _decode(decoder: Decoder, prediction: Prediction, what: str) -> NDArray[np.integer]:
    with doing(f"decode of a prediction {what}".strip()):
        return decoder.decode(prediction)


def _misfit(labels_ZYX: object, prediction: Prediction) -> str | None:
    if not isinstance(labels_ZYX, np.ndarray) or labels_ZYX.dtype.kind not in "ui":
        of = f" of {labels_ZYX.dtype}" if isinstance(labels_ZYX, np.ndarray) else ""
        return f"gives {type(labels_ZYX).__name__}{of}, not a NumPy array of integers"
    if labels_ZYX.shape != prediction.shape:
        return f"gives shape {labels_ZYX.shape}, not {prediction.shape}"
    if labels_ZYX.size and labels_ZYX.min() < 0:
        return f"gives the id {labels_ZYX.min()}; 0 is background, and neurons are above it"
    return None


def _of_channels(prediction: Prediction, kept: list[int]) -> Prediction:
    return Prediction(
        np.asarray(prediction.values)[kept],
        tuple(prediction.channels[index] for index in kept),
        prediction.voxel_size_nm,
    )


def _written(prediction: Prediction, path: Path, dtype: str) -> Prediction:
    """The prediction in a file, as inference leaves it."""
    with writing_h5(path) as file:
        dataset = create_prediction(
            file, prediction.channels, prediction.shape, prediction.voxel_size_nm, dtype
        )
        dataset[...] = np.asarray(prediction.values)
    return Prediction.open(path)
