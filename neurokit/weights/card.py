"""Model cards: what must be known of weights before they are used, in Markdown.

The headings follow Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019), as far as they
bear on networks that segment tissue.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np
import tomli_w
from attrs import frozen

from neurokit.recipe import to_table
from neurokit.volumes import Volume
from neurokit.weights.file import Header

_MOST_VOXELS = 2**32  # minutes to read

_LIMITS = """\
Not for tissue, staining, microscope or voxel size unlike those above without scoring it on labels
of your own: a network says nothing of how wrong it is on what it has not seen, and the scores above
hold for the volumes above alone. Segmentations by it need proofreading before anything is counted
in them. It is not made for diagnosis or any other clinical use."""


@frozen
class Part:
    """A part of the data.

    Attributes:
        name: training, validation or test.
        table: the dataset's parameters, without folders.
        volumes: None where they were not at hand.
    """

    name: str
    table: dict[str, Any]
    volumes: Sequence[Volume] | None


@frozen(kw_only=True)
class Card:
    """What a card says.

    Attributes:
        header: of the file.
        file: its name.
        content: of the file.
        name: that the weights are loaded by.
        parameters: numbers in them.
        parts: of the data.
        recipe: resolved, as plain values without folders.
        credit: whose data it learnt from; free text.
        versions: of what it was made with, by name.
    """

    header: Header
    file: str
    content: bytes
    name: str
    parameters: int
    parts: Sequence[Part]
    recipe: dict[str, Any]
    credit: str
    versions: dict[str, str]


def rendered(card: Card) -> str:
    """The card as Markdown."""
    header = card.header
    channels = header.method.target.channels
    network = to_table(header.method.model)["use"]
    sections = [
        f"# {header.title}",
        f"A network for neurokit. From an electron-microscopy image it predicts {len(channels)} "
        f"channels, {', '.join(f'`{channel.name}`' for channel in channels)}, of which the decoder "
        f"`{to_table(header.method.decoder)['use']}` makes one instance per neuron.",
        _rows(
            ("", ""),
            [
                ("network", f"`{network}`, {card.parameters:,} numbers"),
                ("trained on voxels of", _lengths(header.voxel_size_nm)),
                ("trained for", f"{header.step:,} steps"),
                ("computes in", header.precision or "unknown"),
                ("licence of the weights", header.licence or "not stated; ask who made them"),
                ("file", f"`{card.file}`, {len(card.content):,} bytes"),
                ("SHA-256", f"`{hashlib.sha256(card.content).hexdigest()}`"),
            ],
        ),
        "## Use",
        _use(card),
        "## Data",
        card.credit or "Nothing is stated of the origin and licence of the data.",
        *_data(card.parts),
        "## Scores",
        *_scores(card),
        "## What it must not be used for",
        _LIMITS,
        "## Recipe",
        "As resolved; paths are without their folders.",
        _code("toml", _toml(card.recipe)),
        "## Versions",
        ", ".join(f"{name} {version}" for name, version in card.versions.items()),
    ]
    return "\n\n".join(sections) + "\n"


def _use(card: Card) -> str:
    size = card.header.voxel_size_nm or (30.0, 6.0, 6.0)
    lengths = ", ".join(f"{length:g}" for length in size)
    python = (
        "import neurokit\n\n"
        "labels_ZYX = neurokit.segment(\n"
        f'    "block.h5::raw", voxel_size_nm=({lengths}), weights="{card.name}"\n'
        ")\n"
    )
    shell = f"neurokit run recipe.toml --mode test --checkpoint {card.name}\n"
    return f"{_code('python', python)}\n\n{_code('sh', shell)}"


def _data(parts: Iterable[Part]) -> list[str]:
    rows = []
    for part in parts:
        if part.volumes is None:
            rows.append((part.name, "not at hand when this was written", "", "", ""))
        rows += [
            (
                part.name,
                f"`{volume.name}`",
                " x ".join(map(str, volume.shape)),
                _lengths(volume.voxel_size_nm),
                _digest(volume),
            )
            for volume in part.volumes or ()
        ]
    if not rows:
        return []
    head = ("part", "volume", "voxels (z, y, x)", "voxel size", "SHA-256 of the voxels")
    return [_rows(head, rows)]


def _digest(volume: Volume) -> str:
    """The first digits of the SHA-256 of the image, then the labels, each in order of z, y, x."""
    if prod(volume.shape) > _MOST_VOXELS:
        return "not taken"
    digest = hashlib.sha256()
    for array in (volume.image, volume.labels):
        if array is None:
            continue
        for z in range(volume.shape[0]):
            digest.update(np.ascontiguousarray(array[z]).data)
    return f"`{digest.hexdigest()[:16]}`"


def _scores(card: Card) -> list[str]:
    scores = card.header.scores
    if not any(scores.values()):
        return ["Not measured."]
    keys = list(dict.fromkeys(key for each in scores.values() for key in each))
    rows = [
        (f"`{volume}`", *(f"{each[key]:.4f}" if key in each else "" for key in keys))
        for volume, each in scores.items()
    ]
    return [
        _rows(("volume", *keys), rows),
        "Of whole volumes, by these metrics with these parameters; the decoder is that of the "
        "recipe below.",
        _code("toml", _toml({"metrics": card.recipe["metrics"]})),
        f"To measure them again, save the recipe below as `recipe.toml`, put your places of the "
        f"data into it, and run `neurokit run recipe.toml --mode test --checkpoint {card.name}`.",
    ]


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would end a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def _toml(table: dict[str, Any]) -> str:
    """Plain values as TOML, with lists of numbers or words on one line each."""
    flat = re.compile(r"\[\n((?:\s+[^\s\[\]{}][^\[\]{}\n]*,\n)+)\s*\]")
    return flat.sub(lambda m: f"[{' '.join(m[1].split()).rstrip(',')}]", tomli_w.dumps(table))


def _lengths(size: tuple[float, float, float] | None) -> str:
    return "unknown" if size is None else f"{' x '.join(f'{n:g}' for n in size)} nm (z, y, x)"
