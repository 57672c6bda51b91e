"""Hooks: plugins that listen, and those that cannot."""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from neurokit import NeurokitError, hookimpl, load_recipe
from neurokit.hooks import HookOffer, hook_manager, offered_hooks
from neurokit.run_folder import Run


class Listener:
    """Takes some of the arguments, in another order."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    @hookimpl
    def step(self, scalars: dict[str, float], step: int) -> None:
        """Remember the loss."""
        self.heard.append((step, scalars["loss"]))

    @hookimpl
    def stage_started(self, stage: str) -> None:
        """Remember the stage."""
        self.heard.append((stage,))


class Misspelt:
    """A hook that does not exist."""

    @hookimpl
    def stagestarted(self) -> None:
        """Never called."""


class Foreign:
    """A hook like no other."""

    @hookimpl
    def xyzzy(self) -> None:
        """Never called."""


class Greedy:
    """An argument that does not exist."""

    @hookimpl
    def epoch(self, epoch: int, loss: float) -> None:
        """Never called."""


class Unmarked:
    """A function of the right name, without the mark."""

    def step(self, step: int) -> None:
        """Never called."""


class Bell:
    """Fails in whatever it hears."""

    @hookimpl
    def step(self, step: int) -> None:
        """Divide by nothing."""
        raise ZeroDivisionError("integer\n  division")

    @hookimpl
    def epoch(self) -> None:
        """Say what is wrong."""
        raise NeurokitError("the bell is gone; buy another")

    @hookimpl
    def progress(self) -> None:
        """Stop the run."""
        raise KeyboardInterrupt

    @hookimpl
    def failure(self, error: BaseException) -> None:
        """Fail once more."""
        raise NeurokitError(f"cannot ring for {error}")


class Failing:
    """Cannot be made."""

    def __init__(self) -> None:
        raise OSError("no such\nport")


def _offer(name: str) -> HookOffer:
    (offer,) = offered_hooks([EntryPoint(name.lower(), f"{__name__}:{name}", "neurokit.hook")])
    return offer


def test_a_listener_is_told() -> None:
    first, second = _offer("Listener").load(), _offer("Listener").load()
    assert isinstance(first, Listener)
    assert isinstance(second, Listener)
    assert first is not second
    hook = hook_manager([first, second]).hook
    hook.stage_started(run=None, stage="train")
    hook.step(run=None, step=3, total_steps=9, scalars={"loss": 0.5})
    hook.run_finished(run=None, scores={})
    assert first.heard == second.heard == [("train",), (3, 0.5)]


def test_a_module_can_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "listening_module.py").write_text(
        "'''Listens.'''\n"
        "from neurokit import hookimpl\n"
        "heard = []\n"
        "@hookimpl\n"
        "def epoch(epoch): heard.append(epoch)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (offer,) = offered_hooks([EntryPoint("module", "listening_module", "neurokit.hook")])
    module = offer.load()
    hook_manager([module]).hook.epoch(run=None, epoch=2, epochs=3, scalars={})
    assert module.heard == [2]  # type: ignore[attr-defined]


def test_without_a_listener_nothing_happens() -> None:
    assert hook_manager([]).hook.stage_started(run=None, stage="train") == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Misspelt", "there is no hook 'stagestarted'; did you mean 'stage_started'?"),
        (
            "Foreign",
            "there is no hook 'xyzzy'; there are run_started, stage_started, progress, step, "
            "epoch, preview, warning, artifact_written, stage_finished, run_finished, failure",
        ),
        ("Greedy", "hook 'epoch' has no argument 'loss'; there are run, epoch, epochs, scalars"),
        ("Unmarked", "it has no function marked @hookimpl"),
        ("Failing", "OSError: no such port"),
        ("Absent", f"AttributeError: module '{__name__}' has no attribute 'Absent'"),
    ],
)
def test_plugins_that_cannot_listen(name: str, reason: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        _offer(name).load()
    assert str(caught.value) == f"hook '{name.lower()}' of unknown ? cannot be loaded: {reason}"


def test_offers_are_in_order_and_import_nothing() -> None:
    found = [EntryPoint(name, "nowhere:Gone", "neurokit.hook") for name in ("b", "a")]
    assert [offer.name for offer in offered_hooks(found)] == ["a", "b"]


def test_those_of_this_package_can_be_loaded() -> None:
    ours = [offer for offer in offered_hooks() if offer.distribution == "neurokit"]
    assert "progress" in {offer.name for offer in ours}
    assert len(hook_manager([offer.load() for offer in ours]).get_plugins()) == len(ours)


def test_a_plugin_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    place = f"{__name__}:Bell"
    offered = EntryPoint("doorbell", place, "neurokit.hook")
    monkeypatch.setattr("neurokit.hooks.entry_points", lambda group: [offered])
    listener = Listener()
    hook = hook_manager([listener, Bell()]).hook
    with pytest.raises(NeurokitError) as caught:
        hook.step(run=None, step=1, total_steps=2, scalars={"loss": 1.0})
    assert str(caught.value) == (
        "hook 'doorbell' failed in step: ZeroDivisionError: integer division"
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(NeurokitError) as caught:
        hook.epoch(run=None, epoch=1, epochs=1, scalars={})
    assert str(caught.value) == "the bell is gone; buy another"
    with pytest.raises(KeyboardInterrupt):
        hook.progress(run=None, stage="train", what="steps", done=1, total=2)


def test_a_plugin_that_is_not_installed_is_named_after_its_class_or_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "failing_module.py").write_text(
        "from neurokit import hookimpl\n@hookimpl\ndef epoch(epochs): return 1 / epochs\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    failing = importlib.import_module("failing_module")
    with pytest.raises(NeurokitError) as caught:
        hook_manager([Bell()]).hook.step(run=None, step=1, total_steps=2, scalars={})
    assert str(caught.value) == "hook 'Bell' failed in step: ZeroDivisionError: integer division"
    with pytest.raises(NeurokitError) as caught:
        hook_manager([failing]).hook.epoch(run=None, epoch=1, epochs=0, scalars={})
    assert str(caught.value) == (
        "hook 'failing_module' failed in epoch: ZeroDivisionError: division by zero"
    )


def test_a_plugin_that_fails_does_not_hide_why_the_run_failed(
    tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run.create(load_recipe(tiny), plugins=[Bell()])
    with pytest.raises(NeurokitError, match="no network"), run.recording():
        raise NeurokitError("no network")
    warning = caplog.records[-1]
    assert (warning.levelname, warning.getMessage()) == (
        "WARNING",
        "hook 'Bell' failed in failure: NeurokitError: cannot ring for no network",
    )
    assert warning.getMessage() in (run.folder / "run.log").read_text()
