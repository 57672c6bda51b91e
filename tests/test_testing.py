"""The conformance suite: what it demands of any component, and that the built-ins meet it."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import tifffile
import torch
from attrs import define, frozen
from violations import violated

from neurokit import Loss, Schedule, param
from neurokit.hooks import offered_hooks
from neurokit.registry import Offer, installed
from neurokit.testing import conform, conform_hook

BUILT_IN = [each for each in installed().offers if each.distribution == "neurokit"]
SMALL: dict[str, dict[str, Any]] = {
    "affinity": {"offsets": ((1, 0, 0), (0, -3, 2))},
    "phantom": {"shape": (4, 24, 28), "count": 2},
    "rsunet": {"widths": (4, 6), "kernels": ((1, 3, 3),)},
    "sliding_window": {"window": (4, 16, 16), "pad": (1, 2, 2)},
}


@pytest.mark.parametrize("offer", BUILT_IN, ids=lambda offer: f"{offer.kind}-{offer.name}")
def test_built_in_components_conform(offer: Offer, tmp_path: Path) -> None:
    parameters = SMALL.get(offer.name, {})
    if offer.name == "one_of":
        names = ("flip", "warp")
        parameters = {"choices": tuple(_built_in("augmentation", name) for name in names)}
    if offer.name == "files":
        parameters = {"image": _image(tmp_path), "voxel_size_nm": (30.0, 6.0, 6.0)}
    if offer.name == "several":
        phantom = _built_in("dataset", "phantom", **SMALL["phantom"])
        parameters = {"of": (phantom, phantom)}
    conform(installed().load(offer)(**parameters))


@pytest.mark.parametrize(
    ("kind", "name", "parameters", "surroundings"),
    [
        ("augmentation", "rotate90", {"planes": ("zy",)}, {"shape": (8, 8, 9)}),
        ("decoder", "waterz", {"channels": ("z2", "y3", "x3")}, {}),
        ("decoder", "waterz", {"engine": "package"}, {"shape": (4, 16, 16)}),
        ("inferer", "sliding_window", {"window": (4, 16, 16), "storage": "uint8"}, {}),
        ("inferer", "sliding_window", {"window": (4, 16, 16), "storage": "float16"}, {}),
        ("model", "rsunet", {"widths": (4, 6), "kernels": ((1, 3, 3),)}, {"image_channels": 2}),
    ],
)
def test_they_conform_in_other_settings(
    kind: str, name: str, parameters: dict[str, Any], surroundings: dict[str, Any]
) -> None:
    if name == "rotate90":
        surroundings = {**surroundings, "voxel_size_nm": (6.0, 6.0, 6.0)}
    conform(_built_in(kind, name, **parameters), **surroundings)


@pytest.mark.parametrize("name", [each.name for each in offered_hooks()])
def test_built_in_hooks_conform(name: str) -> None:
    (offer,) = (each for each in offered_hooks() if each.name == name)
    if offer.distribution == "neurokit":
        conform_hook(type(offer.load()))


def _built_in(kind: str, name: str, **parameters: Any) -> Any:
    return installed().component(kind, name)(**parameters)


def _image(folder: Path) -> str:
    path = folder / "image.tif"
    tifffile.imwrite(path, np.arange(7 * 6 * 8, dtype=np.uint16).reshape(7, 6, 8))
    return str(path)


def test_it_imports_neither_pytest_nor_torch_beforehand() -> None:
    code = (
        "import sys, neurokit.testing; "
        "print([each for each in ('pytest', 'torch', 'numpy') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_it_leaves_global_random_numbers_alone() -> None:
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    wanted = torch.rand(2), np.random.random(2), random.random()
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    conform(_built_in("augmentation", "flip"))
    found = torch.rand(2), np.random.random(2), random.random()
    assert torch.equal(wanted[0], found[0])
    assert (wanted[1] == found[1]).all()
    assert wanted[2] == found[2]


@frozen(kw_only=True)
class Constant(Schedule):
    """The base learning rate at every step."""

    def lr(self, step: int, total_steps: int, base_lr: float) -> float:
        return base_lr


def test_a_component_that_is_not_installed_conforms() -> None:
    conform(Constant())


@define(kw_only=True)
class Thawed(Schedule):
    """It can be changed."""

    def lr(self, step: int, total_steps: int, base_lr: float) -> float:
        return base_lr


@define(kw_only=True)
class ThawedWithParameter(Thawed):
    """Its parameter can be changed."""

    size: int = param(1, help="of something")


_NOT_FROZEN = "its class is not frozen; decorate it with attrs.frozen(kw_only=True)"


def test_classes_must_be_frozen() -> None:
    violated(Thawed(), _NOT_FROZEN)
    violated(ThawedWithParameter(), _NOT_FROZEN)


@frozen
class ByPlace(Constant):
    """Its parameters can be given by place."""

    size: int = param(1, help="of something")
    depth: int = param(1, help="of something")


def test_parameters_must_be_given_by_name() -> None:
    violated(
        ByPlace(),
        "its parameters size, depth can be given by place; "
        "decorate its class with attrs.frozen(kw_only=True)",
    )


class Undecorated(Constant):
    """It is no attrs class of its own."""


@frozen(kw_only=True)
class Silent(Constant):
    __doc__ = None


@frozen(kw_only=True)
class Inexpressible(Constant):
    """It has a parameter of a type that TOML lacks."""

    place: Path = param(Path(), help="where")


def test_it_must_be_loadable_from_an_entry_point() -> None:
    violated(
        Undecorated(),
        "it cannot be offered: Undecorated is not an attrs class; decorate it with attrs.frozen",
    )
    violated(
        Silent(),
        "it cannot be offered: Silent has no docstring, whose first line would be its listing",
    )
    violated(
        Inexpressible(),
        "it cannot be offered: its parameter 'place': recipes cannot express the type Path",
    )


def test_its_class_must_be_found_in_its_module() -> None:
    @frozen(kw_only=True)
    class Hidden(Constant):
        """It is made inside of a function."""

    violated(
        Hidden(),
        "its class is defined inside of a function, where no entry point finds it; define Hidden "
        "at module level",
    )


def _of_the_same_name() -> Any:
    @frozen(kw_only=True)
    class Copied(Constant):
        """Its name is that of another."""

    Copied.__qualname__ = "Constant"
    return Copied


def test_its_module_must_be_found() -> None:
    component = attrs.make_class("Made", {}, bases=(Constant,), frozen=True, kw_only=True)
    component.__doc__ = "It is in no module."
    with pytest.raises(AssertionError, match="it cannot be offered: AttributeError: module "):
        conform(component())


def test_its_class_must_be_what_its_name_leads_to() -> None:
    violated(_of_the_same_name()(), "test_testing:Constant is another class of the same name")


@frozen(kw_only=True)
class Both(Schedule, Loss):
    """It is of two kinds."""

    def lr(self, step: int, total_steps: int, base_lr: float) -> float:
        return base_lr

    def build(self, channels: object) -> Any:
        return channels


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (Both(), "Both() is a loss and a schedule"),
        (3, "3 is a component of no kind"),
        (Constant, "<class 'test_testing.Constant'> is a component of no kind"),
    ],
)
def test_it_takes_a_component_of_one_kind(given: Any, what: str) -> None:
    with pytest.raises(AssertionError) as caught:
        conform(given)
    assert str(caught.value) == f"conform takes one component of one kind; {what}"


@frozen(kw_only=True)
class Helpless(Constant):
    """A parameter that says nothing of itself."""

    size: int = attrs.field(default=1)
    depth: int = param(1, help=" ")


@frozen(kw_only=True)
class Part:
    """A table of settings."""

    size: int = attrs.field(default=1)


@frozen(kw_only=True)
class HelplessInside(Constant):
    """Parameters of its tables that say nothing of themselves."""

    part: Part = param(factory=Part, help="a part")
    parts: tuple[Part, ...] = param((Part(),), help="many")
    named: dict[str, Part] = param(factory=lambda: {"first": Part()}, help="some")


def _no_help(name: str) -> str:
    return f"its parameter '{name}' has no help; declare it by neurokit.param(..., help=\"...\")"


def test_parameters_must_have_help() -> None:
    violated(Helpless(), _no_help("size"), _no_help("depth"))
    inside = ("part.size", "parts.0.size", "named.first.size")
    violated(HelplessInside(), *map(_no_help, inside))


@frozen(kw_only=True)
class Unpicklable(Constant):
    """It cannot be sent to another process."""

    def __reduce__(self) -> Any:
        raise pickle.PicklingError("it stays here")


@frozen(kw_only=True)
class Forgetful(Constant):
    """Pickling loses what it was given."""

    size: int = param(1, help="of something")

    def __reduce__(self) -> Any:
        return Forgetful, ()

    def __copy__(self) -> Forgetful:
        return self

    def __deepcopy__(self, memo: object) -> Forgetful:
        return self


@frozen(kw_only=True)
class ForgetfulCopy(Constant):
    """Copying loses what it was given."""

    size: int = param(1, help="of something")

    def __copy__(self) -> ForgetfulCopy:
        return ForgetfulCopy()


def test_it_must_survive_pickling_and_copying() -> None:
    violated(Unpicklable(), "pickling raises PicklingError: it stays here")
    violated(Forgetful(size=2), "it does not equal itself after pickling and unpickling")
    violated(ForgetfulCopy(size=2), "it does not equal its copy")


@frozen(kw_only=True)
class UnsaidNone(Constant):
    """None cannot be said in a recipe, so only a default can be None."""

    size: int | None = param(3, help="of something")


@frozen(kw_only=True)
class Mistyped(Constant):
    """Its default is of another type than it says."""

    size: int = param(2.5, help="of something")


@frozen(kw_only=True)
class Unwritable(Constant):
    """Its default cannot be written as TOML."""

    sizes: tuple[int | None, ...] = param((1, None), help="of something")


def test_it_must_survive_a_recipe() -> None:
    violated(
        UnsaidNone(size=None),
        "a recipe does not give the same component back: 'size' is 3 instead of None",
    )
    violated(Mistyped(), "a recipe with its own parameters is refused: must be an integer, not 2.5")
    violated(
        Unwritable(),
        "writing its parameters as TOML raises TypeError: "
        "Object of type 'NoneType' is not TOML serializable",
    )


@frozen(kw_only=True, eq=False)
class Unequal(Schedule):
    """No two of it are equal."""

    def lr(self, step: int, total_steps: int, base_lr: float) -> float:
        return base_lr


def test_it_must_have_an_equality() -> None:
    violated(
        Unequal(),
        "it does not equal itself after pickling and unpickling",
        "it does not equal its copy",
        "a recipe does not give the same component back: the two are not equal",
    )


@frozen(kw_only=True)
class MeaninglessBounds(Constant):
    """Bounds of what is no number."""

    low: str = param("a", help="a word", low=3)
    high: bool = param(True, help="whether", high=3)
    choice: tuple[int, ...] = param((1,), help="numbers", choices=(1, "many"))
    mode: float = param(1.0, help="a number", above=0, below=5)


@frozen(kw_only=True)
class UncheckedBounds(Constant):
    """Bounds that do not reach into a dict."""

    shares: dict[str, float] = param(factory=dict, help="by name", low=0, high=1)


def test_bounds_must_hold() -> None:
    violated(
        MeaninglessBounds(),
        "its parameter 'low' has the lower bound 3, which means nothing for its type",
        "its parameter 'high' has the upper bound 3, which means nothing for its type",
        "its parameter 'choice' allows 'many', which its type refuses",
    )
    violated(
        UncheckedBounds(),
        "its parameter 'shares' has the lower bound 0, and {'key': -1} is not refused",
        "its parameter 'shares' has the upper bound 1, and {'key': 2} is not refused",
    )


@frozen(kw_only=True)
class Divides(Constant):
    """It fails at a value that its bounds allow."""

    size: int = param(1, help="of something", low=0)

    def __attrs_post_init__(self) -> None:
        1 / self.size


def test_what_bounds_allow_must_work_or_be_refused_as_a_problem() -> None:
    violated(Divides(), "a recipe with size = 0 raises ZeroDivisionError: division by zero")


@frozen(kw_only=True)
class Bounded(Constant):
    """Every way of bounding a parameter, and all of them hold."""

    number: float = param(0.5, help="a share", low=0, high=1)
    above: int = param(1, help="a count", above=0, below=3)
    fraction: int = param(2, help="a count", low=1.5, high=2.5)
    numbers: tuple[float, float] | None = param(None, help="two", low=0, high=1)
    many: tuple[tuple[int, int], ...] = param((), help="pairs", low=1)
    word: str = param("a", help="a word", choices=("a", "b"))
    level: int = param(1, help="a level", choices=(1, 2))
    whole: int = param(2, help="a count", low=1.0, high=3.0)
    either: int | str = param("all", help="a number or all", low=0)


def test_bounds_that_hold_pass() -> None:
    conform(Bounded())
    conform(Bounded(numbers=(0.0, 1.0), either=3))


@frozen(kw_only=True)
class Remembers(Constant):
    """It keeps what it was asked in itself."""

    seen: dict[str, int] = param(factory=dict, help="what it was asked")

    def lr(self, step: int, total_steps: int, base_lr: float) -> float:
        self.seen["step"] = step
        return base_lr


def test_work_must_not_change_the_component() -> None:
    violated(Remembers(), "its work changes the component itself")


def test_everything_that_is_wrong_is_told_at_once() -> None:
    violated(
        Thawing(),
        _NOT_FROZEN,
        _no_help("size"),
        "lr of step 0 of 1 raises RuntimeError: no rate",
    )


@define(kw_only=True)
class Thawing(Schedule):
    """It can be changed, says nothing of its parameter, and does not work."""

    size: int = attrs.field(default=1)

    def lr(self, step: int, total_steps: int, base_lr: float) -> float:
        raise RuntimeError("no rate")
