"""Hooks: what a run tells whoever listens.

A hook plugin is a class or a module, offered under the entry-point group `neurokit.hook`, with any
of the functions below marked `@hookimpl`. It takes those of the arguments that it needs::

    from neurokit import hookimpl

    class Bell:
        @hookimpl
        def run_finished(self, scores): print("\\a")

Progress bars and logs are hook plugins; the engine knows none of them. A class is made anew for
each run. A hook that raises ends the run with one line that names it; one that raises when the run
has failed already is only logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import attrs
import pluggy

from neurokit.errors import NeurokitError

if TYPE_CHECKING:
    from neurokit.previews import Preview
    from neurokit.run_folder import Run

log = logging.getLogger("neurokit")

GROUP = "neurokit.hook"

hookspec = pluggy.HookspecMarker("neurokit")
hookimpl = pluggy.HookimplMarker("neurokit")


class Specification:
    """Every hook, in the order in which a run calls them."""

    @hookspec
    def run_started(self, run: Run) -> None:
        """The run's folder is there and its recipe is resolved; nothing has been computed."""

    @hookspec
    def stage_started(self, run: Run, stage: str) -> None:
        """`stage` is prepare, train, infer, decode, evaluate, thresholds or tune."""

    @hookspec
    def progress(self, run: Run, stage: str, what: str, done: int, total: int) -> None:
        """`done` of `total` pieces of the stage are finished; `what` names them ("windows")."""

    @hookspec
    def step(self, run: Run, step: int, total_steps: int, scalars: dict[str, float]) -> None:
        """Optimizer step `step` (1 is the first) is done.

        `scalars` holds `loss`, `lr`, `steps_per_second`, `voxels_per_second`, `memory_gib` (the
        peak, of the GPU where there is one), and the terms of the loss as `loss/<term>`.
        Where nothing is known of a step's samples, loss and terms are NaN, and no weight changed.
        """

    @hookspec
    def epoch(self, run: Run, epoch: int, epochs: int, scalars: dict[str, float]) -> None:
        """Epoch `epoch` (1 is the first) is done.

        `scalars` holds its mean loss as `loss`, and, where it was validated, `validation/loss`, the
        terms of that as `validation/<term>`, and its scores as `validation/<score>`.
        The mean is infinite where no step had a loss.
        """

    @hookspec
    def preview(self, run: Run, step: int, preview: Preview) -> None:
        """What the network makes of a training sample after optimizer step `step`.

        At the end of the first epoch and of every `train.preview_every_epochs` after it.
        """

    @hookspec
    def warning(self, run: Run, message: str) -> None:
        """There is something to know of what the run will give, or has given."""

    @hookspec
    def artifact_written(self, run: Run, path: Path) -> None:
        """A checkpoint, prediction, segmentation or score is in its place."""

    @hookspec
    def stage_finished(self, run: Run, stage: str, seconds: float, reused: bool) -> None:
        """`reused` where what an earlier run left was still valid and nothing was computed."""

    @hookspec
    def run_finished(self, run: Run, scores: dict[str, Any]) -> None:
        """Everything asked for is done; `scores` is what `metrics.json` holds, or empty."""

    @hookspec
    def failure(self, run: Run, error: BaseException) -> None:
        """The run ends here, with this error; of Ctrl-C and of signals it is a KeyboardInterrupt.

        A scheduler that sent a signal soon kills what still runs: be quick.
        """


@attrs.frozen
class HookOffer:
    """A hook plugin that an installed distribution offers."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint = attrs.field(repr=False)

    @property
    def kind(self) -> str:
        """What it is listed as, beside the kinds of components."""
        return "hook"

    def load(self) -> object:
        """The plugin, imported, made and checked against the specification.

        Raises:
            NeurokitError: it cannot be imported, or has a hook that does not exist.
        """
        try:
            loaded = self.entry_point.load()
            plugin = loaded() if isinstance(loaded, type) else loaded
            _check(plugin)
        except (Exception, SystemExit) as error:
            reason = str(error) if isinstance(error, NeurokitError) else _one_line(error)
            raise NeurokitError(
                f"hook '{self.name}' of {self.distribution} {self.version} "
                f"cannot be loaded: {reason}"
            ) from error
        return plugin


def offered_hooks(found: list[EntryPoint] | None = None) -> list[HookOffer]:
    """The hook plugins on offer, by name."""
    offers = [
        HookOffer(
            each.name,
            each.dist.name if each.dist else "unknown",
            each.dist.version if each.dist else "?",
            each,
        )
        for each in (entry_points(group=GROUP) if found is None else found)
    ]
    return sorted(offers, key=lambda offer: (offer.name, offer.distribution))


def hook_manager(plugins: list[object]) -> pluggy.PluginManager:
    """A manager that calls these plugins' hooks: `manager.hook.step(...)`."""
    manager = pluggy.PluginManager("neurokit")
    manager.add_hookspecs(Specification)
    for plugin in plugins:
        manager.register(_Guarded(plugin))
    return manager


class _Guarded:
    """Stands for a plugin, with hooks that say who failed and where."""

    def __init__(self, plugin: object) -> None:
        for name in _hooks_of(plugin):
            setattr(self, name, _guarded(getattr(plugin, name), plugin, name))


def _guarded(function: Callable[..., Any], plugin: object, hook: str) -> Callable[..., Any]:
    """The function, with errors that name the plugin and the hook.

    Where the run has failed already, its own error must not be hidden by another.
    """

    @wraps(function)
    def guarded(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            if isinstance(error, NeurokitError) and hook != "failure":
                raise
            message = f"hook '{_name_of(plugin)}' failed in {hook}: {_one_line(error)}"
            if hook == "failure":
                log.warning(message, exc_info=error)
                return None
            raise NeurokitError(message) from error

    return guarded


def _name_of(plugin: object) -> str:
    """The name that a hook plugin is offered under, or its own where it was not installed."""
    if isinstance(plugin, ModuleType):
        place = plugin.__name__
    else:
        place = f"{type(plugin).__module__}:{type(plugin).__qualname__}"
    names = [each.name for each in entry_points(group=GROUP) if each.value == place]
    return names[0] if names else place.rpartition(":")[2]


def _check(plugin: object) -> None:
    """Refuse a plugin with a misspelt hook or argument, or with no hook at all."""
    known = [name for name in vars(Specification) if not name.startswith("_")]
    given = _hooks_of(plugin)
    if not given:
        raise NeurokitError("it has no function marked @hookimpl")
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
            raise NeurokitError(f"there is no hook '{name}'; {hint}")
        _, *offered = signature(getattr(Specification, name)).parameters
        for argument in signature(getattr(plugin, name)).parameters:
            if argument not in offered:
                raise NeurokitError(
                    f"hook '{name}' has no argument '{argument}'; there are {', '.join(offered)}"
                )


def _hooks_of(plugin: object) -> list[str]:
    """The names of a plugin's functions that are marked @hookimpl."""
    return [name for name in dir(plugin) if hasattr(getattr(plugin, name, None), "neurokit_impl")]


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
