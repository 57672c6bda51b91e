"""A decoder of one's own in ten minutes: the commands of plugins/README.md, one after another.

neurokit is installed from its wheel, in a fresh environment; minutes of training are shortened to
seconds, everything else runs as it stands.
"""

from __future__ import annotations

import re
import shlex

import pytest

from fresh import ROOT, environment, wheels
from newcomer import Newcomer, newcomer

__all__ = ["environment", "newcomer", "wheels"]  # fixtures

pytestmark = pytest.mark.wheels

TEXT = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()
]
INSTALLING = "pip install ."
SMALL = shlex.join(
    [
        *("train.epochs=1", "train.steps_per_epoch=2"),
        *("train.patch_size=[4,64,64]", "train.pad=[0,0,0]"),
        *("data.train.shape=[12,96,96]", "data.test.shape=[8,64,64]"),
        *("inferer.window=[4,64,64]", "inferer.pad=[0,0,0]", "system.threads=1"),
    ]
)


def test_the_page_begins_with_the_installation() -> None:
    assert COMMANDS[0] == INSTALLING
    assert len(COMMANDS) == 10


def test_the_commands_work_one_after_the_other(newcomer: Newcomer) -> None:
    said: dict[str, str] = {}
    for line in COMMANDS[1:]:
        command = line
        if "--resume" in line:
            run = newcomer.run("blobs_demo").relative_to(newcomer.folder)
            command = line.replace("outputs/blobs_demo/20260101-120000", str(run))
        elif line.startswith("neurokit run"):
            command = f"{line} {SMALL}"
        said[line] = newcomer.types(command)
    assert "pip install --editable ./neurokit-blobs" in said[COMMANDS[1]]
    assert re.search(r"decoder +blobs +neurokit-blobs 0\.1\.0", "\n".join(said.values()))
    assert 'use = "blobs"' in said["neurokit show blobs"]
    assert "adapted_rand" in said["neurokit run neurokit_blobs:demo.toml"]
    (again,) = (text for line, text in said.items() if "--resume" in line)
    assert "adapted_rand" in again
