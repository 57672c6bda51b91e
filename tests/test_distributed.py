"""Several processes: the same weights as one, and no hang when one of them dies."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import IO

import h5py
import numpy as np
import pytest
import torch
from attrs import define
from children import Descriptor, child
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from neurokit import load_recipe
from neurokit.checkpoint import Checkpoint
from neurokit.distributed import World, first_host, first_said, joined, launch, process_count, world
from neurokit.distributed import sum_over_processes as summed
from neurokit.errors import NeurokitError
from neurokit.samples import Samples
from neurokit.trainer import Trainer


def _five_steps(out: str, overrides: list[str]) -> None:
    """Train for five steps in float64, alone or with others; the first process writes what is."""
    torch.set_default_dtype(torch.float64)
    short = ("system.threads=1", "train.steps_per_epoch=5", "train.epochs=1", "train.ema_decay=0.9")
    recipe = load_recipe("tiny.toml", [*short, "train.patch_size=[2,32,32]", *overrides])
    assert recipe.data.train is not None
    with joined(torch.device("cpu")) as place:
        trainer = Trainer.start(recipe)
        trainer.network.double()
        volumes, settings = recipe.data.train.volumes(), recipe.train
        samples = Samples(volumes, settings.patch_size, settings.pad, trainer.device)
        losses = torch.tensor([each["loss"] for each in trainer.steps(samples)])
        if place.rank == 0:
            assert trainer.averaged is not None
            averaged = trainer.averaged.state_dict()
            state = {"losses": losses} | trainer.network.state_dict()
            torch.save(state | {f"averaged.{key}": value for key, value in averaged.items()}, out)


def _launch(arguments: list[str], said: int) -> None:
    """Be the launcher, as `neurokit` is on a machine with two GPUs; its errors go to a file."""
    os.dup2(said, 2)
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        sys.exit(launch(2, arguments))
    except NeurokitError as error:
        sys.exit(f"error: {error}")


@define
class Launcher:
    """A launcher that was started, and what it says."""

    process: ForkServerProcess
    said: IO[bytes]

    def ended(self) -> tuple[int | None, str]:
        """Wait for its end; its exit status and all that was said."""
        self.process.join()
        self.said.seek(0)
        return self.process.exitcode, self.said.read().decode()


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Callable[..., Launcher]]:
    """What starts a launcher that runs `neurokit run tiny.toml` with more arguments."""
    with (tmp_path / "said.txt").open("w+b") as said:

        def start(*arguments: str) -> Launcher:
            command = ["run", "tiny.toml", "train.batch_size=1", *arguments]
            return Launcher(child(_launch, command, Descriptor(said.fileno())), said)

        yield start


def _weights_after_five_steps(processes: int, *overrides: str) -> dict[str, torch.Tensor]:
    # The place where they meet is this process, as it is the launcher outside of tests; so no
    # other program can take its port meanwhile.
    meeting_place = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORLD_SIZE", str(processes))
        patch.setenv("MASTER_ADDR", "127.0.0.1")
        patch.setenv("MASTER_PORT", str(meeting_place.port))
        patch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
        patch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
        started = []
        for rank in range(processes):
            patch.setenv("RANK", str(rank))
            started.append(child(_five_steps, f"{processes}.pt", list(overrides)))
    for each in started:
        each.join()
    assert [each.exitcode for each in started] == [0] * processes
    state: dict[str, torch.Tensor] = torch.load(f"{processes}.pt", weights_only=True)
    return state


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_give_the_weights_of_one(accumulate: int) -> None:
    # The parts of the batch differ in what they hold of each class, so that an average of the
    # losses of the parts would not be the loss of the whole.
    same = ("data.train.shape=[6,40,40]", f"train.accumulate={accumulate}")
    one = _weights_after_five_steps(1, "train.batch_size=4", *same)
    two = _weights_after_five_steps(2, "train.batch_size=2", *same)
    assert one.keys() == two.keys()
    for name, expected in one.items():
        assert expected.dtype == torch.float64
        torch.testing.assert_close(two[name], expected, rtol=1e-6, atol=1e-12, msg=name)


@pytest.mark.usefixtures("tiny")
def test_what_one_of_two_processes_knows_counts_as_one_would_count_it() -> None:
    # As few of the known sections touch, few samples know an edge along z: in the first step one of
    # the second process alone, in the second step none.
    labels = np.full((16, 40, 40), -1)
    labels[[1, 2, 5, 6, 9, 12, 15]] = np.arange(40) // 10 + 1
    with h5py.File("few.h5", "w") as file:
        file["raw"] = np.random.default_rng(0).integers(0, 256, labels.shape).astype(np.uint8)
        file["labels"] = labels
    files = "use='files', image='few.h5::raw', labels='few.h5::labels', voxel_size_nm=[30, 6, 6]"
    few = (f"data.train={{{files}}}", "target={use='affinity', offsets=[[1, 0, 0]]}")
    one = _weights_after_five_steps(1, "train.batch_size=2", "train.accumulate=2", *few)
    two = _weights_after_five_steps(2, "train.batch_size=1", "train.accumulate=2", *few)
    assert one["losses"].isnan().tolist() == [False, True, False, False, False]
    for name, expected in one.items():
        torch.testing.assert_close(
            two[name], expected, rtol=1e-6, atol=1e-12, msg=name, equal_nan=True
        )


@pytest.mark.usefixtures("tiny")
def test_the_launcher_trains_and_the_first_process_goes_on_alone(
    launched: Callable[..., Launcher],
) -> None:
    assert launched().ended()[0] == 0
    (run,) = Path("outputs/tiny").iterdir()
    assert Checkpoint.load(run / "checkpoints/last.ckpt").step == 6
    assert (run / "results_step=6/metrics.json").exists()


# Long enough to be stopped amid, in epochs of a step, after each of which it saves.
LONG = ("--mode", "train", "train.epochs=100000", "train.steps_per_epoch=1")


def _wait_for_a_checkpoint(launcher: Launcher) -> Path:
    while launcher.process.is_alive():
        found = list(Path("outputs/tiny").glob("*/checkpoints/last.ckpt"))
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(launcher.ended())


def _process_of_rank(rank: int, launcher: int | None) -> int:
    """The process that the launcher started with this rank, by its environment."""
    for place in Path("/proc").iterdir():
        if place.name.isdecimal() and int(place.name) != launcher:
            try:
                said = (place / "environ").read_bytes().split(b"\0")
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if f"RANK={rank}".encode() in said and parent == launcher:
                return int(place.name)
    raise AssertionError(f"there is no process of rank {rank}")


@pytest.mark.usefixtures("tiny")
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")
def test_a_process_that_is_killed_ends_the_others(launched: Callable[..., Launcher]) -> None:
    launcher = launched(*LONG)
    checkpoint = _wait_for_a_checkpoint(launcher)
    os.kill(_process_of_rank(1, launcher.process.pid), signal.SIGKILL)
    status, said = launcher.ended()
    assert status == 1
    assert "error: process 1 of 2: it was killed by SIGKILL" in said.splitlines()
    assert Checkpoint.load(checkpoint).step >= 1


DIES = """
import os
if os.environ.get("RANK") == "1":
    from neurokit.errors import NeurokitError
    from neurokit.trainer import Trainer
    def die(trainer, *_):
        raise NeurokitError("the cat sat on the GPU")
    Trainer._advance = die
"""


@pytest.mark.usefixtures("tiny")
def test_a_process_that_fails_is_heard_with_its_own_error(
    launched: Callable[..., Launcher], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/sitecustomize.py").write_text(DIES)
    paths = [str(tmp_path / "broken"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    status, said = launched(*LONG).ended()
    assert status == 1
    assert "error: process 1 of 2: the cat sat on the GPU" in said.splitlines()
    assert "Traceback" not in said


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGTERM, 75),
        pytest.param(signal.SIGUSR1, 75, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
    ],
)
def test_a_signal_to_the_launcher_saves(
    launched: Callable[..., Launcher], number: signal.Signals, status: int
) -> None:
    launcher = launched(*LONG)
    checkpoint = _wait_for_a_checkpoint(launcher)
    before = Checkpoint.load(checkpoint).step
    assert launcher.process.pid is not None
    os.kill(launcher.process.pid, number)
    found, said = launcher.ended()
    assert found == status, said
    assert Checkpoint.load(checkpoint).step >= before
    assert "Traceback" not in said


def test_alone_nothing_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    counts = torch.tensor([1.0, 2.0])
    assert summed(counts) is counts
    assert process_count() == 1
    assert first_said("here") == "here"
    assert world() == World()


def test_srun_says_where_a_process_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "8")
    monkeypatch.setenv("SLURM_STEP_TASKS_PER_NODE", "4(x2)")
    monkeypatch.setenv("SLURM_PROCID", "6")
    monkeypatch.setenv("SLURM_LOCALID", "2")
    assert world() == World(rank=6, size=8, local_rank=2, local_size=4)


def test_a_batch_script_is_no_process_of_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_NTASKS", "8")
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert world() == World()


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("", ""),
        ("gpu07", "gpu07"),
        ("gpu[07-09,12]", "gpu07"),
        ("gpu[3],login1", "gpu3"),
        ("a,b", "a"),
        ("node-1-[02,05]", "node-1-02"),
    ],
)
def test_the_first_host_of_a_node_list(nodes: str, first: str) -> None:
    assert first_host(nodes) == first
