"""Processes that start in a moment: copies of one that has imported what takes long.

`python -m neurokit` imports torch and more for seconds. Where that is not what a test is about, it
runs commands and functions in these instead. A process here is as good as any: it has its own
descriptors, may be killed, and may misbehave.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from multiprocessing import get_context, reduction
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import IO, Any

import torch
from attrs import define

from neurokit.registry import installed

_forks = get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "pytest",
        "hypothesis",
        "torch._dynamo",
        "torch._meta_registrations",
        "torch.fx.experimental.symbolic_shapes",
        "neurokit.cli",
        "neurokit.cli.tables",
        "neurokit.pipeline",
        "neurokit.phantom",
        "neurokit.components.augmentations",
        "neurokit.components.datasets.phantom",
        "neurokit.components.decoders",
        "neurokit.components.inferers",
        "neurokit.components.losses",
        "neurokit.components.metrics",
        "neurokit.components.models.rsunet",
        "neurokit.components.optimizers",
        "neurokit.components.schedules",
        "neurokit.components.targets",
        "neurokit.observers.progress",
        "neurokit.observers.report",
        "neurokit.observers.tensorboard",
        "neurokit.reporting.page",
        "neurokit.stages.tune",
        "neurokit.tuning.worker",
    ]
)


def child(function: Callable[..., object], *arguments: Any) -> ForkServerProcess:
    """A process that runs a function of a test module, in the present folder and environment."""
    process = _forks.Process(
        target=_in_child, args=(dict(os.environ), sys.path, str(Path.cwd()), function, arguments)
    )
    process.start()
    return process


def _in_child(
    environment: dict[str, str],
    path: list[str],
    folder: str,
    function: Callable[..., object],
    arguments: tuple[Any, ...],
) -> None:
    # The server that this process comes from started in an earlier test.
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = path
    os.chdir(folder)
    installed.cache_clear()
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    function(*arguments)


def as_typed(arguments: Sequence[str]) -> None:
    """Be `neurokit` with these arguments, to the end of the process."""
    from neurokit.cli import main

    sys.argv[:] = ["neurokit", *arguments]
    main(prog_name="neurokit")


@define
class Command:
    """A `neurokit` that was started.

    Attributes:
        process: that it is.
        out: gets what it prints to standard output.
        err: gets what it prints to standard error.
    """

    process: ForkServerProcess
    out: IO[bytes]
    err: IO[bytes]

    def said(self) -> str:
        """What it has printed to standard error so far."""
        return _content(self.err)

    def send_signal(self, number: signal.Signals) -> None:
        """As a scheduler, a shell or an impatient user does."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ended(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end; its exit status, and what it printed."""
        self.process.join()
        assert self.process.exitcode is not None
        out, err = _content(self.out), _content(self.err)
        return subprocess.CompletedProcess((), self.process.exitcode, out, err)


def _content(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


def started(*arguments: object) -> Command:
    """A process that runs `neurokit` with these arguments, and prints to files."""
    out, err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115  # read after its end
    given = [Descriptor(each.fileno()) for each in (out, err)]
    return Command(child(_redirected, [str(each) for each in arguments], *given), out, err)


def logged(log: Path, *arguments: object) -> ForkServerProcess:
    """A process that runs `neurokit` with these arguments, as a job with a log."""
    with log.open("wb") as file:
        given = [Descriptor(file.fileno())] * 2
        return child(_redirected, [str(each) for each in arguments], *given)


def neurokit(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What `neurokit` does with these arguments, in a process of its own."""
    return started(*arguments).ended()


def at_terminal(terminal: str, *arguments: object) -> ForkServerProcess:
    """A process that runs `neurokit` with these arguments at a terminal, which has this path."""
    return child(_seated, [str(each) for each in arguments], terminal)


def _seated(arguments: list[str], terminal: str) -> None:
    os.setsid()
    opened = os.open(terminal, os.O_RDWR)  # whose Ctrl-C is for this process from now on
    for descriptor in (0, 1, 2):
        os.dup2(opened, descriptor)
    os.close(opened)
    sys.stdin = os.fdopen(0)
    sys.stdout, sys.stderr = os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
    as_typed(arguments)


def _redirected(arguments: list[str], out: int, err: int) -> None:
    os.dup2(out, 1)
    os.dup2(err, 2)
    as_typed(arguments)


class Descriptor:
    """A file descriptor, on its way to another process."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Callable[..., int], tuple[Any]]:
        return _detached, (reduction.DupFd(self.number),)


def _detached(descriptor: Any) -> int:
    number: int = descriptor.detach()
    return number
