"""Checks of what is installed."""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from neurokit.doctor.findings import Finding, broken, fine, warning
from neurokit.errors import NeurokitError, first_line

# What is imported where a number is computed: modules, in the order of their names.
_LOADED = ("cattrs", "h5py", "numba", "numpy", "optuna", "scipy", "tifffile", "waterz", "zarr")


def neurokit() -> Finding:
    """Which neurokit this is, and where from."""
    import neurokit as package

    place = Path(package.__file__).parent
    try:
        installed = distribution("neurokit")
    except PackageNotFoundError:
        return warning(
            f"not installed, imported from {place}",
            "install it, so that its components and plugins are found: pip install .",
        )
    return fine(f"{installed.version}, {_origin(installed) or 'installed'}, in {place}")


def _origin(installed: Distribution) -> str:
    """Where pip got it, as far as it noted that; nothing that stands before an @ in an address."""
    noted = installed.read_text("direct_url.json")
    if noted is None:
        return ""
    origin = json.loads(noted)
    if origin.get("dir_info", {}).get("editable"):
        return "editable"
    address = urlsplit(origin["url"])
    if address.scheme == "file":
        return f"from {unquote(address.path)}"
    commit = origin.get("vcs_info", {}).get("commit_id", "")
    return f"from {address.hostname}{address.path} {commit[:10]}".rstrip()


def python() -> Finding:
    """Which Python runs."""
    apart = "" if sys.prefix != sys.base_prefix else ", no virtual environment"
    if Path(sys.prefix, "conda-meta").is_dir():
        apart = ", conda"
    what = f"{platform.python_version()} {platform.python_implementation()}, {sys.prefix}{apart}"
    if sys.maxsize < 2**32:
        return broken(f"{what}, 32 bits", "use a Python of 64 bits: volumes need the memory")
    return fine(what)


def system() -> Finding:
    """Which operating system this is."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    parts = [name, platform.system(), platform.release(), platform.machine()]
    what = " ".join(part for part in parts if part)
    if sys.platform == "win32":
        return warning(what, "neurokit is tested on Linux; on Windows, use WSL 2")
    return fine(what)


def libraries() -> Finding:
    """Whether what neurokit needs is installed, new enough, and loads."""
    problems = [problem for each in _requirements() if (problem := _problem(*each))]
    if problems:
        return broken(
            "; ".join(problems), "install neurokit again, so that pip brings what it needs"
        )
    failures = []
    for name in _LOADED:
        try:
            import_module(name)
        except Exception as error:  # two libraries that do not fit fail in many ways
            failures.append(f"{name} cannot be loaded: {first_line(error)}")
    if failures:
        return broken(
            "; ".join(failures),
            "take the versions that the tests ran with: pip install . -c constraints.txt",
        )
    import h5py

    versions = [f"{name} {version(name)}" for name in _LOADED]
    return fine(", ".join([*versions, f"HDF5 {h5py.version.hdf5_version}"]))


def _requirements() -> list[tuple[str, str]]:
    """What neurokit needs always, and the lowest version of each."""
    found = []
    for each in distribution("neurokit").requires or []:
        match = re.fullmatch(r"([\w.-]+)>=([\d.]+)", each)
        if match is not None:  # those of extras have a condition behind them
            found.append((match[1], match[2]))
    return found


def _problem(name: str, lowest: str) -> str | None:
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} is not installed"
    if _numbers(found) < _numbers(lowest):
        return f"{name} is {found}, and neurokit needs {lowest} or newer"
    return None


def _numbers(text: str) -> tuple[int, ...]:
    """The release of a version: 3.1.6rc1+cpu is 3, 1, 6; zeros at its end say nothing."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    numbers = [int(part) for part in match[0].split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def plugins() -> Finding:
    """Which packages offer components, and which of these cannot be loaded."""
    from neurokit.hooks import offered_hooks
    from neurokit.registry import Registry

    registry = Registry()
    counts: dict[str, int] = {}
    problems = []
    hooks: list[tuple[str, Callable[[], object]]] = [
        (f"{hook.distribution} {hook.version}", hook.load) for hook in offered_hooks()
    ]
    offers: list[tuple[str, Callable[[], object]]] = [
        (offer.origin, partial(registry.load, offer)) for offer in registry.offers
    ]
    for origin, load in [*offers, *hooks]:
        counts[origin] = counts.get(origin, 0) + 1
        try:
            load()
        except NeurokitError as error:
            problems.append(str(error))
    own = [origin for origin in counts if origin.partition(" ")[0] == "neurokit"]
    listed = ", ".join(f"{origin} ({count} components)" for origin, count in counts.items())
    if not own:
        return broken(
            f"neurokit's own components are not found; found: {listed or 'none'}",
            "install neurokit again: pip install . in its folder",
        )
    if problems:
        return warning(
            f"{'; '.join(problems)} (installed: {listed})",
            "mend or uninstall these packages; recipes that do not name them run",
        )
    return fine(listed)


def viewer() -> Finding:
    """What `neurokit view` can use."""
    parts = []
    for name, install in (("neuroglancer", "neuroglancer"), ("napari", '"napari[all]"')):
        there = find_spec(name) is not None
        parts.append(f"{name} {version(name)}" if there else f"no {name} (pip install {install})")
    return fine(", ".join(parts))


def decoding() -> Finding:
    """Whether two blocks with a wall between them are decoded as two neurons."""
    import numpy as np

    from neurokit.channels import Channel
    from neurokit.prediction import Prediction
    from neurokit.registry import installed

    affinities_CZYX = np.full((3, 3, 8, 10), 0.95, np.float32)
    affinities_CZYX[:, :, :, 5] = 0.05  # what joins x = 4 to x = 5, and the voxels of the wall
    channels = tuple(
        Channel(name, "sigmoid", offset)
        for name, offset in (("z1", (1, 0, 0)), ("y1", (0, 1, 0)), ("x1", (0, 0, 1)))
    )
    decoder = installed().component("decoder", "waterz")()
    labels_ZYX = decoder.decode(Prediction(affinities_CZYX, channels))  # type: ignore[attr-defined]
    left, right = np.unique(labels_ZYX[:, :, :5]), np.unique(labels_ZYX[:, :, 6:])
    if len(left) == len(right) == 1 and 0 not in (left[0], right[0]) and left[0] != right[0]:
        return fine("two blocks are two neurons")
    return broken(
        f"two blocks with a wall between them are decoded as ids {left.tolist()} and "
        f"{right.tolist()}",
        "take the versions that the tests ran with: pip install . -c constraints.txt",
    )


def compiled_code() -> Finding:
    """Whether machine code is kept for the next time."""
    from neurokit.graph import compiled

    folder = compiled.cache_folder()
    if folder is None:
        return warning(
            "no folder for compiled code can be written, so decoding compiles anew in each process",
            "set XDG_CACHE_HOME or NUMBA_CACHE_DIR to a folder that can be written",
        )
    return fine(f"kept in {folder}")
