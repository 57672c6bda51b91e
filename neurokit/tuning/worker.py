"""Worker: a process that tries settings, one after another, and can be ended at any time.

A decoder may run for too long, take too much memory, or crash. It does so in a process of its own,
which lives on from trial to trial, as what it has read and computed is worth keeping. It compiles
and imports what trials need before the first of them begins, whose time is limited.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
import traceback
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import numpy as np
from attrs import define, evolve, field, frozen

from neurokit.errors import NeurokitError, first_line
from neurokit.graph.keeping import keeping
from neurokit.kinds import Dataset, Decoder, Metric
from neurokit.prediction import Prediction
from neurokit.registry import installed
from neurokit.stopping import stop_if_asked
from neurokit.structuring import Invalid, make_converter
from neurokit.tuning.trial import Scored, score_settings
from neurokit.volumes import Volume

Part = Literal["validation", "test"]

_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_TO_END = 5.0
_STARTS = 3  # before it is given up that a process starts
_SECONDS_OF_REHEARSAL = 300.0
_REHEARSAL_SHAPE = (3, 24, 24)


@frozen
class Task:
    """What a worker works on.

    Attributes:
        recipe: as TOML.
        part: of the data, whose volumes are scored on.
        predictions: the file of each volume, in their order.
        cache: where results that trials have in common are kept.
        cache_bytes: that they may take there.
    """

    recipe: str
    part: Part
    predictions: tuple[Path, ...]
    cache: Path
    cache_bytes: int


class TrialFailed(Exception):
    """A trial that gave no score; the message says why, in one line."""


@define
class Worker:
    """A process that tries settings; started when it is needed, and again after it ended.

    Attributes:
        task: what it works on.
        log: where all that it prints goes.
    """

    task: Task
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _pipe: Connection | None = field(default=None, repr=False)
    _rehearses: bool = field(default=True, repr=False)

    def start(self) -> None:
        """Have a process that is ready.

        A machine that is short of memory may kill it on its way; another try is worth it.

        Raises:
            NeurokitError: it cannot load the recipe, the volumes or the predictions, or ended each
                time.
            StopRequested: a signal asked to stop.
        """
        if self._process is not None:
            return
        for start in range(1, _STARTS + 1):
            rehearses = self._rehearses
            # A decoder that does not survive a rehearsal may do well on what it is made for.
            self._rehearses = False
            try:
                self._launch()
                self._send((self.task, rehearses))
                answer = self._answer(None)
                if rehearses and not isinstance(answer, str):
                    answer = self._answer(_SECONDS_OF_REHEARSAL)
            except TrialFailed as error:
                if start == _STARTS:
                    raise NeurokitError(f"settings cannot be tried: {error}") from error
                continue
            if isinstance(answer, str):
                self.stop()
                raise NeurokitError(answer)
            self._rehearses = rehearses
            return

    def _launch(self) -> None:
        ours, its = Pipe()
        try:
            with self.log.open("ab") as log, its:
                self._process = subprocess.Popen(
                    # Its standard input says nothing, but ends with this process.
                    [sys.executable, "-P", "-c", _PROGRAM, str(its.fileno())],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    pass_fds=[its.fileno()],
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                    # The terminal's Ctrl-C is for this process, which ends the other in order.
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            raise NeurokitError(f"settings cannot be tried: {error}") from error
        self._pipe = ours

    def score(self, decoder: Any, metrics: list[Any], seconds: float) -> Scored:
        """Try settings.

        Args:
            decoder, metrics: as plain values.
            seconds: it may take.

        Raises:
            TrialFailed: the settings cannot be used, or the process did not survive them.
            StopRequested: a signal asked to stop.
        """
        self._send((decoder, metrics))
        answer = self._answer(seconds)
        if isinstance(answer, str):
            raise TrialFailed(answer)
        assert isinstance(answer, Scored)
        return answer

    def stop(self) -> None:
        """End the process, and what it started, now."""
        if self._process is None or self._pipe is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._pipe.close()
        self._process = self._pipe = None

    def _send(self, message: Any) -> None:
        assert self._pipe is not None
        with suppress(BrokenPipeError):  # waiting for its answer tells how it ended
            self._pipe.send(message)

    def _answer(self, seconds: float | None) -> Scored | str | None:
        """What the process says; if it says nothing in time, or ever, it is no longer there."""
        assert self._pipe is not None
        until = None if seconds is None else time.monotonic() + seconds
        while not self._pipe.poll(_SECONDS_BETWEEN_LOOKS):
            stop_if_asked()
            if until is not None and time.monotonic() > until:
                self.stop()
                raise TrialFailed(f"took longer than {seconds:g} s")
        try:
            answer: Scored | str | None = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            stop_if_asked()
            raise TrialFailed(self._end()) from None
        return answer

    def _end(self) -> str:
        """How the process ended, in words."""
        assert self._process is not None
        try:
            status = self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            status = 0
        self.stop()
        if status == -signal.SIGKILL:
            return "its process was killed, perhaps for want of memory"
        end = f"of {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        return f"its process ended {end}; see {self.log}"


_PROGRAM = "import sys; from neurokit.tuning.worker import serve; serve(int(sys.argv[1]))"


def serve(descriptor: int) -> None:
    """Be the worker: take a task, then settings, and answer each, until nobody asks any more."""
    for each in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)  # whoever started this process decides
    threading.Thread(target=_end_with_the_other, daemon=True).start()
    with Connection(descriptor) as pipe, suppress(EOFError, BrokenPipeError):
        task, rehearses = pipe.recv()
        try:
            ready = _Ready(task)
        except Exception as error:
            pipe.send(_reason(error))
            return
        pipe.send(None)
        if rehearses:
            ready.rehearse()
            pipe.send(None)
        with keeping(task.cache, task.cache_bytes):
            while True:
                pipe.send(_answer(ready, *pipe.recv()))


def _answer(ready: _Ready, decoder: Any, metrics: list[Any]) -> Scored | str:
    """What settings give, or why they cannot be used."""
    try:
        return ready.score(decoder, metrics)
    except Exception as error:
        return _reason(error)


def _end_with_the_other() -> None:
    """Wait until the process that started this one is gone, however that happened."""
    os.read(sys.stdin.fileno(), 1)
    os.killpg(0, signal.SIGKILL)  # and what a decoder started


def _reason(error: Exception) -> str:
    """Why settings cannot be used, in one line; what is not foreseen goes to the log, too."""
    if isinstance(error, Invalid):
        each = (f"{'.'.join(map(str, p.path))} {p.message}".strip() for p in error.problems)
        return "; ".join(each)
    if isinstance(error, NeurokitError):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return "out of memory"
    traceback.print_exception(error)
    sys.stderr.flush()
    return f"{type(error).__name__}: {first_line(error)}"


class _Ready:
    """A worker that has read what all trials share."""

    def __init__(self, task: Task) -> None:
        self.converter = make_converter(installed().component)
        self.table = tomllib.loads(task.recipe)
        # Of the rest of the recipe, nothing is made: networks take their time and memory.
        data = self.table["data"][task.part]
        dataset = self.converter.structure(data, Dataset)  # type: ignore[type-abstract]
        self.volumes = [
            (Prediction.open(file), _held(volume))
            for file, volume in zip(task.predictions, dataset.volumes(), strict=True)
        ]

    def score(self, decoder: Any, metrics: Sequence[Any]) -> Scored:
        """What these settings, as plain values, give."""
        return score_settings(
            self.converter.structure(decoder, Decoder),  # type: ignore[type-abstract]  # its kind
            self.converter.structure(metrics, tuple[Metric, ...]),
            self.volumes,
        )

    def rehearse(self) -> None:
        """Try the recipe's own settings on a few voxels, so that what they need is compiled."""
        prediction, truth = self.volumes[0]
        random = np.random.default_rng(0)
        values = random.random((len(prediction.channels), *_REHEARSAL_SHAPE), np.float32)
        if prediction.values.dtype == np.uint8:
            values = (255 * values).astype(np.uint8)
        labels = np.ones(_REHEARSAL_SHAPE, np.uint8 if truth.labels is None else truth.labels.dtype)
        labels[:, :, 12:] = 2
        image = np.zeros(_REHEARSAL_SHAPE, np.uint8)
        small = (
            Prediction(values, prediction.channels, prediction.voxel_size_nm),
            evolve(truth, image=image, labels=labels),
        )
        with suppress(Exception):  # a few voxels may be too few for settings that are good
            decoder = self.converter.structure(self.table["decoder"], Decoder)  # type: ignore[type-abstract]
            metrics = self.converter.structure(self.table["metrics"], tuple[Metric, ...])
            score_settings(decoder, metrics, [small])


def _held(volume: Volume) -> Volume:
    """A volume with its labels in memory: unlike the prediction, every trial looks at them."""
    if volume.labels is None:
        return volume
    return evolve(volume, labels=np.asarray(volume.labels[...]))
