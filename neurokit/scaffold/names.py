"""Names: what a new plugin and its parts are called, and whether that does."""

from __future__ import annotations

import keyword
import re
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec

from attrs import frozen

import neurokit
from neurokit.errors import NeurokitError, UsageError
from neurokit.hooks import offered_hooks
from neurokit.registry import installed

_PREFIX = "neurokit-"
_RESERVED = ("test", "tests")  # as folders of tests are called, which are not always found
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@frozen
class Names:
    """What is derived from the name of a plugin.

    Attributes:
        given: lower-case words of letters and digits, joined by hyphens, as PEP 503 has them.
    """

    given: str

    @property
    def name(self) -> str:
        """What recipes say in `use`."""
        return self.given.replace("-", "_")

    @property
    def distribution(self) -> str:
        """What pip installs."""
        return _PREFIX + self.given

    @property
    def package(self) -> str:
        """What Python imports."""
        return self.distribution.replace("-", "_")

    @property
    def class_name(self) -> str:
        """The component."""
        return "".join(word.capitalize() for word in self.given.split("-"))


def check_names(names: Names, kind: str, text: str) -> None:
    """Refuse names that do not do, or are taken.

    Args:
        names: of the plugin.
        kind: of its component.
        text: of the templates, whose own names the component's class must not hide.

    Raises:
        UsageError: such a name never does; with what to do instead.
        NeurokitError: it is taken.
    """
    given = names.given
    if given.startswith(_PREFIX):
        raise UsageError(
            f"leave out '{_PREFIX}', which is put before every name: {given.removeprefix(_PREFIX)}"
        )
    if not _NAME.fullmatch(given):
        raise UsageError(f"{given!r} does not do as a name{_instead(given)}")
    for word in (names.name, names.class_name):
        if keyword.iskeyword(word):
            raise UsageError(f"'{word}' is a word of Python's own; choose another name")
    if names.name in _RESERVED or find_spec(names.name) is not None:
        raise NeurokitError(
            f"'{names.name}' is the name of a package that Python imports already; choose another "
            f"name"
        )
    if re.search(rf"\b{names.class_name}\b", text) or names.class_name in neurokit.__all__:
        raise UsageError(
            f"the class {names.class_name} would hide one of that name; choose another name"
        )
    offers = offered_hooks() if kind == "hook" else installed().offers
    for offer in offers:
        if (offer.kind, offer.name) == (kind, names.name):
            raise NeurokitError(
                f"{offer.distribution} offers the {kind} '{names.name}' already; "
                f"choose another name"
            )
    if _is_installed(names):
        raise NeurokitError(f"{names.distribution} is installed already; choose another name")


def _instead(given: str) -> str:
    """A name close by that does, in words; where there is none, what names are made of."""
    near = re.sub(r"[^a-z0-9]+", "-", given.lower()).strip("-")
    if _NAME.fullmatch(near):
        return f"; did you mean '{near}'?"
    return ": it takes lower-case letters, digits and single hyphens, and begins with a letter"


def _is_installed(names: Names) -> bool:
    try:
        distribution(names.distribution)
    except PackageNotFoundError:
        return find_spec(names.package) is not None
    return True
