"""No test: why scores tell nothing of how well unseen tissue would be segmented.

Tissue is known again by its grey values, whatever its labels are and wherever its file lies: also
in a copy of the file, or one of another format. What was cut out of a volume and saved as a volume
of its own is not: of an image in a file, only a few places are looked at.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from neurokit.errors import NeurokitError
from neurokit.volumes import ArrayLike, Volume
from neurokit.volumes.sections import Sections

_EDGE = 256  # of what is looked at, in the middle of a section


@frozen
class _Tissue:
    """Sections of an image, which equal marks tell to be the same one."""

    mark: str
    sections: range


def why_no_test(
    tested: Sequence[Volume], trained: Iterable[Volume], searched: Iterable[Volume]
) -> list[str]:
    """What makes the scores of a test none, a clause each; empty where nothing is known to.

    Args:
        tested: what is scored.
        trained: what the network is trained on, as far as it is known.
        searched: what a search scored on that found the decoder's settings.

    Raises:
        NeurokitError: a file of what is tested is damaged.
    """
    learnt = overlap(tested, trained, "the very tissue that is tested")
    chosen = overlap(tested, searched, "the very tissue that is tested")
    clauses = {
        f"the network is trained on {learnt}": learnt,
        f"the decoder's settings were found by a search that scored on {chosen}": chosen,
    }
    return [clause for clause, found in clauses.items() if found]


def was_tuned(run: Path, recipe: dict[str, Any]) -> bool:
    """Whether the decoder of a recipe is what a search of the run found best.

    Args:
        run: its folder.
        recipe: as plain values.
    """
    try:
        with (run / "tune" / "best.toml").open("rb") as file:
            best = tomllib.load(file).get("decoder")
    except (OSError, ValueError):
        return False
    return best is not None and bool(best == recipe.get("decoder"))


def overlap(volumes: Sequence[Volume], others: Iterable[Volume], whole: str) -> str:
    """What of some volumes is in others, too, in words; empty where nothing is known to be.

    Args:
        volumes: that are looked for.
        others: where they are looked for; what cannot be read is passed over.
        whole: the words where all of them are found.

    Raises:
        NeurokitError: a file of the volumes that are looked for is damaged.
    """
    seen: dict[str, set[int]] = {}
    for other in others:
        with suppress(NeurokitError):
            tissue = _tissue(other)
            seen.setdefault(tissue.mark, set()).update(tissue.sections)
    found, all_of_it = [], True
    for volume in volumes if seen else ():
        tissue = _tissue(volume)
        count, shared = len(tissue.sections), 0
        if tissue.mark:
            shared = len(seen.get(tissue.mark, set()).intersection(tissue.sections))
        all_of_it &= shared == count
        if shared == count:
            found.append(f"'{volume.name}'")
        elif shared:
            found.append(f"{shared} of the {count} sections of '{volume.name}'")
    return whole if found and all_of_it else " and ".join(found)


def _tissue(volume: Volume) -> _Tissue:
    whole: ArrayLike = volume.image
    start = 0
    while isinstance(whole, Sections):
        start += whole.start
        whole = whole.array
    return _Tissue(_mark(whole), range(start, start + volume.shape[0]))


def _mark(image: ArrayLike) -> str:
    """Equal for images that hold the same; empty where there is nothing to know one by."""
    digest = hashlib.sha256(repr(tuple(image.shape)).encode())
    tells = False
    depth, *within = image.shape
    middle = tuple(slice(max(0, n - _EDGE) // 2, max(0, n - _EDGE) // 2 + _EDGE) for n in within)
    for z in {depth // 4: None, depth // 2: None, 3 * depth // 4: None}:
        # As one type, as a copy may be of another.
        block_YX = np.ascontiguousarray(image[(z, *middle)], np.float64)
        tells |= bool((block_YX != block_YX[0, 0]).any())
        digest.update(block_YX.data)
    return digest.hexdigest() if tells else str(getattr(image, "source", ""))
