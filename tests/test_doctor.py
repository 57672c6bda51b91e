"""Each check of the doctor, on machines that lack what it looks for."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import namedtuple
from collections.abc import Callable
from importlib.metadata import EntryPoint, PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from neurokit import NeurokitError
from neurokit.cli import main
from neurokit.doctor import ALL, DISK, Check, device, disk, examine, machine, software, terminal
from neurokit.doctor.findings import Finding, broken, fine, warning
from neurokit.graph import compiled, memory, threads

GIB = 2**30
Usage = namedtuple("Usage", "total used free")
Patch = pytest.MonkeyPatch


def invoke(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["doctor", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def give(monkeypatch: Patch, *checks: Check) -> None:
    monkeypatch.setattr("neurokit.doctor.ALL", checks)


# The command.


def test_this_machine_is_sound(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("--json", "--no-disk")
    lines = json.loads(result.stdout)
    assert [line["name"] for line in lines] == [each.name for each in ALL if each is not DISK]
    assert {tuple(line) for line in lines} == {("name", "state", "what", "advice")}
    assert [line for line in lines if line["state"] == "broken"] == []
    assert result.exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_line_each_and_what_to_do(monkeypatch: Patch) -> None:
    home = str(Path.home())
    give(
        monkeypatch,
        Check("one", lambda: fine(f"lies in {home}/data")),
        Check("another", lambda: warning("is [red]slow[/red],\nvery", "make it fast")),
    )
    result = invoke()
    assert result.exit_code == 0
    shown = home if home == "/" else "~"
    assert result.stdout == (
        f"ok       one            lies in {shown}/data\n"
        "warning  another        is [red]slow[/red], very\n"
        "                        -> make it fast\n"
        "\n"
        "neurokit works; 1 warning\n"
    )
    give(monkeypatch, Check("one", lambda: fine("is so")))
    assert invoke().stdout == "ok       one            is so\n\nneurokit works\n"


def test_what_is_broken_fails(monkeypatch: Patch) -> None:
    give(
        monkeypatch,
        Check("one", lambda: broken("is gone", "bring it back")),
        Check("two", lambda: warning("is old", "renew it")),
    )
    result = invoke()
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == (
        "1 broken: neurokit does not work until that is mended"
    )
    result = invoke("--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)[0] == {
        "name": "one",
        "state": "broken",
        "what": "is gone",
        "advice": "bring it back",
    }


@pytest.mark.parametrize(("needed", "state"), [(True, "broken"), (False, "warning")])
def test_a_check_that_fails_is_a_line(needed: bool, state: str) -> None:
    def failing() -> Finding:
        raise ImportError("libcuda.so.1:\n  cannot open")

    (line,) = examine([Check("torch", failing, needed=needed)])
    assert (line.name, line.state) == ("torch", state)
    assert line.what == "this check failed: ImportError: libcuda.so.1: cannot open"
    assert line.advice == (
        "mend what is broken above first; if this stays, report it with this line"
    )


def test_the_disk_is_measured_unless_told_otherwise(monkeypatch: Patch) -> None:
    monkeypatch.setattr("neurokit.doctor.ALL", (DISK,))
    assert invoke("--no-disk").stdout == "\nneurokit works\n"
    assert "disk speed" in invoke().stdout


@pytest.mark.parametrize(("no_color", "styled"), [(True, False), (False, True)])
def test_colours(no_color: bool, styled: bool, monkeypatch: Patch) -> None:
    give(monkeypatch, Check("one", lambda: fine("is so")))
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    result = CliRunner().invoke(main, ["doctor"], color=True)
    assert ("\x1b[" in result.stdout) is styled


# What is installed.


def installed_from(origin: dict[str, Any] | None) -> Any:
    noted = None if origin is None else json.dumps(origin)
    return lambda name: SimpleNamespace(version="1.0.0", read_text=lambda file: noted)


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        (None, "installed"),
        ({"url": "file:///home/a/b", "dir_info": {"editable": True}}, "editable"),
        ({"url": "file:///srv/my%20clone", "dir_info": {}}, "from /srv/my clone"),
        (
            {
                "url": "https://user:secret@git.example/a/neurokit.git",
                "vcs_info": {"vcs": "git", "commit_id": "0123456789abcdef"},
            },
            "from git.example/a/neurokit.git 0123456789",
        ),
    ],
)
def test_where_neurokit_is_from(origin: Any, said: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(software, "distribution", installed_from(origin))
    place = Path(sys.modules["neurokit"].__file__ or "").parent
    assert software.neurokit() == fine(f"1.0.0, {said}, in {place}")


def test_neurokit_that_is_not_installed(monkeypatch: Patch) -> None:
    def missing(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(software, "distribution", missing)
    place = Path(sys.modules["neurokit"].__file__ or "").parent
    assert software.neurokit() == warning(
        f"not installed, imported from {place}",
        "install it, so that its components and plugins are found: pip install .",
    )


def test_python_and_system(monkeypatch: Patch) -> None:
    assert software.python().state == "ok"
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    found = software.python()
    assert found.state == "broken"
    assert found.what.endswith(", 32 bits")
    assert found.advice == "use a Python of 64 bits: volumes need the memory"
    assert software.system().state == "ok"
    monkeypatch.setattr(sys, "platform", "win32")
    assert software.system().advice == "neurokit is tested on Linux; on Windows, use WSL 2"


def test_libraries_that_are_missing_or_old(monkeypatch: Patch) -> None:
    versions = {"attrs": "25.1", "zarr": "3.1.5", "numpy": "2.0rc1+local"}

    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    needs = ["attrs>=24.2", "zarr>=3.1.6", "numpy>=2.0.0", "optuna>=5.0", 'x>=9; extra == "view"']
    monkeypatch.setattr(software, "version", version)
    monkeypatch.setattr(software, "distribution", lambda name: SimpleNamespace(requires=needs))
    assert software.libraries() == broken(
        "zarr is 3.1.5, and neurokit needs 3.1.6 or newer; optuna is not installed",
        "install neurokit again, so that pip brings what it needs",
    )


@pytest.mark.parametrize(
    ("older", "newer"),
    [("3.1.5", "3.1.6"), ("3.9", "3.10"), ("2", "2.0.1"), ("0.10.1", "1"), ("", "0.1")],
)
def test_versions_are_compared_as_numbers(older: str, newer: str) -> None:
    assert software._numbers(older) < software._numbers(newer)
    assert software._numbers(f"{newer}+cpu") == software._numbers(f"{newer}.0rc1")


def test_every_requirement_of_neurokit_is_understood() -> None:
    from importlib.metadata import requires

    always = [each for each in requires("neurokit") or [] if ";" not in each]
    assert len(software._requirements()) == len(always) > 10


def test_libraries_that_do_not_fit_each_other(monkeypatch: Patch) -> None:
    def load(name: str) -> Any:
        if name == "numba":
            raise ImportError("Numba needs NumPy 2.2 or less. Got NumPy 2.4.\nmore")

    monkeypatch.setattr(software, "import_module", load)
    assert software.libraries() == broken(
        "numba cannot be loaded: Numba needs NumPy 2.2 or less. Got NumPy 2.4.",
        "take the versions that the tests ran with: pip install . -c constraints.txt",
    )


def test_a_plugin_that_cannot_be_loaded(monkeypatch: Patch) -> None:
    from neurokit.registry import Registry

    real = Registry()
    offer = next(each for each in real.offers if each.name == "waterz")
    bad = EntryPoint("odd", "no_such_module:Odd", "neurokit.decoder")
    monkeypatch.setattr("neurokit.registry.Registry", lambda: Registry([offer.entry_point, bad]))
    monkeypatch.setattr("neurokit.hooks.offered_hooks", lambda: [])
    origin = offer.origin
    assert software.plugins() == warning(
        "decoder 'odd' of unknown ? cannot be loaded: ModuleNotFoundError: No module named "
        f"'no_such_module' (installed: unknown ? (1 components), {origin} (1 components))",
        "mend or uninstall these packages; recipes that do not name them run",
    )
    monkeypatch.setattr("neurokit.registry.Registry", lambda: Registry([]))
    assert software.plugins() == broken(
        "neurokit's own components are not found; found: none",
        "install neurokit again: pip install . in its folder",
    )


def test_what_view_can_use(monkeypatch: Patch) -> None:
    monkeypatch.setattr(software, "find_spec", lambda name: None)
    assert software.viewer() == fine(
        'no neuroglancer (pip install neuroglancer), no napari (pip install "napari[all]")'
    )
    monkeypatch.setattr(software, "find_spec", lambda name: object())
    monkeypatch.setattr(software, "version", lambda name: "1.2")
    assert software.viewer() == fine("neuroglancer 1.2, napari 1.2")


def decoding_to(labels_ZYX: Any, monkeypatch: Patch) -> Finding:
    decoder = SimpleNamespace(decode=lambda prediction: labels_ZYX)
    registry = SimpleNamespace(component=lambda kind, name: lambda: decoder)
    monkeypatch.setattr("neurokit.registry.installed", lambda: registry)
    return software.decoding()


def test_a_decoder_that_decodes_otherwise(monkeypatch: Patch) -> None:
    assert software.decoding() == fine("two blocks are two neurons")
    right = np.ones((3, 8, 10), int)
    right[:, :, 5:] = 2
    assert decoding_to(right, monkeypatch).state == "ok"
    assert decoding_to(np.ones((3, 8, 10), int), monkeypatch) == broken(
        "two blocks with a wall between them are decoded as ids [1] and [1]",
        "take the versions that the tests ran with: pip install . -c constraints.txt",
    )
    assert decoding_to(np.where(right == 2, 0, 1), monkeypatch).state == "broken"
    right[0, 0, 0] = 3
    assert decoding_to(right, monkeypatch).state == "broken"


def test_compiled_code_that_cannot_be_kept(monkeypatch: Patch) -> None:
    monkeypatch.setattr(compiled, "cache_folder", lambda: None)
    assert software.compiled_code() == warning(
        "no folder for compiled code can be written, so decoding compiles anew in each process",
        "set XDG_CACHE_HOME or NUMBA_CACHE_DIR to a folder that can be written",
    )


# The device.


@pytest.fixture
def cuda(monkeypatch: Patch, tmp_path: Path) -> Callable[..., None]:
    """Sets what torch says of itself and of its device."""

    def say(built: str | None, available: bool = False, driver: str | None = None) -> None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr(torch, "__version__", "2.9.0")
        monkeypatch.setattr(torch.version, "cuda", built)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
        file = tmp_path / "version"
        if driver is not None:
            file.write_text(f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {driver}  Tue\n")
        monkeypatch.setattr(device, "_DRIVER", file)

    return say


def test_torch_and_its_driver(cuda: Callable[..., None], monkeypatch: Patch) -> None:
    cuda(None)
    assert device.torch() == fine("2.9.0, built for the CPU")
    cuda("12.8", available=True)
    assert device.torch() == fine("2.9.0, for CUDA 12.8, and finds it")
    cuda("12.8")
    assert device.torch() == warning(
        "2.9.0, built for CUDA 12.8, and finds no driver",
        "if this machine has a GPU, install its driver, or ask the scheduler for a GPU; if it has "
        "none, all is well: the CPU is used",
    )
    cuda(None, driver="570.86.15")
    assert device.torch() == warning(
        "2.9.0, built for the CPU, and there is an NVIDIA driver, 570.86.15",
        "to use the GPU, install a build of torch for CUDA: see pytorch.org/get-started",
    )
    cuda("12.8", driver="450.80.02")

    def too_old(*_: Any, **__: Any) -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11000).\nX")

    monkeypatch.setattr(torch, "zeros", too_old)
    assert device.torch() == warning(
        "2.9.0, built for CUDA 12.8, and cannot use the driver 450.80.02: The NVIDIA driver on "
        "your system is too old (found version 11000).",
        "update the driver, or install a torch that was built for an older CUDA",
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert device.torch() == warning(
        "2.9.0, built for CUDA 12.8; GPUs are hidden by CUDA_VISIBLE_DEVICES='-1'",
        "unset CUDA_VISIBLE_DEVICES to use them",
    )


def test_gpus(cuda: Callable[..., None], monkeypatch: Patch) -> None:
    cuda("12.8", available=True, driver="570.86.15")
    card = SimpleNamespace(name="NVIDIA H100", major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (70 * GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_120", "compute_120"])
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    what = "NVIDIA H100, 70.0 of 80.0 GiB free, compute capability {}; driver 570.86.15"
    assert device.gpus() == fine(what.format("9.0"))
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert device.gpus() == warning(
        what.format("9.0")
        + "; there is no C compiler, so networks run without torch.compile, slower",
        "install gcc, or load its module",
    )
    card.major, card.minor = 6, 1
    assert device.gpus() == broken(
        what.format("6.1") + "; this torch has no code for NVIDIA H100",
        "install an older torch, or run on the CPU with --device cpu",
    )


def test_no_gpu(cuda: Callable[..., None], monkeypatch: Patch) -> None:
    cuda(None)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device.gpus() == fine("none; the CPU is used")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.gpus() == fine(
        "that of the Mac (MPS), which neurokit does not use; the CPU is used"
    )


def test_precision(monkeypatch: Patch) -> None:
    monkeypatch.setattr("neurokit.device.choose_device", lambda system: torch.device("cpu"))
    monkeypatch.setattr("neurokit.device._bfloat16_wins_on_cpu", lambda: False)
    assert device.precision() == fine("float32 on the CPU")

    def missing(system: Any) -> torch.device:
        raise NeurokitError("process 2 of this machine finds 1 GPUs; start one process a GPU")

    monkeypatch.setattr("neurokit.device.choose_device", missing)
    assert device.precision() == warning(
        "process 2 of this machine finds 1 GPUs; start one process a GPU",
        "name a device with --device",
    )


def test_a_device_that_computes_wrongly(monkeypatch: Patch) -> None:
    monkeypatch.setattr("neurokit.device.choose_device", lambda system: torch.device("cpu"))
    assert device.convolution() == fine("right on the CPU")
    right = torch.nn.functional.conv3d

    def wrong(*arguments: Any) -> torch.Tensor:
        answer = right(*arguments)
        answer[0, 0, 1, 2, 3] += 0.5
        return answer

    monkeypatch.setattr(torch.nn.functional, "conv3d", wrong)
    assert device.convolution() == broken(
        "a convolution on cpu is off by up to 0.5",
        "restart the machine, then try another version of torch; until then use --device cpu",
    )


# The machine.


@pytest.fixture
def cgroups(monkeypatch: Patch, tmp_path: Path) -> Path:
    """Where control groups say what they allow; nothing yet."""
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_JOB_ID", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    return tmp_path


def test_cores(cgroups: Path, monkeypatch: Patch) -> None:
    assert machine.cores() == fine("8 of 64")
    (cgroups / "cpu.max").write_text("max 100000\n")
    assert machine.cores() == fine("8 of 64")
    (cgroups / "cpu.max").write_text("250000 100000\n")
    assert machine.cores() == warning(
        "8 of 64, 2.5 by the container's limit",
        "more threads than that only wait for each other; use system.threads=2",
    )
    (cgroups / "cpu.max").unlink()
    (cgroups / "cpu").mkdir()
    (cgroups / "cpu" / "cpu.cfs_quota_us").write_text("1600000\n")
    (cgroups / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "8")
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert machine.cores() == fine(
        "8 of 64, 16 by the container's limit, 8 by SLURM; OMP_NUM_THREADS=4"
    )


def test_a_single_core_of_slurm(cgroups: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 1)
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert machine.cores() == warning(
        "1 of 64", "ask for more, if there are: srun --cpus-per-task=8"
    )


def test_memory(cgroups: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(machine, "_total", lambda: 64 * GIB)
    monkeypatch.setattr(memory, "available_memory", lambda: 30 * GIB)
    assert machine.memory() == fine("30.0 of 64.0 GiB free")
    (cgroups / "memory.max").write_text(f"{16 * GIB}\n")
    monkeypatch.setattr(memory, "available_memory", lambda: 3 * GIB)
    assert machine.memory() == warning(
        "3.0 of 64.0 GiB free, 16.0 GiB allowed by the container's limit",
        "close other programs or ask for more; else keep train.volume_memory_gib and "
        "inferer.memory_gib small",
    )
    monkeypatch.setattr(machine, "_total", lambda: None)
    assert machine.memory() == fine("this system does not say")


def test_shared_memory(monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_SHARED", tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda place: Usage(GIB // 16, 0, GIB // 16))
    monkeypatch.setattr(machine, "_gpu_count", lambda: 1)
    assert machine.shared_memory() == fine(f"0.1 of 0.1 GiB free in {tmp_path}")
    monkeypatch.setattr(machine, "_gpu_count", lambda: 2)
    assert machine.shared_memory() == warning(
        f"0.1 of 0.1 GiB free in {tmp_path}",
        "processes of several GPUs talk through it; start the container with --ipc=host",
    )
    monkeypatch.setattr(machine, "_SHARED", tmp_path / "nothing")
    assert machine.shared_memory() == fine("this system has none of its own")


# The disk.


@pytest.fixture
def here(monkeypatch: Patch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*_: Any, **__: Any) -> Any:
    raise PermissionError(13, "Permission denied")


def test_outputs(here: Path, monkeypatch: Patch) -> None:
    assert disk.outputs() == fine(f"{here}/outputs can be written")
    assert list(here.iterdir()) == []
    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    advice = "work in another folder, or choose another place for runs with --outputs"
    assert disk.outputs() == broken(f"{here} cannot be written: Permission denied", advice)
    (here / "outputs").mkdir()
    assert disk.outputs() == broken(f"{here}/outputs cannot be written: Permission denied", advice)
    (here / "outputs").rmdir()
    (here / "outputs").touch()
    assert disk.outputs() == broken(
        f"{here}/outputs is a file",
        "move it away, or choose another place for runs with --outputs",
    )


def test_space(monkeypatch: Patch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda place: Usage(100 * GIB, 0, 50 * GIB))
    assert disk.space() == fine("50.0 of 100.0 GiB free")
    monkeypatch.setattr("shutil.disk_usage", lambda place: Usage(100 * GIB, 0, 5 * GIB))
    assert disk.space() == warning(
        "5.0 of 100.0 GiB free",
        "free some: predictions take 4 bytes a voxel and channel; inferer.storage='uint8' takes "
        "one",
    )


def test_the_speed_of_the_disk(here: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(disk, "_WRITTEN", 4 * 2**20)
    # A clock that moves a second each time it is asked: 4 MiB in 5 s, and read in 5 s.
    seconds = iter(range(1000))
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))
    assert disk.speed() == warning(
        f"writes 1 MiB/s, reads 1 MiB/s, in {here}",
        "copy volumes to a faster disk, and write runs there with --outputs",
    )
    assert list(here.iterdir()) == []
    monkeypatch.setattr(disk, "_SLOW", 0)
    assert disk.speed().state == "ok"
    monkeypatch.setattr("shutil.disk_usage", lambda place: Usage(GIB, GIB, 1000))
    assert disk.speed() == warning("not measured: the disk is full", "free some space")


def test_measuring_a_slow_disk_ends(here: Path, monkeypatch: Patch) -> None:
    hours = iter(range(0, 10**9, 3600))
    monkeypatch.setattr("time.monotonic", lambda: float(next(hours)))
    assert disk.speed().what.startswith("writes 0 MiB/s, reads 0 MiB/s")


def test_locking(here: Path, monkeypatch: Patch) -> None:
    assert disk.hdf5_locking() == fine("works")
    assert list(here.iterdir()) == []

    def without_locks(*_: Any, **how: Any) -> Any:
        assert how["locking"] is True
        raise BlockingIOError(11, "unable to lock file, errno = 11")

    monkeypatch.setattr(h5py, "File", without_locks)
    assert disk.hdf5_locking() == warning(
        "this file system refuses it: [Errno 11] unable to lock file, errno = 11",
        "neurokit reads and writes without; for other programs, set HDF5_USE_FILE_LOCKING=FALSE",
    )
    assert list(here.iterdir()) == []


# The terminal.


@pytest.mark.parametrize(
    ("tty", "term", "encoding", "found"),
    [
        (True, "xterm-256color", "UTF-8", fine("a terminal, with colours; utf-8")),
        (True, "dumb", "utf-8", fine("a terminal, without colours; utf-8")),
        (
            False,
            "xterm",
            "utf-8",
            fine("not a terminal, so progress is shown as plain lines; utf-8"),
        ),
        (
            True,
            "xterm",
            "ANSI_X3.4-1968",
            warning(
                "a terminal, with colours; ansi_x3.4-1968",
                "set PYTHONUTF8=1, so that names of all languages can be shown",
            ),
        ),
    ],
)
def test_terminals(tty: bool, term: str, encoding: str, found: Finding, monkeypatch: Patch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: tty, encoding=encoding))
    assert terminal.terminal() == found
