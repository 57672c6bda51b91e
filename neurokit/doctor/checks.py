"""All checks, in the order in which they are shown, and how they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from attrs import frozen

from neurokit.doctor import device, disk, machine, software, terminal
from neurokit.doctor.findings import Finding, State, broken, warning


@frozen
class Check:
    """Something to look at.

    Attributes:
        name: of the line.
        run: looks.
        needed: neurokit does not work where this cannot even be looked at.
    """

    name: str
    run: Callable[[], Finding]
    needed: bool = False


@frozen
class Line:
    """What a check found, to be shown.

    Attributes:
        name: of the check.
        state: as in a `Finding`.
        what: is so.
        advice: what to do; empty where nothing is wrong.
    """

    name: str
    state: State
    what: str
    advice: str


DISK = Check("disk speed", disk.speed)
ALL = (
    Check("neurokit", software.neurokit),
    Check("python", software.python),
    Check("system", software.system),
    Check("libraries", software.libraries, needed=True),
    Check("plugins", software.plugins),
    Check("viewer", software.viewer),
    Check("torch", device.torch, needed=True),
    Check("gpu", device.gpus),
    Check("precision", device.precision),
    Check("convolution", device.convolution, needed=True),
    Check("decoding", software.decoding, needed=True),
    Check("compiled code", software.compiled_code),
    Check("cores", machine.cores),
    Check("memory", machine.memory),
    Check("shared memory", machine.shared_memory),
    Check("outputs", disk.outputs, needed=True),
    Check("disk space", disk.space),
    DISK,
    Check("hdf5 locking", disk.hdf5_locking),
    Check("terminal", terminal.terminal),
)


def examine(checks: Iterable[Check] = ALL) -> Iterator[Line]:
    """Run checks one after the other; a line for each as soon as it is known.

    Text is made fit to be shown to others: in one line, and the home folder as `~`.
    """
    for check in checks:
        try:
            found = check.run()
        except Exception as error:  # whatever a broken installation raises
            found = _failed(check, error)
        yield Line(check.name, found.state, _shown(found.what), _shown(found.advice))


def _failed(check: Check, error: Exception) -> Finding:
    what = f"this check failed: {type(error).__name__}: {error}"
    advice = "mend what is broken above first; if this stays, report it with this line"
    return broken(what, advice) if check.needed else warning(what, advice)


def _shown(text: str) -> str:
    home = str(Path.home())
    line = " ".join(text.split())
    return line if home in ("/", "") else line.replace(home, "~")
