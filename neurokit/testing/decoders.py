"""What a decoder must hold to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from neurokit.channels import Channel
from neurokit.kinds import Decoder
from neurokit.prediction import Prediction, create_prediction
from neurokit.testing.drawing import drawn_prediction, prediction_of_blobs
from neurokit.testing.findings import Stages, described, doing, of_each, refused
from neurokit.testing.surroundings import Surroundings
from neurokit.volumes import writing_h5

_SPARED = 0.05  # share of neighbours that roundings may join or part
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
    def segmented(what: str, prediction: Prediction) -> Iterator[str]:
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

    yield from of_each(_predictions(decoder, around), segmented)


def _stored(decoder: Decoder, around: Surroundings) -> Iterator[str]:
    drawn = _drawn(decoder, around)

    def read(what: str, dtype: str) -> Iterator[str]:
        values, in_floats = _as_stored(np.asarray(drawn.values), dtype)
        prediction = evolve(drawn, values=values)
        in_memory = _decode(decoder, prediction, what)
        problem = _misfit(in_memory, prediction)
        if problem is not None:
            yield f"decode of a prediction {what} {problem}"
            return
        yield from _from_file(decoder, prediction, what, in_memory)
        wanted = _decode(decoder, evolve(drawn, values=in_floats), "stored as float32")
        if _apart(in_memory, wanted) > _SPARED:
            yield (
                f"decode of a prediction {what} gives another segmentation than of the same "
                f"numbers in float32; prediction.select gives those, of bytes value / 255"
            )

    sigmoids = all(channel.activation == "sigmoid" for channel in drawn.channels)
    types = ("float32", "float16", *(["uint8"] if sigmoids else []))
    yield from of_each({f"stored as {dtype}": dtype for dtype in types}, read)


def _from_file(
    decoder: Decoder, prediction: Prediction, what: str, in_memory: NDArray[np.integer]
) -> Iterator[str]:
    """Whether what lies in a file is read as what lies in memory."""
    with TemporaryDirectory() as folder:
        in_file = _written(prediction, Path(folder) / "prediction.h5")
        try:
            from_file = decoder.decode(in_file)
        except Exception as error:
            yield (
                f"decode of a prediction {what} in a file raises {described(error)}; what lies in "
                f"a file is read by prediction.select(names), or by prediction.values[...]"
            )
            return
    if not np.array_equal(from_file, in_memory):
        yield f"decode gives something else where the prediction, {what}, lies in a file"


def _by_name(decoder: Decoder, around: Surroundings) -> Iterator[str]:
    required = decoder.required_channels()
    prediction = _drawn(decoder, around)
    wanted = _decode(decoder, prediction, "")
    for index, channel in enumerate(prediction.channels):
        if channel.name not in required:
            yield from _unnamed(decoder, prediction, index)
    # Of the plane itself, upside down, so that it is as good as any, and another.
    plane = np.asarray(prediction.values)[:1, ::-1, ::-1, ::-1]
    stranger = Channel("stranger", prediction.channels[0].activation)
    with_stranger = Prediction(
        np.concatenate([plane, np.asarray(prediction.values)]),
        (stranger, *prediction.channels),
        prediction.voxel_size_nm,
    )
    if not np.array_equal(wanted, _decode(decoder, with_stranger, "")):
        others = "those that required_channels names" if required else "those that it reads"
        yield f"what decode gives depends on another channel before {others}"
    for name in dict.fromkeys(required):
        kept = [i for i, each in enumerate(prediction.channels) if each.name != name]
        lacking = _of_channels(prediction, kept)
        yield from refused(
            f"decode of a prediction without the channel '{name}'",
            lambda lacking=lacking: decoder.decode(lacking),  # type: ignore[misc]
        )
    reversed_order = _of_channels(prediction, list(range(len(prediction.channels)))[::-1])
    # Those that name no channel may take all that there are, the first of two equal ones first.
    if required and not np.array_equal(wanted, _decode(decoder, reversed_order, "")):
        yield "what decode gives depends on the order of those that required_channels names"


def _unnamed(decoder: Decoder, prediction: Prediction, index: int) -> Iterator[str]:
    """Whether a channel is missed that required_channels does not name."""
    name = prediction.channels[index].name
    channels = list(prediction.channels)
    channels[index] = evolve(channels[index], name="stranger")
    try:
        decoder.decode(evolve(prediction, channels=tuple(channels)))
    except Exception as error:
        yield (
            f"it reads the channel '{name}', which required_channels does not name: without it, "
            f"decode raises {described(error)}"
        )


def _counts(decoder: Decoder, around: Surroundings) -> Iterator[str]:
    """Whether there are ids for more neurons than 8 bits can number."""
    few, many = (
        prediction_of_blobs(_channels(decoder, around), along, around) for along in (3, 17)
    )
    found = np.unique(_decode(decoder, few, "of 9 objects"))
    # Of what keeps each object for one neuron, more of them are expected to stay so.
    if len(found[found > 0]) != 9:
        return
    labels_ZYX = _decode(decoder, many, "of 289 objects")
    ids = np.unique(labels_ZYX[labels_ZYX > 0])
    if len(ids) < 289 and labels_ZYX.max() < 256:
        yield (
            f"decode finds 9 neurons where there are 9, and {len(ids)} where there are 289: "
            f"ids must not be kept in 8 bits"
        )


def _agglomerates(decoder: Decoder, around: Surroundings) -> Iterator[str]:
    def agglomerated(what: str, prediction: Prediction) -> Iterator[str]:
        with doing(f"agglomerate of a prediction {what}"):
            agglomeration = decoder.agglomerate(prediction)
        if agglomeration is None:
            return
        if not np.array_equal(agglomeration.labels_ZYX, _decode(decoder, prediction, what)):
            yield f"agglomerate of a prediction {what} gives another segmentation than decode"

    yield from of_each(_predictions(decoder, around), agglomerated)


STAGES: Stages = ((_channels_known,), (_segments,), (_stored, _by_name, _counts, _agglomerates))


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


def _as_stored(
    values_CZYX: NDArray[np.float32], dtype: str
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Values in a type, and in float32 the numbers that they stand for."""
    if dtype != "uint8":
        stored = np.round(values_CZYX, 4).astype(dtype)
        return stored, stored.astype(np.float32)
    levels = np.rint(values_CZYX * 255).astype(np.uint8)
    # Of all levels these alone stand for a decimal, such as 0.2: one rounding or another would
    # put them on this or that side of a threshold.
    levels[np.isin(levels, (51, 102, 153, 204))] += 1
    return levels, np.divide(levels, 255, dtype=np.float32)


def _apart(first_ZYX: NDArray[np.integer], second_ZYX: NDArray[np.integer]) -> float:
    """The largest share of neighbours along an axis that one joins, and the other does not."""
    shares = [((first_ZYX > 0) != (second_ZYX > 0)).mean()]
    for axis, size in enumerate(first_ZYX.shape):
        if size > 1:
            joined = [
                (each[1:] == each[:-1]) & (each[1:] > 0)
                for each in (np.moveaxis(first_ZYX, axis, 0), np.moveaxis(second_ZYX, axis, 0))
            ]
            shares.append((joined[0] != joined[1]).mean())
    return float(max(shares))


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


def _written(prediction: Prediction, path: Path) -> Prediction:
    """The prediction in a file, as inference leaves it."""
    with writing_h5(path) as file:
        dataset = create_prediction(
            file,
            prediction.channels,
            prediction.shape,
            prediction.voxel_size_nm,
            prediction.values.dtype.name,
        )
        dataset[...] = np.asarray(prediction.values)
    return Prediction.open(path)
