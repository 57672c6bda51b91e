"""Several processes: the same weights as one, and no hang when one of them dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT

from neurokit.checkpoint import Checkpoint
from neurokit.distributed import World, first_host, first_said, process_count, world
from neurokit.distributed import sum_over_processes as summed

FIVE_STEPS = """
import sys
import torch
torch.set_default_dtype(torch.float64)
from neurokit.distributed import joined
from neurokit.recipe import load_recipe
from neurokit.samples import Samples
from neurokit.trainer import Trainer
out, *overrides = sys.argv[1:]
recipe = load_recipe("tiny.toml", [
    "system.threads=1", "train.steps_per_epoch=5", "train.epochs=1", "train.ema_decay=0.9",
    "train.patch_size=[2,32,32]", "data.train.shape=[6,40,40]", *overrides,
])
with joined(torch.device("cpu")) as place:
    trainer = Trainer.start(recipe)
    trainer.network.double()
    settings = recipe.train
    samples = Samples(
        recipe.data.train.volumes(), settings.patch_size, settings.pad, trainer.device
    )
    said = list(trainer.steps(samples))
    if place.rank == 0:
        state = {"losses": torch.tensor([each["loss"] for each in said])}
        torch.save(state | trainer.network.state_dict() | {
            f"averaged.{k}": v for k, v in trainer.averaged.state_dict().items()}, out)
"""

LAUNCH = """
import sys
from neurokit.distributed import launch
from neurokit.errors import NeurokitError
try:
    sys.exit(launch(2, sys.argv[1:]))
except NeurokitError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(1)
"""


def _environment(**more: str) -> dict[str, str]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    return os.environ | own | more


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _weights_after_five_steps(processes: int, *overrides: str) -> dict[str, torch.Tensor]:
    port = str(_free_port())
    started = [
        subprocess.Popen(
            [sys.executable, "-c", FIVE_STEPS, f"{processes}.pt", *overrides],
            env=_environment(
                RANK=str(rank),
                WORLD_SIZE=str(processes),
                MASTER_ADDR="127.0.0.1",
                MASTER_PORT=port,
            ),
        )
        for rank in range(processes)
    ]
    assert [each.wait(timeout=120) for each in started] == [0] * processes
    state: dict[str, torch.Tensor] = torch.load(f"{processes}.pt", weights_only=True)
    return state


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_give_the_weights_of_one(accumulate: int) -> None:
    # The parts of the batch differ in what they hold of each class, so that an average of the
    # losses of the parts would not be the loss of the whole.
    one = _weights_after_five_steps(1, "train.batch_size=4", f"train.accumulate={accumulate}")
    two = _weights_after_five_steps(2, "train.batch_size=2", f"train.accumulate={accumulate}")
    assert one.keys() == two.keys()
    for name, expected in one.items():
        assert expected.dtype == torch.float64
        torch.testing.assert_close(two[name], expected, rtol=1e-6, atol=1e-12, msg=name)


@pytest.mark.usefixtures("tiny")
def test_the_launcher_trains_and_the_first_process_goes_on_alone() -> None:
    subprocess.run(
        [sys.executable, "-c", LAUNCH, "run", "tiny.toml", "train.batch_size=1"],
        env=_environment(),
        check=True,
        timeout=180,
    )
    (run,) = Path("outputs/tiny").iterdir()
    assert Checkpoint.load(run / "checkpoints/last.ckpt").step == 6
    assert (run / "results_step=6/metrics.json").exists()


def _long_training(*, patience: str = "100000") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-c", LAUNCH, "run", "tiny.toml", "--mode", "train"),
            *("train.batch_size=1", f"train.epochs={patience}", "train.steps_per_epoch=1"),
        ],
        env=_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait_for_a_checkpoint(launcher: subprocess.Popen[str]) -> Path:
    while launcher.poll() is None:
        found = list(Path("outputs/tiny").glob("*/checkpoints/last.ckpt"))
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(launcher.communicate()[1])


def _process_of_rank(rank: int, launcher: int) -> int:
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
def test_a_process_that_is_killed_ends_the_others() -> None:
    launcher = _long_training()
    checkpoint = _wait_for_a_checkpoint(launcher)
    os.kill(_process_of_rank(1, launcher.pid), signal.SIGKILL)
    _, said = launcher.communicate(timeout=60)
    assert launcher.returncode == 1
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
def test_a_process_that_fails_is_heard_with_its_own_error(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/sitecustomize.py").write_text(DIES)
    environment = _environment()
    environment["PYTHONPATH"] = f"{tmp_path / 'broken'}{os.pathsep}{environment['PYTHONPATH']}"
    done = subprocess.run(
        [
            *(sys.executable, "-c", LAUNCH, "run", "tiny.toml", "--mode", "train"),
            *("train.batch_size=1", "train.epochs=100000"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "error: process 1 of 2: the cat sat on the GPU" in done.stderr.splitlines()
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGTERM, 75),
        pytest.param(signal.SIGUSR1, 75, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
    ],
)
def test_a_signal_to_the_launcher_saves(number: signal.Signals, status: int) -> None:
    launcher = _long_training()
    checkpoint = _wait_for_a_checkpoint(launcher)
    before = Checkpoint.load(checkpoint).step
    launcher.send_signal(number)
    _, said = launcher.communicate(timeout=60)
    assert launcher.returncode == status, said
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
