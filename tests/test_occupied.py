"""One process at a time: in the folder of a run, and at a file."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner

from neurokit import NeurokitError, hookimpl, load_recipe
from neurokit.cli import main
from neurokit.occupied import in_turn, occupying
from neurokit.pipeline import execute
from neurokit.run_folder import Run
from neurokit.stopping import StopRequested, heeding_signals

SINCE = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"

HOLDER = """
import sys, time
from pathlib import Path
from neurokit.occupied import occupying
with occupying(Path(sys.argv[1]), "trained"):
    print("held", flush=True)
    time.sleep(1000)
"""


def refused(folder: Path, doing: str = "trained") -> str:
    with pytest.raises(NeurokitError) as caught, occupying(folder, doing):
        pass
    return re.sub(SINCE, "since then", str(caught.value))


def words(folder: Path, doing: str, process: int) -> str:
    return (
        f"{folder} is being {doing} by process {process} of {os.uname().nodename} since then; wait "
        f"until that has ended, or stop it"
    )


def test_another_process_is_named_and_its_end_is_noticed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert refused(tmp_path) == words(tmp_path, "trained", holder.pid)
    with occupying(tmp_path, "tested"):
        assert refused(tmp_path, "tested") == words(tmp_path, "tested", os.getpid())
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with occupying(tmp_path, "trained"):
        assert refused(tmp_path) == words(tmp_path, "trained", os.getpid())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("said", [b"", b"\x1b[2J", b"two\nlines", b"\xff\xfe"])
def test_what_a_file_says_is_not_trusted(tmp_path: Path, said: bytes) -> None:
    with occupying(tmp_path, "trained"):
        (tmp_path / ".trained.lock").write_bytes(said)
        shown = said.decode(errors="replace") if said == b"\xff\xfe" else "another process"
        assert refused(tmp_path) == (
            f"{tmp_path} is being trained by {shown}; wait until that has ended, or stop it"
        )


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_nobody_is_kept_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fails(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fails)
    with occupying(tmp_path, "trained"), occupying(tmp_path, "trained"):
        pass
    with in_turn(tmp_path / "file"), in_turn(tmp_path / "file"):
        pass


def test_a_folder_that_cannot_be_written_is_for_others_to_tell(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    with occupying(blocked, "trained"), in_turn(blocked / "file"):
        pass


def test_writers_of_a_file_wait_for_each_other(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file"
    inside: list[int] = []
    most: list[int] = []

    def write(number: int) -> None:
        for _ in range(10):
            with in_turn(file):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=write, args=(each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 40
    assert list(file.parent.iterdir()) == []


def test_who_waits_heeds_signals(tmp_path: Path) -> None:
    with in_turn(tmp_path / "file"), heeding_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopRequested), in_turn(tmp_path / "file"):
            pass


# Runs


class Meanwhile:
    """Tries, while a run is in its training, what others may do with its folder then."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.unchanged = False

    @hookimpl
    def step(self, run: Run, step: int) -> None:
        """After a checkpoint is there, once."""
        if step != 4:
            return
        before = self._files(run)
        again = ["run", "--resume", str(run.folder)]
        self.said.append(self._invoke(*again))
        self.said.append(self._invoke(*again, "--mode", "train"))
        self.unchanged = self._files(run) == before
        self.said.append(self._invoke(*again, "--mode", "test"))
        self.said.append(self._invoke("report", str(run.folder)))

    @staticmethod
    def _invoke(*command: str) -> str:
        done = CliRunner().invoke(main, list(command))
        said = re.sub(SINCE, "since then", done.stderr) if done.exit_code else ""
        return f"{done.exit_code} {said}"

    @staticmethod
    def _files(run: Run) -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in run.folder.rglob("*") if file.is_file()}


def test_a_run_is_trained_by_one_process_and_looked_at_by_others(tiny: Path) -> None:
    meanwhile = Meanwhile()
    recipe = load_recipe(tiny)
    done = execute(recipe, plugins=[meanwhile])
    occupied = f"1 error: {words(done.folder, 'trained', os.getpid())}\n"
    assert meanwhile.said == [occupied, occupied, "0 ", "0 "]
    assert meanwhile.unchanged
    # The lock went with the training.
    assert execute(recipe, resume=done.folder).scores == done.scores


def test_a_run_is_tested_by_one_process(tiny: Path) -> None:
    trained = execute(load_recipe(tiny, ["train.epochs=1"]), "train")
    run = Run.open(trained.folder)
    again = evolve(run)
    run.mode = again.mode = "test"
    with run.recording():
        with pytest.raises(NeurokitError) as caught, again.recording():
            pass
        search = evolve(run)
        search.mode = "tune"
        with search.recording(), evolve(search).recording():
            pass
    assert re.sub(SINCE, "since then", str(caught.value)) == (
        words(trained.folder, "tested", os.getpid())
    )
