"""Finding what distributions offer without importing it, and loading one component at a time."""

from __future__ import annotations

import textwrap
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

from neurokit import NeurokitError
from neurokit.kinds import KINDS
from neurokit.registry import Registry

HEADER = """
from attrs import frozen
import numpy as np
from neurokit import Decoder, Metric, param

class Whole(Decoder):
    def decode(self, prediction):
        return np.zeros(prediction.shape, np.uint8)
"""


class Packages:
    """Throw-away modules, and the metadata of distributions that offer their classes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.syspath_prepend(folder)

    def module(self, name: str, text: str) -> None:
        (self.folder / f"{name}.py").write_text(HEADER + textwrap.dedent(text))

    def offers(self, distribution: str, group: str = "decoder", **names: str) -> list[EntryPoint]:
        info = self.folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.2\n")
        lines = [f"{name} = {value}" for name, value in names.items()]
        text = "\n".join([f"[neurokit.{group}]", *lines])
        (info / "entry_points.txt").write_text(text)
        return list(Distribution.at(info).entry_points)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    return Packages(tmp_path, monkeypatch)


def _error(registry: Registry, kind: str, use: str) -> str:
    with pytest.raises(NeurokitError) as caught:
        registry.component(kind, use)
    return str(caught.value)


def test_finding_imports_nothing_and_loading_imports_once(packages: Packages) -> None:
    marker = packages.folder / "imported"
    packages.module(
        "lazy_plugin",
        f"""
        with open({str(marker)!r}, "a") as file:
            file.write("once ")

        @frozen(kw_only=True)
        class One(Whole):
            '''One for all.'''
        """,
    )
    registry = Registry(packages.offers("lazy-plugin", one="lazy_plugin:One"))
    (offer,) = registry.offers
    assert (offer.kind, offer.name, offer.origin) == ("decoder", "one", "lazy-plugin 1.2")
    assert registry.find("decoder", "one") is offer
    assert registry.find("decoder", "lazy-plugin:one") is offer
    assert not marker.exists()
    loaded = registry.component("decoder", "one")
    assert loaded.__name__ == "One"
    assert registry.component("decoder", "one") is loaded
    assert registry.name_of(loaded) == "one"
    assert marker.read_text() == "once "


def test_a_name_that_two_distributions_offer(packages: Packages) -> None:
    packages.module(
        "two_plugins",
        """
        @frozen(kw_only=True)
        class One(Whole):
            '''One.'''

        @frozen(kw_only=True)
        class Other(Whole):
            '''Another.'''
        """,
    )
    found = packages.offers("first-seg", seg="two_plugins:One")
    found += packages.offers("second-seg", seg="two_plugins:Other", alone="two_plugins:One")
    registry = Registry(found)
    assert _error(registry, "decoder", "seg") == (
        "a decoder 'seg' is offered by first-seg 1.2 and second-seg 1.2; "
        "use 'first-seg:seg' or 'second-seg:seg'"
    )
    assert registry.component("decoder", "alone").__name__ == "One"
    other = registry.component("decoder", "second-seg:seg")
    assert other.__name__ == "Other"
    assert registry.name_of(other) == "second-seg:seg"


def test_names_that_are_not_there(packages: Packages) -> None:
    found = packages.offers("some-seg", waters="nowhere:A", threshold="nowhere:B")
    registry = Registry(found + packages.offers("some-score", "metric", rand="nowhere:C"))
    assert _error(registry, "decoder", "water") == "unknown decoder 'water'; did you mean 'waters'?"
    assert _error(registry, "decoder", "x\n") == (
        "unknown decoder 'x\\n'; installed: threshold, waters"
    )
    assert _error(registry, "metric", "waters") == (
        "'waters' is a decoder, not a metric; installed: rand"
    )
    assert _error(registry, "inferer", "rand") == (
        "'rand' is a metric, not an inferer; installed: none"
    )
    assert _error(registry, "decoder", "other-seg:waters") == (
        "unknown decoder 'other-seg:waters'; did you mean 'waters'?"
    )


UNFIT = {
    "function": ("def unfit(): pass", "{} is not a class"),
    "of_none": (
        "@frozen\nclass unfit:\n    '''Of no kind.'''",
        "unfit must be a decoder and is of no kind",
    ),
    "of_another": (
        "@frozen\nclass unfit(Metric):\n    '''Another kind.'''",
        "unfit must be a decoder and is a metric",
    ),
    "of_two": (
        "@frozen\nclass unfit(Whole, Metric):\n    '''Two kinds.'''",
        "unfit must be a decoder and is a decoder and a metric",
    ),
    "plain": (
        "class unfit(Whole):\n    '''Not of attrs.'''",
        "unfit is not an attrs class; decorate it with attrs.frozen",
    ),
    "undecorated": (
        "@frozen\nclass Base(Whole):\n    '''A base.'''\nclass unfit(Base):\n    '''Plain.'''",
        "unfit is not an attrs class; decorate it with attrs.frozen",
    ),
    "abstract": (
        "@frozen\nclass unfit(Decoder):\n    '''No work.'''",
        "unfit lacks decode",
    ),
    "silent": (
        "@frozen\nclass unfit(Whole):\n    pass",
        "unfit has no docstring, whose first line would be its listing",
    ),
    "raising": ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
    "exiting": ("raise SystemExit('enough')", "SystemExit: enough"),
    "missing": ("", "AttributeError: module 'missing_plugin' has no attribute 'unfit'"),
}
FIELDS = {
    "complex": "recipes cannot express the type complex",
    "list[int]": "recipes cannot express the type list[int]",
    "np.ndarray": "recipes cannot express the type ndarray",
    "tuple[complex, ...]": "recipes cannot express the type complex",
    "int | bytes": "recipes cannot express the type bytes",
    "dict[int, str]": "recipes cannot express the type dict[int, str]",
    "tuple[()]": "recipes cannot express the type tuple[()]",
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_is_no_component_is_told_and_hurts_no_other(packages: Packages, name: str) -> None:
    text, problem = UNFIT[name]
    packages.module(f"{name}_plugin", text)
    packages.module(f"{name}_sound", "@frozen\nclass Sound(Whole):\n    '''Sound.'''")
    found = packages.offers("mixed", unfit=f"{name}_plugin:unfit", sound=f"{name}_sound:Sound")
    registry = Registry(found)
    for _ in range(2):
        told = _error(registry, "decoder", "unfit")
        head = "decoder 'unfit' of mixed 1.2 cannot be loaded: "
        if name == "function":
            assert told.startswith(f"{head}<function unfit at ")
            assert told.endswith("> is not a class")
        else:
            assert told == head + problem
    assert registry.component("decoder", "sound").__name__ == "Sound"


@pytest.mark.parametrize("written", FIELDS)
def test_fields_that_recipes_cannot_express(packages: Packages, written: str) -> None:
    name = f"fields{list(FIELDS).index(written)}"
    packages.module(
        name, f"@frozen\nclass A(Whole):\n    '''A.'''\n    odd: {written} = param(None, help='')"
    )
    registry = Registry(packages.offers("odd", a=f"{name}:A"))
    assert _error(registry, "decoder", "a") == (
        f"decoder 'a' of odd 1.2 cannot be loaded: its parameter 'odd': {FIELDS[written]}"
    )


def test_a_component_as_a_field_must_be_a_kind(packages: Packages) -> None:
    packages.module(
        "nested_plugin",
        """
        @frozen(kw_only=True)
        class Inner(Whole):
            '''Inner.'''

        @frozen(kw_only=True)
        class Fixed(Whole):
            '''Holds one class.'''
            inner: Inner = param(factory=Inner, help="")

        @frozen(kw_only=True)
        class Free(Whole):
            '''Holds any decoder.'''
            inner: Decoder = param(factory=Inner, help="")
        """,
    )
    names = {name.lower(): f"nested_plugin:{name}" for name in ("Fixed", "Free", "Inner")}
    registry = Registry(packages.offers("nested", **names))
    assert _error(registry, "decoder", "fixed") == (
        "decoder 'fixed' of nested 1.2 cannot be loaded: its parameter 'inner': "
        "recipes cannot express the type Inner"
    )
    free = registry.component("decoder", "free")()
    # Nobody has asked for `inner` yet: it came from a factory.
    assert registry.name_of(type(free.inner)) == "inner"  # type: ignore[attr-defined]


def test_components_that_nobody_offers_have_no_name(packages: Packages) -> None:
    packages.module("hidden_plugin", "@frozen\nclass Hidden(Whole):\n    '''Hidden.'''")
    import hidden_plugin  # type: ignore[import-not-found]

    with pytest.raises(NeurokitError) as caught:
        Registry(packages.offers("broken", gone="nowhere:Gone")).name_of(hidden_plugin.Hidden)
    assert str(caught.value) == (
        "a recipe cannot name Hidden: no installed distribution offers it as a decoder"
    )


def test_an_entry_point_without_a_distribution() -> None:
    registry = Registry([EntryPoint("lone", "nowhere:Lone", "neurokit.loss")])
    assert registry.offers[0].origin == "unknown ?"
    assert Registry([]).offers == []


def test_every_component_of_this_package_loads() -> None:
    registry = Registry()
    ours = [offer for offer in registry.offers if offer.distribution == "neurokit"]
    assert {offer.kind for offer in ours} == set(KINDS)
    for offer in ours:
        assert issubclass(registry.load(offer), KINDS[offer.kind])
