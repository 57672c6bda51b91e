"""What installed packages bring along, found without importing any: recipes, weights and names."""

from __future__ import annotations

import json
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from neurokit.errors import NeurokitError

_GROUPS = "neurokit."
# Bytes; safetensors writes no longer one.
_LONGEST_HEADER = 100_000_000


def shipped_recipes() -> dict[str, Path]:
    """The recipes of neurokit and of its plugins, by the name that `neurokit run` takes.

    Looked for in the packages that offer components or hooks, at their top and in `recipes/`.
    """
    found: dict[str, Path] = {}
    for package in packages():
        for folder in _folders(package):
            for file in sorted(folder.glob("*.toml")):
                found.setdefault(f"{package}:{file.name}", file)
    return found


def shipped_weights() -> dict[str, Path]:
    """The trained networks of neurokit and of its plugins, by their full names."""
    found: dict[str, Path] = {}
    for package in packages():
        for folder in weights_folders(package):
            for file in sorted(folder.glob("*.safetensors")):
                found.setdefault(f"{package}:{file.stem}", file)
    return found


@attrs.frozen
class WeightsOffer:
    """A trained network that an installed distribution brings along.

    Attributes:
        name: of the file, without its ending.
        package: that holds the file, by the name that Python imports.
        distribution: that installed the package.
        version: of the distribution.
        file: of the weights.
    """

    name: str
    package: str
    distribution: str
    version: str
    file: Path

    @property
    def kind(self) -> str:
        """What it is listed as, beside the kinds of components."""
        return "weights"

    def title(self) -> str:
        """What the weights are, as their file says it; of that, only the header is read.

        Raises:
            NeurokitError: the file is damaged.
        """
        try:
            with self.file.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                header: Any = json.loads(file.read(min(length, _LONGEST_HEADER)))
            title = header.get("__metadata__", {}).get("title") or self.name
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            raise NeurokitError(f"{self.file} is damaged: install {self.origin} again") from error
        return str(title).removeprefix(f"{self.name}: ")

    def card(self) -> str:
        """The model card that lies beside the file; where there is none, only what it is.

        Raises:
            NeurokitError: it cannot be read.
        """
        try:
            return self.file.with_suffix(".md").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return f"# {self.name}: {self.title()}\n\n{self.file} has no card beside it."
        except (OSError, ValueError) as error:
            raise NeurokitError(
                f"the card of {self.file} cannot be read: install {self.origin} again"
            ) from error

    @property
    def origin(self) -> str:
        """Distribution and version, for messages."""
        return f"{self.distribution} {self.version}"


def offered_weights() -> list[WeightsOffer]:
    """The trained networks of neurokit and of its plugins, by name."""
    distributions = {each.module.split(".")[0]: each.dist for each in _points()}
    offers = []
    for full, file in shipped_weights().items():
        package, _, name = full.partition(":")
        its = distributions.get(package)
        origin = (its.name, its.version) if its is not None else ("unknown", "?")
        offers.append(WeightsOffer(name, package, *origin, file))
    return sorted(offers, key=lambda offer: (offer.name, offer.package))


def weights_folders(package: str) -> list[Path]:
    """Where a package may have trained networks; nowhere if it is not installed."""
    return [place / "weights" for place in _places(package)]


def nearest_recipes(name: str) -> list[str]:
    """What somebody may have meant who named a file that is not there.

    A file of that name in `recipes/` here, or recipes of that name that packages ship, with or
    without its `.toml`; else one whose name is nearly that.
    """
    file = Path(name.rpartition(":")[2]).name.removesuffix(".toml") + ".toml"
    around = [Path(name).with_name(file), *sorted(Path("recipes").glob("*.toml"))]
    here = {each.name: str(each) for each in around if each.is_file()}
    if file in here:
        return [here[file]]
    shipped = {each: each.partition(":")[2] for each in shipped_recipes()}
    if same := [each for each, its_file in shipped.items() if its_file == file]:
        return same
    package = name.rpartition(":")[0]
    if package and not _places(package):
        return []  # it is not the file's name that is wrong
    known = {its_file: each for each, its_file in shipped.items()} | here
    return [known[each] for each in get_close_matches(file, known, n=1, cutoff=0.8)]


def offered_names(kind: str | None = None) -> list[str]:
    """The names of the installed components and hooks, or of those of a kind."""
    return sorted({each.name for each in _points() if kind in (None, each.group.partition(".")[2])})


def _points() -> list[EntryPoint]:
    found = entry_points()
    groups = [group for group in found.groups if group.startswith(_GROUPS)]
    return [each for group in groups for each in found.select(group=group)]


def packages() -> list[str]:
    """The packages of all plugins; neurokit's own comes first."""
    packages = sorted(each.module.split(".")[0] for each in _points())
    return list(dict.fromkeys(["neurokit", *packages]))


def _places(package: str) -> list[Path]:
    """Where a package lies; nowhere if it is a single module, or broken."""
    try:
        spec = find_spec(package)  # of a package at the top, which imports nothing
    except (ImportError, ValueError):
        return []
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []


def _folders(package: str) -> list[Path]:
    """Where a package may have recipes."""
    places = _places(package)
    folders = [each for place in places for each in (place / "recipes", place)]
    if package == "neurokit":
        # In a source tree they lie beside the package, into which a wheel puts them.
        folders += [place.parent / "recipes" for place in places]
    return folders
