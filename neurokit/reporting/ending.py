"""Ending: how a run ended that did not do all that it was asked for, and how to go on."""

from __future__ import annotations

import shlex
from pathlib import Path

from attrs import frozen

from neurokit.reporting import words
from neurokit.reporting.history import CommandRecord, History

_INTERRUPTED = ("KeyboardInterrupt", "StopRequested: stopped by SIGINT")
_STOPPED = "StopRequested: stopped by "


@frozen
class Ending:
    """How the last command of a run ended too early.

    Attributes:
        how: it ended, in a few words.
        where: the stage, and the step of a training; empty where that is not known.
        when: it ended, or was last heard of, in words.
        error: its line; empty where there was none.
        before: what comes before the command that goes on, in words.
        again: that command; empty where it is not known.
    """

    how: str
    where: str
    when: str
    error: str
    before: str
    again: str


def ending(folder: Path, history: History) -> Ending | None:
    """How a run's last command ended; None where it did all that it was asked for.

    One that noted no end still runs, or was killed.

    Args:
        folder: of the run.
        history: of it.
    """
    if not history.commands:
        return None
    last = history.commands[-1]
    if last.finished or (last.failure is None and all(stage.ended for stage in last.stages)):
        return None
    when, again = words.moment(last.heard), _going_on(folder, last)
    if last.failure is None:
        how, error, when = "still running, or killed", "", f"last heard of {when}"
        before = "If nothing runs any more, go on with"
    else:
        how, error = in_words(last.failure)
        before = "Once the cause is mended, go on with" if error else "Go on with"
    return Ending(how, _where(last), when, error, before, again)


def in_words(failure: str) -> tuple[str, str]:
    """How a command ended that failed with this error, and the error's line where it is one."""
    if failure.startswith(_INTERRUPTED):
        return "interrupted", ""
    if failure.startswith(_STOPPED):
        return f"stopped by {failure.removeprefix(_STOPPED)}", ""
    return "ended with an error", failure.removeprefix("NeurokitError: ")


def _where(command: CommandRecord) -> str:
    """The stage that did not end, and how far a training was."""
    stages = [stage.name for stage in command.stages if not stage.ended]
    if not stages:
        return ""
    if stages[-1] == "train" and command.reached is not None:
        step, steps = command.reached
        return f"in train, at step {step:,} of {steps:,}"
    return f"in {stages[-1]}"


def _going_on(folder: Path, command: CommandRecord) -> str:
    """The command that goes on with what a command did; empty where that is not known."""
    if command.mode == "tune":
        # A study is gone on with only by the same recipe and settings.
        given = shlex.split(command.command)
        if given[:2] != ["neurokit", "run"]:
            return ""
        resumes = any(each.partition("=")[0] == "--resume" for each in given)
        return shlex.join([*given, *([] if resumes else ["--resume", str(folder)])])
    if not command.mode:
        return ""
    mode = [] if command.mode == "all" else ["--mode", command.mode]
    return shlex.join(["neurokit", "run", "--resume", str(folder), *mode])
