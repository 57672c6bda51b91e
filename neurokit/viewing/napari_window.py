"""napari: the same scene in a window, with everything in memory."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit.errors import NeurokitError, first_line
from neurokit.viewing.browser import has_display
from neurokit.viewing.scenes import TRUTH, Scene


def show_in_napari(
    scene: Scene, title: str, position_ZYX: tuple[int, int, int] | None = None
) -> None:
    """Open a window on a scene, and wait until it is closed.

    Args:
        scene: it is read into memory.
        title: of the window.
        position_ZYX: the voxel to look at; None is the middle.

    Raises:
        NeurokitError: napari is not installed, or finds no display.
    """
    napari = _imported()
    if not has_display():  # Qt would end the process
        raise NeurokitError(
            "napari needs a display, and there is none here; leave out --napari to look with a "
            "browser of another machine"
        )
    try:
        viewer = napari.Viewer(title=title)
    except Exception as error:  # each toolkit of windows fails in its own way
        raise NeurokitError(
            f"napari cannot open a window: {first_line(error)}; leave out --napari to look with "
            f"a browser"
        ) from error
    size = scene.voxel_size_nm
    if scene.image is not None:
        image = scene.image.array[...]
        viewer.add_image(image, name="image", scale=size, contrast_limits=scene.image.range)
    if scene.prediction is not None:
        shown = scene.prediction
        viewer.add_image(
            shown.array[(slice(None),) * 4],
            name=list(shown.names),
            channel_axis=0,
            scale=size,
            contrast_limits=list(shown.ranges),
            visible=False,
        )
    for name, ids in scene.labels.items():
        shows = name != TRUTH
        viewer.add_labels(_small(ids[...]), name=name, scale=size, opacity=0.4, visible=shows)
    place = position_ZYX or scene.middle
    viewer.dims.set_point(range(3), [at * length for at, length in zip(place, size, strict=True)])
    napari.run()


def _imported() -> Any:
    try:
        return import_module("napari")
    except ModuleNotFoundError as error:
        if error.name != "napari":
            raise NeurokitError(
                f"napari cannot be loaded: {first_line(error)}; leave out --napari to look with a "
                f"browser"
            ) from error
        raise NeurokitError(
            'napari is not installed; install it: pip install "napari[all]", or leave out --napari '
            "to look with a browser"
        ) from error


def _small(ids_ZYX: NDArray[Any]) -> NDArray[Any]:
    """Ids that 32 bits hold, renumbered if they do not: napari keeps tables of them."""
    if ids_ZYX.dtype.itemsize <= 4:
        return ids_ZYX
    ids, places = np.unique(ids_ZYX, return_inverse=True)
    numbers = np.arange(len(ids), dtype=np.uint32) + (ids[:1] != 0).astype(np.uint32)
    renumbered: NDArray[Any] = numbers[places].reshape(ids_ZYX.shape)
    return renumbered
