"""Hooks: what a run tells whoever listens.

A hook plugin is a class or a module, offered under the entry-point group `neurokit.hook`, with any
of the functions below marked `@hookimpl`. It takes those of the arguments that it needs::

    from neurokit import hookimpl

    class Bell:
        @hookimpl
        def run_finished(self, scores): print("\\a")

Progress bars and logs are hook plugins; the engine knows none of them. A class is made anew for
each run. A hook that raises ends the run with its error.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pluggy

from neurokit.errors import NeurokitError

if TYPE_CHECKING:
    from neurokit.run import Run

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
        """`stage` is train, infer, decode or evaluate."""

    @hookspec
    def progress(self, run: Run, stage: str, what: str, done: int, total: int) -> None:
        """`done` of `total` pieces of the stage are finished; `what` names them ("windows")."""

    @hookspec
    def step(self, run: Run, step: int, total_steps: int, scalars: dict[str, float]) -> None:
        """Optimizer step `step` (1 is the first) is done.

        `scalars` holds `loss`, `lr`, `voxels_per_second`, and the terms of the loss as
        `loss/<term>`.
        """

    @hookspec
    def epoch(self, run: Run, epoch: int, epochs: int, scalars: dict[str, float]) -> None:
        """Epoch `epoch` (1 is the first) is done; `scalars` holds its mean loss as `loss`."""

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
        """The run ends here, with this error."""


@attrs.frozen
class HookOffer:
    """A hook plugin that an installed distribution offers."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint = attrs.field(repr=False)

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
        manager.register(plugin)
    return manager


def _check(plugin: object) -> None:
    """Refuse a plugin with a misspelt hook or argument, or with no hook at all."""
    known = [name for name in vars(Specification) if not name.startswith("_")]
    given = [name for name in dir(plugin) if hasattr(getattr(plugin, name, None), "neurokit_impl")]
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


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
