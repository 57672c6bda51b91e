"""The volumes of the NISB benchmark, as they lie in its folders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, get_args

from attrs import frozen

from neurokit import (
    ArrayLike,
    Dataset,
    NeurokitError,
    Skeletons,
    Volume,
    open_array,
    param,
    read_skeletons,
)
from neurokit_nisb.graph_pickle import read_graph_pickle
from neurokit_nisb.transposed import Transposed

Setting = Literal[
    "base",
    "train_100",
    "slice_perturbed",
    "pos_guidance",
    "neg_guidance",
    "no_touch_thick",
    "touching_thin",
    "liconn",
    "multichannel",
]
Split = Literal["train", "val", "test"]

_HINT = """
get it: neurokit fetch nisb split=val, and so on (CC BY-SA 4.0); a cube of the setting base is 27 \
um wide, and all of NISB some 3 TB
without it: neurokit run neurokit_nisb:nisb_demo.toml trains on synthetic tissue"""


@frozen(kw_only=True)
class Nisb(Dataset):
    """Cubes of the NISB benchmark, with their skeletons.

    They lie in `root/setting/split/seed<n>/`: `data.zarr` with the arrays `img` (x, y, z, channel)
    and `seg` (x, y, z), and `skeleton.pkl`, a pickled graph. Of a pickle, only what such a graph is
    made of is read, and nothing in it is executed; `skeleton.npz` beside it, made by
    `python -m neurokit_nisb.convert`, is taken instead where it is not the older of the two.
    """

    root: str = param(help="the folder that holds the settings")
    setting: Setting = param("base", help="which tissue", choices=get_args(Setting))
    split: Split = param("train", help="which cubes of the setting", choices=get_args(Split))
    seeds: tuple[int, ...] = param(
        (), help="the numbers of the cubes; all that are there where none is named", low=0
    )
    channel: int = param(0, help="which channel of the image is seen", low=0)

    def __attrs_post_init__(self) -> None:
        if len(set(self.seeds)) < len(self.seeds):
            raise NeurokitError(f"seeds names one twice: {list(self.seeds)}")

    def volumes(self) -> list[Volume]:
        """The cubes, `<setting>-<split>-seed<n>`, by rising number or as `seeds` has them.

        Images are of the type that is stored, and read when they are indexed; so are labels, where
        a cube has any. Skeletons are in memory.

        Raises:
            NeurokitError: a cube is missing or damaged, or is not shaped as described.
        """
        folder = Path(self.root, self.setting, self.split)
        return [self._volume(folder / f"seed{seed}", seed) for seed in self.seeds or _seeds(folder)]

    def _volume(self, folder: Path, seed: int) -> Volume:
        data = folder / "data.zarr"
        if not data.exists():
            raise _missing(data)
        image = open_array(f"{data}::img")
        if len(image.shape) != 4 or self.channel >= image.shape[3]:
            raise NeurokitError(
                f"{data}::img has shape {image.shape}; it must have the axes x, y, z, channel, and "
                f"a channel {self.channel}"
            )
        source = f"{image.source} channel {self.channel}"
        labels: ArrayLike | None = None
        if (data / "seg").exists():
            stored = open_array(f"{data}::seg")
            if stored.shape != image.shape[:3]:
                raise NeurokitError(
                    f"{data}::seg has shape {stored.shape}, and the image {image.shape[:3]} "
                    f"(x, y, z); they must be the same"
                )
            labels = Transposed(stored)
            source += f" {stored.source}"
        return Volume(
            name=f"{self.setting}-{self.split}-seed{seed}",
            image=Transposed(image, self.channel),
            voxel_size_nm=(12.0 if self.setting == "liconn" else 20.0, 9.0, 9.0),
            labels=labels,
            source=source,
            skeletons=_skeletons(folder),
        )


def _seeds(folder: Path) -> list[int]:
    """The numbers of the cubes in a folder."""
    # With zeros before it, a number would be that of another folder.
    found = [re.fullmatch(r"seed(0|[1-9][0-9]*)", each.name) for each in folder.glob("seed*")]
    seeds = sorted(int(match[1]) for match in found if match)
    if not seeds:
        raise _missing(folder / "seed<n>")
    return seeds


def _skeletons(folder: Path) -> Skeletons | None:
    """Those beside a cube's data, in the safe format if it is no older."""
    pickled, safe = folder / "skeleton.pkl", folder / "skeleton.npz"
    if not pickled.exists():
        return read_skeletons(safe) if safe.exists() else None
    if safe.exists() and safe.stat().st_mtime_ns >= pickled.stat().st_mtime_ns:
        return read_skeletons(safe)
    return read_graph_pickle(pickled)


def _missing(path: Path) -> NeurokitError:
    where = "" if path.is_absolute() else f" in {Path.cwd()}"
    return NeurokitError(f"file not found: {path}{where}; check root, setting and seeds{_HINT}")
