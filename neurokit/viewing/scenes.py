"""Scenes: what is shown of one volume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import frozen

from neurokit.channels import Channel, channel_indices
from neurokit.errors import NeurokitError
from neurokit.prediction import Prediction
from neurokit.results import VolumeResults, latest_results, results_of
from neurokit.viewing.arrays import GreyValues, Ids, SomeChannels, kept_if_small, shown_range
from neurokit.volumes import ArrayLike, Volume, open_array

SEGMENTATION, TRUTH, LABELS = "segmentation", "truth", "labels"
_COLOURS = 3
_NEAR = 2


@frozen(eq=False)
class Grey:
    """An image.

    Attributes:
        array: grey values ZYX.
        range: the values that are black and white.
    """

    array: GreyValues
    range: tuple[float, float]


@frozen(eq=False)
class Colours:
    """Channels of a prediction as colours: of one, grey; of two and three, red, green and blue.

    Attributes:
        array: the chosen channels CZYX.
        names: of the chosen channels.
        ranges: of each, the values that are dark and bright.
        among: how many channels there are.
    """

    array: SomeChannels
    names: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    among: int


@frozen(eq=False)
class Scene:
    """What is shown of one volume; all arrays have its shape.

    Attributes:
        name: of the volume.
        shape: voxels along z, y and x.
        voxel_size_nm: edge lengths of a voxel (z, y, x).
        image: None where its data is gone.
        prediction: None where there is none.
        labels: ids ZYX by name: `segmentation` and `truth` of a run, `labels` of files.
    """

    name: str
    shape: tuple[int, int, int]
    voxel_size_nm: tuple[float, float, float]
    image: Grey | None
    prediction: Colours | None
    labels: dict[str, Ids]

    @property
    def middle(self) -> tuple[int, int, int]:
        """The voxel in the middle."""
        z, y, x = self.shape
        return z // 2, y // 2, x // 2

    def holds(self, position_ZYX: Sequence[int]) -> bool:
        """Whether a voxel lies in the volume."""
        return all(0 <= at < size for at, size in zip(position_ZYX, self.shape, strict=True))

    def ids_near(self, position_ZYX: tuple[int, int, int]) -> dict[str, list[int]]:
        """The objects within two voxels of a place in its section, by layer, the largest first."""
        z, y, x = position_ZYX
        box = (z, *(slice(max(0, at - _NEAR), at + _NEAR + 1) for at in (y, x)))
        found = {}
        for name, array in self.labels.items():
            ids, counts = np.unique(array[box], return_counts=True)
            found[name] = [int(ids[place]) for place in np.argsort(-counts) if ids[place] > 0]
        return found


def scenes_of_run(
    run: Path, channels: Sequence[str] = (), step: int | None = None
) -> dict[str, Scene]:
    """What was tested in a run's folder, by the name of each volume.

    Args:
        run: the folder.
        channels: of the prediction, one to three; by default the affinities between neighbours.
        step: of the checkpoint that was tested; by default the latest test is shown.

    Raises:
        NeurokitError: the folder holds no such results, a file of them is damaged, or there is no
            such channel.
    """
    results = latest_results(run) if step is None else results_of(run, step)
    opened = results.open_volumes()
    return {each.name: _tested(each, opened.get(each.name), channels) for each in results.volumes}


def _tested(results: VolumeResults, volume: Volume | None, channels: Sequence[str]) -> Scene:
    segmentation = open_array(str(results.segmentation))
    if len(segmentation.shape) != 3:
        raise NeurokitError(
            f"{results.segmentation} is no segmentation: it needs the axes z, y, x, and has "
            f"{len(segmentation.shape)}; test again to replace it"
        )
    if volume is not None and volume.shape != tuple(segmentation.shape):
        raise NeurokitError(
            f"the volume {results.name} has changed since it was tested: it was "
            f"{_size(segmentation)} voxels, and is {_size(volume.image)}; test it again"
        )
    prediction = Prediction.open(results.prediction) if results.prediction.is_file() else None
    if channels and prediction is None:
        raise NeurokitError(
            f"{results.prediction} is not there any more, and its channels cannot be shown; "
            f"leave out --channels, or test again"
        )
    labels = {SEGMENTATION: Ids(kept_if_small(segmentation))}
    if volume is not None and volume.labels is not None:
        labels[TRUTH] = Ids(kept_if_small(volume.labels))
    described = volume or prediction
    z, y, x = segmentation.shape
    return Scene(
        name=results.name,
        shape=(z, y, x),
        voxel_size_nm=described.voxel_size_nm if described is not None else (1.0, 1.0, 1.0),
        image=None if volume is None else _grey(volume.image),
        prediction=None if prediction is None else _colours(prediction, channels),
        labels=labels,
    )


def scene_of_files(
    image: str, labels: str | None, voxel_size_nm: tuple[float, float, float]
) -> Scene:
    """An image of the user's own, perhaps with labels.

    Args:
        image: as `open_array` takes it: `file.tif`, `file.h5::dataset`, `folder.zarr::path`.
        labels: likewise.
        voxel_size_nm: edge lengths of a voxel (z, y, x).

    Raises:
        NeurokitError: a file cannot be read, or the two do not fit each other.
    """
    stored = open_array(image)
    volume = Volume(
        stored.path.stem,
        stored,
        voxel_size_nm,
        None if labels is None else open_array(labels),
        source=image,
    )
    shown = {} if volume.labels is None else {LABELS: Ids(kept_if_small(volume.labels))}
    return Scene(volume.name, volume.shape, voxel_size_nm, _grey(volume.image), None, shown)


def _grey(image_ZYX: ArrayLike) -> Grey:
    kept_ZYX = kept_if_small(image_ZYX)
    return Grey(GreyValues(kept_ZYX), shown_range(kept_ZYX))


def _colours(prediction: Prediction, wanted: Sequence[str]) -> Colours:
    if len(wanted) > _COLOURS:
        raise NeurokitError(
            f"{len(wanted)} channels cannot be shown as colours; choose at most {_COLOURS}"
        )
    names = [channel.name for channel in prediction.channels]
    chosen = channel_indices(prediction.channels, wanted) if wanted else _telling(prediction)
    array = SomeChannels(prediction.values, tuple(chosen))
    return Colours(
        array,
        tuple(names[index] for index in chosen),
        tuple(_range_of(prediction, index) for index in chosen),
        len(names),
    )


def _telling(prediction: Prediction) -> list[int]:
    """The affinities between neighbours along z, y and x; else the first channels."""
    offsets = [channel.offset for channel in prediction.channels]
    nearest = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    if all(offset in offsets for offset in nearest):
        return [offsets.index(offset) for offset in nearest]
    return list(range(min(_COLOURS, len(offsets))))


def _range_of(prediction: Prediction, index: int) -> tuple[float, float]:
    """What a channel can be at least and at most; of one without bounds, what it mostly is."""
    channel: Channel = prediction.channels[index]
    if prediction.values.dtype == np.uint8:
        return 0.0, 255.0
    if channel.activation == "none":
        values = SomeChannels(prediction.values, (index,))
        middle = prediction.shape[0] // 2
        section = values[(slice(None), slice(middle, middle + 1), slice(None), slice(None))]
        return shown_range(section[0])
    return (-1.0, 1.0) if channel.activation == "tanh" else (0.0, 1.0)


def _size(array: ArrayLike) -> str:
    return " x ".join(map(str, array.shape))
