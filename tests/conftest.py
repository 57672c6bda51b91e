"""What several test modules share: a recipe that runs in seconds."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch

from neurokit.registry import installed

ROOT = Path(__file__).parents[1]

TINY = """
name = "tiny"
seed = 7

[system]
device = "cpu"
precision = "float32"

[data.train]
use = "phantom"
shape = [8, 40, 48]
seed = 1

[data.test]
use = "phantom"
shape = [6, 40, 44]
seed = 2

[target]
use = "aff3"

[model]
use = "rsunet"
widths = [4, 6]
kernels = [[1, 3, 3]]

[loss]
use = "balanced_bce"

[optimizer]
use = "adamw"
lr = 1e-3

[schedule]
use = "warmup_cosine"

[train]
patch_size = [4, 32, 32]
batch_size = 2
epochs = 2
steps_per_epoch = 3
[[train.augmentations]]
use = "flip"
[[train.augmentations]]
use = "rotate90"

[inferer]
use = "sliding_window"
window = [4, 32, 32]
pad = [1, 4, 4]

[decoder]
use = "waterz"

[[metrics]]
use = "adapted_rand"
[[metrics]]
use = "voi"
"""


def offered(kind: str) -> str:
    """The names of the components of a kind that are installed here, as errors list them."""
    return ", ".join(sorted({each.name for each in installed().offers if each.kind == kind}))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small tensors are slower on more threads, and other tests may run beside."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c() -> None:
    """Ctrl-C works in tests, also where they were started in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe file that trains, predicts, decodes and scores in seconds, in its own folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path
