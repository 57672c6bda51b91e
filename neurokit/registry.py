"""Registry: which components the installed distributions offer, found lazily, loaded singly.

Finding reads the entry points' metadata and imports nothing. Loading imports one component, and a
component that cannot be loaded is a record with its error: it troubles only who asks for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

import attrs

from neurokit.errors import NeurokitError
from neurokit.kinds import KINDS, Kind, group_of
from neurokit.structuring import make_converter


@attrs.frozen
class Offer:
    """One entry point: a name that a distribution offers under a kind."""

    kind: str
    name: str
    distribution: str
    version: str
    entry_point: EntryPoint = attrs.field(repr=False)

    @property
    def origin(self) -> str:
        """Distribution and version, for messages."""
        return f"{self.distribution} {self.version}"


class Registry:
    """The components on offer.

    Args:
        found: the entry points to choose from; by default those of every installed distribution.
    """

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        listed = None if found is None else list(found)
        offers = [
            Offer(kind, each.name, *_distribution(each), each)
            for kind in KINDS
            for each in _in_group(group_of(kind), listed)
        ]
        order = list(KINDS)
        self.offers = sorted(
            offers, key=lambda each: (order.index(each.kind), each.name, each.distribution)
        )
        self._loaded: dict[Offer, type[Kind] | NeurokitError] = {}
        self._names: dict[type[Kind], str] = {}

    def find(self, kind: str, use: str) -> Offer:
        """The offer that `use = "name"` or `use = "distribution:name"` means.

        Raises:
            NeurokitError: there is none, it is of another kind, or several distributions offer it.
        """
        distribution, _, name = use.rpartition(":")
        named = [
            offer
            for offer in self.offers
            if offer.name == name and distribution in ("", offer.distribution)
        ]
        matches = [offer for offer in named if offer.kind == kind]
        if len(matches) == 1:
            return matches[0]
        if matches:
            choices = " or ".join(f"'{offer.distribution}:{name}'" for offer in matches)
            raise NeurokitError(
                f"{_article(kind)} '{name}' is offered by "
                f"{' and '.join(offer.origin for offer in matches)}; use {choices}"
            )
        raise NeurokitError(self._why_not(kind, use, named))

    def _why_not(self, kind: str, use: str, named: list[Offer]) -> str:
        known = sorted({offer.name for offer in self.offers if offer.kind == kind})
        installed = f"installed: {', '.join(known) or 'none'}"
        if named:
            return f"'{use}' is {_article(named[0].kind)}, not {_article(kind)}; {installed}"
        near = get_close_matches(use.rpartition(":")[2], known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else installed
        return f"unknown {kind} {use!r}; {hint}"

    def component(self, kind: str, use: str) -> type[Kind]:
        """The component class that `use` names.

        Raises:
            NeurokitError: it is not there, or it cannot be loaded.
        """
        return self.load(self.find(kind, use))

    def load(self, offer: Offer) -> type[Kind]:
        """Import an offer and check that it is a component of its kind; done once an offer.

        Raises:
            NeurokitError: importing failed, or what was imported is no such component.
        """
        if offer not in self._loaded:
            self._loaded[offer] = self._try_loading(offer)
        loaded = self._loaded[offer]
        if isinstance(loaded, NeurokitError):
            raise loaded
        return loaded

    def _try_loading(self, offer: Offer) -> type[Kind] | NeurokitError:
        try:
            loaded = offer.entry_point.load()
            problem = _unfit(loaded, offer.kind)
            if problem is None:
                make_converter(self.component).get_structure_hook(loaded)
        except NeurokitError as error:
            problem = str(error)
        except (Exception, SystemExit) as error:
            # Whatever a plugin's module raises on import is that plugin's trouble alone.
            problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if problem is not None:
            return NeurokitError(
                f"{offer.kind} '{offer.name}' of {offer.origin} cannot be loaded: {problem}"
            )
        clash = [
            each for each in self.offers if each.kind == offer.kind and each.name == offer.name
        ]
        self._names[loaded] = (
            offer.name if len(clash) == 1 else f"{offer.distribution}:{offer.name}"
        )
        component: type[Kind] = loaded
        return component

    def name_of(self, component: type[Kind]) -> str:
        """What a recipe's `use` says to get a component.

        Raises:
            NeurokitError: no distribution offers it.
        """
        # One that was made in Python, or by a factory of another, may not be loaded yet.
        unseen = (offer for offer in self.offers if issubclass(component, KINDS[offer.kind]))
        while component not in self._names:
            offer = next(unseen, None)
            if offer is None:
                raise NeurokitError(
                    f"a recipe cannot name {component.__name__}: no installed distribution offers "
                    f"it as {_article(component.kind)}"
                )
            with suppress(NeurokitError):
                self.load(offer)
        return self._names[component]


def _in_group(group: str, found: list[EntryPoint] | None) -> Iterable[EntryPoint]:
    if found is None:
        return entry_points(group=group)
    return [each for each in found if each.group == group]


def _distribution(entry_point: EntryPoint) -> tuple[str, str]:
    if entry_point.dist is None:
        return "unknown", "?"
    return entry_point.dist.name, entry_point.dist.version


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _unfit(loaded: object, kind: str) -> str | None:
    """Why something imported is not a component of the kind, or None."""
    if not isinstance(loaded, type):
        return f"{loaded!r} is not a class"
    kinds = [name for name, each in KINDS.items() if issubclass(loaded, each)]
    if kinds != [kind]:
        derived = " and ".join(_article(name) for name in kinds) or "of no kind"
        return f"{loaded.__name__} must be {_article(kind)} and is {derived}"
    if "__attrs_attrs__" not in loaded.__dict__:  # `attrs.has` is true of undecorated subclasses
        return f"{loaded.__name__} is not an attrs class; decorate it with attrs.frozen"
    missing = sorted(getattr(loaded, "__abstractmethods__", ()))
    if missing:
        return f"{loaded.__name__} lacks {', '.join(missing)}"
    if not first_line(loaded):
        return f"{loaded.__name__} has no docstring, whose first line would be its listing"
    return None


def first_line(component: type | ModuleType) -> str:
    """The first line of a class's or module's own docstring; empty where it has none."""
    documentation = inspect.cleandoc(component.__dict__.get("__doc__") or "")
    return documentation.splitlines()[0].strip() if documentation else ""


@cache
def installed() -> Registry:
    """The registry of this environment."""
    return Registry()
