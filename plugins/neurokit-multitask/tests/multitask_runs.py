"""What the tests that run recipes share: a few steps on small volumes, by the command line."""

from __future__ import annotations

from importlib.metadata import entry_points
from importlib.util import find_spec

import pytest

RECIPES = "neurokit_multitask:"
NINE = ("z1", "y1", "x1", "z5", "y5", "x5", "z9", "y9", "x9")
RANGES = {"aff_r1": NINE[:3], "aff_r5": NINE[3:6], "aff_r9": NINE[6:]}

needs_sdt = pytest.mark.skipif(
    find_spec("neurokit_sdt") is None, reason="neurokit-sdt is not installed"
)

# A run of a few steps on tissue of a few voxels.
SMALL = (
    "system.device=cpu",
    "system.precision=float32",
    "system.threads=1",
    "data.train={use='phantom', shape=[14, 40, 48], seed=1}",
    "data.test={use='phantom', shape=[12, 40, 40], seed=2}",
    "train.patch_size=[12,32,32]",
    "train.pad=[0,4,4]",
    "train.batch_size=1",
    "train.epochs=2",
    "train.steps_per_epoch=2",
    "inferer.window=[12,32,32]",
    "inferer.pad=[1,4,4]",
    "model.trunk.widths=[4,6,6,6,6]",
    "model.features=4",
)


def neurokit(*arguments: str) -> int:
    """The exit status of the command."""
    (script,) = entry_points(group="console_scripts", name="neurokit")
    with pytest.raises(SystemExit) as ended:
        script.load()(list(arguments), prog_name="neurokit")
    status = ended.value.code
    assert isinstance(status, int)
    return status
