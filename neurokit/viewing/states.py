"""States of neuroglancer's client: which layers it draws, how, where, and side by side.

A state is plain JSON. It stands in the address behind `#!`, so each tab has its own, and a link to
a place is a link to a state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from neurokit.viewing.scenes import TRUTH, Colours, Grey, Scene

IMAGE, PREDICTION = "image", "prediction"
# Pixels of a panel, about, and pixels a voxel where a single place is to be seen.
_PANEL = 400
_CLOSE = 2.0
# The view in space, a little from above and from the side (a quaternion, x y z w).
_TILTED = (-0.23, 0.22, 0.05, 0.946)
# Opacity of a neuron that is picked, and of all others where any is.
_PICKED, _OTHERS, _ALL = 0.5, 0.12, 0.4


def state_of(
    scene: Scene,
    sources: Mapping[str, str],
    title: str,
    position_ZYX: tuple[int, int, int] | None = None,
) -> dict[str, Any]:
    """What the client draws.

    Args:
        scene: the volume.
        sources: where the client finds each layer's data.
        title: of the page.
        position_ZYX: a voxel to look at closely, with the objects there picked; None is all of the
            volume.
    """
    z, y, x = position_ZYX or scene.middle
    smallest = min(scene.voxel_size_nm)
    sizes = [
        count * length / smallest
        for count, length in zip(scene.shape, scene.voxel_size_nm, strict=True)
    ]
    whole = max(sizes) / _PANEL
    picked = {} if position_ZYX is None else scene.ids_near(position_ZYX)
    return {
        "title": title,
        "dimensions": {
            axis: [length / 1e9, "m"]
            for axis, length in zip("zyx", scene.voxel_size_nm, strict=True)
        },
        "displayDimensions": ["x", "y", "z"],
        "position": [z + 0.5, y + 0.5, x + 0.5],
        "crossSectionScale": whole if position_ZYX is None else min(whole, 1 / _CLOSE),
        "projectionScale": 1.5 * max(sizes),
        "projectionOrientation": list(_TILTED),
        "showSlices": not any(picked.values()),
        "layers": _layers(scene, sources, picked),
        "layout": _layout(scene),
    }


def fragment_of(state: dict[str, Any]) -> str:
    """The part of the client's address that holds a state."""
    return "!" + quote(json.dumps(state, separators=(",", ":")), safe="")


def _layers(
    scene: Scene, sources: Mapping[str, str], picked: Mapping[str, list[int]]
) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = []
    if scene.image is not None:
        layers.append(
            {
                "type": "image",
                "name": IMAGE,
                "source": sources[IMAGE],
                "shader": _grey_shader(scene.image),
            }
        )
    if scene.prediction is not None:
        layers.append(
            {
                "type": "image",
                "name": _name(scene.prediction),
                "source": sources[PREDICTION],
                "shader": _colour_shader(scene.prediction),
            }
        )
    for name in scene.labels:
        ids = picked.get(name, [])
        layers.append(
            {
                "type": "segmentation",
                "name": name,
                "source": sources[name],
                "selectedAlpha": _PICKED if ids else _ALL,
                "notSelectedAlpha": _OTHERS,
                "segments": [str(each) for each in ids],
            }
        )
    return layers


def _layout(scene: Scene) -> Any:
    """The first labels in three planes and in space; beside them truth and prediction."""
    below = [IMAGE] if scene.image is not None else []
    beside = [
        *([TRUTH] if TRUTH in scene.labels else []),
        *([_name(scene.prediction)] if scene.prediction is not None else []),
    ]
    main = [name for name in scene.labels if name not in beside]
    if not beside:
        return "4panel"
    panels = [_panel([*(below if name == TRUTH else []), name], "xy") for name in beside]
    right = panels[0] if len(panels) == 1 else {"type": "column", "children": panels, "flex": 1}
    return {
        "type": "row",
        "children": [_panel([*below, *main], "4panel") | {"flex": 2}, right],
    }


def _name(prediction: Colours) -> str:
    """Of the layer: which channels are red, green and blue, in this order."""
    return f"{PREDICTION} {' '.join(prediction.names)}"


def _panel(layers: list[str], layout: str) -> dict[str, Any]:
    return {"type": "viewer", "layers": layers, "layout": layout}


def _grey_shader(image: Grey) -> str:
    low, high = image.range
    return (
        f"#uicontrol invlerp contrast(range=[{low:g}, {high:g}])\n"
        "void main() {\n  emitGrayscale(contrast());\n}\n"
    )


def _colour_shader(prediction: Colours) -> str:
    """Its controls are named after the colours: the names of channels may be no names in GLSL."""
    colours = ("red", "green", "blue")[: len(prediction.names)]
    legend = ", ".join(
        f"{colour} is {name}" for colour, name in zip(colours, prediction.names, strict=True)
    )
    if len(colours) == 1:
        (name,), ((low, high),) = prediction.names, prediction.ranges
        return (
            f"// {name}\n"
            f"#uicontrol invlerp contrast(range=[{low:g}, {high:g}], channel=[0])\n"
            "void main() {\n  emitGrayscale(contrast());\n}\n"
        )
    controls = [
        f"#uicontrol invlerp {colour}(range=[{low:g}, {high:g}], channel=[{channel}])\n"
        for channel, (colour, (low, high)) in enumerate(
            zip(colours, prediction.ranges, strict=True)
        )
    ]
    values = [f"{colour}()" for colour in colours] + ["0.0"] * (3 - len(colours))
    return (
        f"// {legend}\n{''.join(controls)}"
        f"void main() {{\n  emitRGB(vec3({', '.join(values)}));\n}}\n"
    )
