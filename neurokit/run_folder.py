"""Run: a folder that holds what was asked, what was used, and what came out.

::

    outputs/<name>/<YYYYmmdd-HHMMSS>/
      recipe.toml  environment.json  network.toml  run.log  history.jsonl  report.html
      checkpoints/last.ckpt  checkpoints/epoch=012-train_loss_total_epoch=0.1234.ckpt
      results_step=<N>/test_im_prediction.h5  test_im_segmentation.h5  metrics.json  recipe.toml
                        thresholds.json
      tune/<study>.db  best.toml  trials.csv
"""

from __future__ import annotations

import json
import logging
import platform
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pluggy
import tomli_w
from attrs import define, field

from neurokit import progress
from neurokit.atomic import write_text
from neurokit.errors import NeurokitError
from neurokit.hooks import hook_manager
from neurokit.occupied import occupying
from neurokit.recipe import load_recipe, to_toml
from neurokit.schema import Recipe
from neurokit.stopping import StopRequested, stop_if_asked

log = logging.getLogger("neurokit")

_NETWORK = "network.toml"


@define
class Run:
    """A run folder, its recipe, and the hooks that are told of it.

    Attributes:
        folder: exists and is writable.
        recipe: resolved.
        hooks: the plugins that listen.
        leads: whether this process writes the folder; of several that train together, the first.
        mode: what is done in it: all, train, test or tune.
    """

    folder: Path
    recipe: Recipe
    hooks: pluggy.PluginManager = field(factory=lambda: hook_manager([]), repr=False)
    leads: bool = True
    mode: str = "all"

    @classmethod
    def create(
        cls, recipe: Recipe, outputs: Path = Path("outputs"), plugins: list[object] | None = None
    ) -> Run:
        """A new folder under `outputs`, named after the recipe and the time.

        Raises:
            NeurokitError: the folder cannot be made.
        """
        folder = _new_folder(outputs / recipe.name)
        write_text(folder / "recipe.toml", to_toml(recipe))
        write_text(folder / "environment.json", json.dumps(environment(), indent=2) + "\n")
        return cls(folder, recipe, hook_manager(plugins or []))

    @classmethod
    def open(
        cls, folder: Path, recipe: Recipe | None = None, plugins: list[object] | None = None
    ) -> Run:
        """The run that lies in a folder, with its own recipe or another one.

        Raises:
            NeurokitError: the folder holds no run.
        """
        own = own_recipe(folder)
        recipe = recipe or load_recipe(own)
        return cls(folder, recipe, hook_manager(plugins or []))

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints lie."""
        return self.folder / "checkpoints"

    @property
    def last_checkpoint(self) -> Path:
        """The checkpoint to continue from."""
        return last_checkpoint(self.folder)

    def note_network(self, name: str) -> None:
        """Remember which network the run is tested or tuned with, if it has none of its own."""
        if not self.last_checkpoint.exists():
            write_text(self.folder / _NETWORK, tomli_w.dumps({"checkpoint": name}))

    def results(self, step: int) -> Path:
        """Where the results of the checkpoint of an optimizer step lie."""
        return self.folder / f"results_step={step}"

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep a log, and tell the hooks of the beginning and of a failure.

        Raises:
            NeurokitError: the folder cannot be written, or another process does the same in it.
            Interrupted: in place of a KeyboardInterrupt.
            Preempted: a signal asked to stop.
        """
        with self._alone(), self._logging():
            try:
                log.info("command: %s", " ".join(sys.argv))
                self.hooks.hook.run_started(run=self)
                stop_if_asked()
                yield
            except BaseException as error:
                log.error("the run ends with %s", type(error).__name__, exc_info=error)
                # Ctrl-C once more ends what hooks still do, and the run as it ended.
                with suppress(KeyboardInterrupt):
                    self.hooks.hook.failure(run=self, error=error)
                if isinstance(error, StopRequested) and error.signal != "SIGINT":
                    raise Preempted(self.folder, error.signal) from error
                if isinstance(error, KeyboardInterrupt):
                    raise Interrupted(self.folder) from error
                raise

    def _alone(self) -> AbstractContextManager[None]:
        """Nobody else trains here meanwhile, or tests; those who search share one study."""
        if not self.leads or self.mode == "tune":
            return nullcontext()
        return occupying(self.folder, "tested" if self.mode == "test" else "trained")

    @contextmanager
    def _logging(self) -> Iterator[None]:
        """What is logged goes to the run's log; processes that do not lead keep none."""
        if not self.leads:
            silence = logging.NullHandler()
            log.addHandler(silence)
            try:
                yield
            finally:
                log.removeHandler(silence)
            return
        try:
            handler = _LogFile(self.folder / "run.log", encoding="utf-8")
        except OSError as error:
            raise NeurokitError(
                f"the run folder {self.folder} cannot be written: {error.strerror}"
            ) from error
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        try:
            yield
        finally:
            log.removeHandler(handler)
            with suppress(OSError):
                handler.close()

    @contextmanager
    def stage(self, name: str, *, stops: bool = True) -> Iterator[Stage]:
        """Tell the hooks of a stage, and of the progress of everything in it.

        Args:
            name: of the stage.
            stops: end the run at the next progress after a signal asked for it. A stage that has
                something to save first looks after that itself.
        """
        stage = Stage()
        hook = self.hooks.hook
        started = time.monotonic()
        hook.stage_started(run=self, stage=name)
        if stops:
            stop_if_asked()

        def listener(what: str, done: int, total: int) -> None:
            hook.progress(run=self, stage=name, what=what, done=done, total=total)
            if stops:
                stop_if_asked()

        with progress.listening(listener):
            yield stage
        seconds = time.monotonic() - started
        log.info("%s: %s in %.1f s", name, "reused" if stage.reused else "done", seconds)
        hook.stage_finished(run=self, stage=name, seconds=seconds, reused=stage.reused)

    def warn(self, message: str) -> None:
        """Tell the log and the hooks what to know of the results."""
        if not self.leads:
            return
        log.warning(message)
        self.hooks.hook.warning(run=self, message=message)

    def written(self, path: Path) -> None:
        """Tell the log and the hooks that an artifact is in its place."""
        if not self.leads:
            return
        log.info("wrote %s", path)
        self.hooks.hook.artifact_written(run=self, path=path)


@define
class Stage:
    """What a running stage says of itself.

    Attributes:
        reused: an earlier result was still valid and nothing was computed.
    """

    reused: bool = False


class Interrupted(KeyboardInterrupt):
    """The user stopped a run.

    Attributes:
        folder: of the run, which can go on from there.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(f"the run {folder} was interrupted")
        self.folder = folder


class Preempted(Interrupted):
    """A scheduler's signal stopped a run, with everything saved.

    Attributes:
        signal: its name, such as SIGTERM.
    """

    def __init__(self, folder: Path, signal: str) -> None:
        super().__init__(folder)
        self.signal = signal


class _LogFile(logging.FileHandler):
    """A log that a full disk leaves incomplete; the results say that it is full."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


def own_recipe(folder: Path) -> Path:
    """The resolved recipe of the run that lies in a folder.

    Raises:
        NeurokitError: the folder holds no run.
    """
    if not is_run(folder):
        raise NeurokitError(
            f"{folder} is not the folder of a run; one lies at outputs/<name>/<time>"
        )
    return folder / "recipe.toml"


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / "recipe.toml").is_file() and (folder / "environment.json").is_file()


def runs_in(folder: Path) -> list[Path]:
    """The runs in a recipe's folder, `outputs/<name>`, by time."""
    return sorted(each for each in folder.glob("*") if is_run(each))


def latest_run(folder: Path) -> Path:
    """The run that lies in a folder; of a recipe's folder, `outputs/<name>`, the latest in it.

    Raises:
        NeurokitError: there is none.
    """
    runs = runs_in(folder)
    if is_run(folder) or not runs:
        return own_recipe(folder).parent
    return runs[-1]


def last_checkpoint(folder: Path) -> Path:
    """The checkpoint that the run in a folder goes on from; there is none before training."""
    return folder / "checkpoints" / "last.ckpt"


def network_of(folder: Path) -> str:
    """The network of the run in a folder, as `neurokit.weights.load` takes it.

    That is its last checkpoint; of a run that trained nothing, what it was tested or tuned with.
    """
    own = last_checkpoint(folder)
    if own.exists():
        return str(own)
    try:
        noted = tomllib.loads((folder / _NETWORK).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        return str(own)
    return str(noted.get("checkpoint", own))


def run_of_checkpoint(checkpoint: Path) -> Path | None:
    """The folder of the run that a checkpoint lies in, or None where it lies elsewhere."""
    folder = checkpoint.absolute().parent.parent
    return folder if is_run(folder) else None


def environment() -> dict[str, Any]:
    """Versions of Python, the system, and every installed distribution."""
    found = [each.metadata for each in distributions()]  # read once: each access parses a file
    versions = {each["Name"]: each["Version"] for each in found if each["Name"]}
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "distributions": dict(sorted(versions.items(), key=lambda each: each[0].lower())),
    }


def environment_of(folder: Path) -> dict[str, Any]:
    """What `environment` gave when the run in a folder began.

    Raises:
        NeurokitError: the file is damaged.
    """
    path = folder / "environment.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NeurokitError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("distributions"), dict):
        raise NeurokitError(f"{path} does not say which versions the run was made with")
    return found


def _new_folder(parent: Path) -> Path:
    """A folder named after the time; the second of one second waits for the next."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = parent / datetime.now().strftime("%Y%m%d-%H%M%S")
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                time.sleep(0.1)
    except OSError as error:
        raise NeurokitError(
            f"cannot make a run folder under {parent}: {error.strerror}; "
            f"choose another place with --outputs"
        ) from error
