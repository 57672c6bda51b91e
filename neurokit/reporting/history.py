"""History: what a run's commands did, noted line by line as they went on.

::

    history.jsonl    one event a line: what it is, when, and what is known of it

A line is whole or ignored: a process that is killed leaves at most half of one.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from attrs import Factory, define, frozen

HISTORY = "history.jsonl"


@frozen
class StageRecord:
    """A stage of a command; those of several volumes together.

    Attributes:
        name: of the stage.
        seconds: it took; of one that did not end, until it was last heard of.
        times: how often it was entered: once a volume.
        reused: whether each time what was there was still valid.
        ended: whether it was left in order, each time.
        memory: largest resident memory of the process in bytes; None where that is not known.
        gpu_memory: largest memory of tensors on the GPU in bytes; None where none was used.
    """

    name: str
    seconds: float
    times: int
    reused: bool
    ended: bool
    memory: int | None
    gpu_memory: int | None


@define
class CommandRecord:
    """One command that worked in the folder.

    Attributes:
        command: as it was given.
        started: when, in seconds since 1970.
        heard: when it was last heard of, or ended.
        mode: what it did: all, train, test or tune; empty where that is not known.
        device: what the network ran on, in words; empty where no stage said so.
        stages: in the order in which they were first entered.
        warnings: what it warned of, in order.
        failure: the error that it ended with; None where it ended well, or was killed.
        finished: whether it did all that it was asked for.
        reached: the step that its training was at when it failed, and the last; None where that
            is not known.
    """

    command: str
    started: float
    heard: float
    mode: str = ""
    device: str = ""
    stages: list[StageRecord] = Factory(list)
    warnings: list[str] = Factory(list)
    failure: str | None = None
    finished: bool = False
    reached: tuple[int, int] | None = None


@frozen
class Point:
    """Numbers of a training at a step.

    Attributes:
        step: the optimizer step.
        values: by name; of a stretch of steps their means, of an epoch its own.
    """

    step: int
    values: dict[str, float]


@define
class History:
    """Everything that is known of how a run went.

    Attributes:
        commands: in their order.
        steps: one point a stretch of steps, by step.
        epochs: one point an epoch, by step.
    """

    commands: list[CommandRecord] = Factory(list)
    steps: list[Point] = Factory(list)
    epochs: list[Point] = Factory(list)

    @property
    def warnings(self) -> list[str]:
        """What all commands warned of, each once."""
        return list(dict.fromkeys(each for command in self.commands for each in command.warnings))


def note(folder: Path, event: str, **details: Any) -> None:
    """Add an event to the history of the run in a folder.

    Args:
        folder: of the run.
        event: what happened.
        details: plain values.

    Raises:
        OSError: the file cannot be written.
    """
    line = json.dumps({"event": event, "at": round(time.time(), 3), **details}).encode() + b"\n"
    with (folder / HISTORY).open("ab+") as file:
        size = file.seek(0, 2)
        if size:
            file.seek(size - 1)
            # What a killed process left of its last line stays a line of its own.
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)


def read_history(folder: Path) -> History:
    """What is known of the run in a folder; nothing of one that was not noted.

    What a training did again, after it was killed and went on from its last checkpoint, takes the
    place of what it did before.
    """
    history = History()
    open_stages: dict[str, float] = {}
    last = 0.0
    for event in _events(folder):
        try:
            kind, at = event["event"], float(event["at"])
            if kind == "command":
                _close_lost(history, open_stages, last)
                mode = str(event.get("mode", ""))
                history.commands.append(CommandRecord(str(event["command"]), at, at, mode))
            elif kind in ("steps", "epoch"):
                values = {str(name): float(value) for name, value in event["values"].items()}
                points = history.steps if kind == "steps" else history.epochs
                _take_back(points, int(event["step"]))
                points.append(Point(int(event["step"]), values))
            elif history.commands:
                _note_stage(history.commands[-1], open_stages, kind, at, event)
            last = at
            if history.commands:
                history.commands[-1].heard = at
        except (KeyError, TypeError, ValueError, AttributeError):
            continue  # of another version, or no event at all
    _close_lost(history, open_stages, last)
    return history


def _events(folder: Path) -> list[dict[str, Any]]:
    try:
        lines = (folder / HISTORY).read_bytes().splitlines()
    except OSError:
        return []
    events = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # half a line, of a process that was killed
        if isinstance(event, dict):
            events.append(event)
    return events


def _note_stage(
    command: CommandRecord,
    open_stages: dict[str, float],
    kind: str,
    at: float,
    event: dict[str, Any],
) -> None:
    if kind == "stage_started":
        open_stages[event["stage"]] = at
    elif kind == "stage_finished":
        open_stages.pop(event["stage"], None)
        found = StageRecord(
            str(event["stage"]),
            float(event["seconds"]),
            1,
            bool(event["reused"]),
            True,
            event["memory"],
            event["gpu_memory"],
        )
        _add(command, found)
    elif kind == "device":
        command.device = str(event["device"])
    elif kind == "warning":
        command.warnings.append(str(event["message"]))
    elif kind == "finished":
        command.finished = True
    elif kind == "failure":
        command.failure, command.finished = str(event["error"]), False
        if event.get("reached") is not None:
            step, steps = event["reached"]
            command.reached = int(step), int(steps)
        peaks = event.get("memory"), event.get("gpu_memory")
        for name, started in open_stages.items():
            _add(command, StageRecord(name, at - started, 1, False, False, *peaks))
        open_stages.clear()


def _close_lost(history: History, open_stages: dict[str, float], last: float) -> None:
    """What a killed process had begun ends when it was last heard of."""
    if history.commands:
        for name, started in open_stages.items():
            lost = StageRecord(name, max(0.0, last - started), 1, False, False, None, None)
            _add(history.commands[-1], lost)
    open_stages.clear()


def _add(command: CommandRecord, more: StageRecord) -> None:
    """Put a stage to those of its name."""
    for place, each in enumerate(command.stages):
        if each.name == more.name:
            command.stages[place] = StageRecord(
                each.name,
                each.seconds + more.seconds,
                each.times + more.times,
                each.reused and more.reused,
                each.ended and more.ended,
                _larger(each.memory, more.memory),
                _larger(each.gpu_memory, more.gpu_memory),
            )
            return
    command.stages.append(more)


def _larger(one: int | None, other: int | None) -> int | None:
    known = [each for each in (one, other) if each is not None]
    return max(known) if known else None


def _take_back(points: list[Point], step: int) -> None:
    while points and points[-1].step >= step:
        points.pop()
