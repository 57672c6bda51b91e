"""The page of the run folder, from a small run made for it."""

from __future__ import annotations

import json
import tempfile
from contextlib import chdir, redirect_stderr
from io import StringIO
from pathlib import Path

import h5py

from generators.text import Page, code
from neurokit import results, run_folder
from neurokit.hooks import offered_hooks
from neurokit.pipeline import execute
from neurokit.prediction import create_prediction
from neurokit.recipe import load_recipe
from neurokit.results import PREDICTION, SCORES, SEGMENTATION

_SMALL = [
    'data.train={use="phantom",shape=[8,64,64],seed=1}',
    'data.test={use="phantom",shape=[8,64,64],seed=2}',
    "model.widths=[4,6]",
    "model.kernels=[[1,3,3]]",
    "train.epochs=1",
    "train.steps_per_epoch=2",
    "train.patch_size=[4,32,32]",
    "train.pad=[0,0,0]",
    "train.augmentations=[]",
    "inferer.window=[4,32,32]",
    "inferer.pad=[0,0,0]",
    "decoder.dust.remove_size=1",
    "system.device=cpu",
    "system.precision=float32",
    "system.compile=false",
]


def page() -> Page:
    """Which files a run leaves, and what is in them."""
    made = Page("The run folder")
    made.documentation(_said(run_folder.__doc__))
    made.heading(2, "Results")
    made.documentation(_said(results.__doc__))
    # Paths in the files of a run are relative to where it was started.
    with tempfile.TemporaryDirectory() as place, chdir(place):
        folder = _run()
        made.heading(2, "The files of a small run")
        made.paragraph("Trained and tested while these pages were built, with their sizes:")
        made.code("text", _listing(folder))
        (tested,) = folder.glob("results_step=*")
        made.heading(2, code(PREDICTION))
        made.documentation(create_prediction.__doc__)
        _attributes(made, tested / PREDICTION)
        made.heading(2, code(SEGMENTATION))
        _attributes(made, tested / SEGMENTATION)
        made.heading(2, code(SCORES))
        made.code("json", (tested / SCORES).read_text(encoding="utf-8"))
        made.heading(2, code("environment.json"))
        made.paragraph("What the run was made with, and on what. Its keys:")
        made.paragraph(_keys(json.loads((folder / "environment.json").read_text("utf-8"))))
    return made


def _said(docstring: str | None) -> str:
    """What a module says of itself, without its name before a colon."""
    _, _, said = (docstring or "").partition(": ")
    return said[:1].upper() + said[1:]


def _run() -> Path:
    recipe = load_recipe("neurokit:demo.toml", _SMALL)
    with redirect_stderr(StringIO()):
        return execute(recipe, "all", plugins=[offer.load() for offer in offered_hooks()]).folder


def _listing(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [str(path.relative_to(folder)) for path in files]
    # Event files of TensorBoard are named after the machine.
    shown = ["logs/events.out.tfevents..." if "tfevents" in name else name for name in names]
    width = max(map(len, shown))
    sizes = [f"{path.stat().st_size / 1024:8.1f} KiB" for path in files]
    return "\n".join(f"{name:{width}} {size}" for name, size in zip(shown, sizes, strict=True))


def _attributes(page: Page, path: Path) -> None:
    """The datasets of an HDF5 file, and their attributes."""
    with h5py.File(path, "r") as file:
        for name, dataset in file.items():
            shape = " x ".join(map(str, dataset.shape))
            page.paragraph(f"Dataset {code(name)}: {shape} of {code(str(dataset.dtype))}, with")
            page.table(
                ("attribute", "here"),
                ((code(key), code(_shortened(value))) for key, value in dataset.attrs.items()),
            )


def _shortened(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def _keys(table: dict[str, object]) -> str:
    return ", ".join(code(key) for key in table) + "."
