"""Completion: what a shell is offered, and that shells make of it what one would type."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from conftest import ROOT

from neurokit import load_recipe
from neurokit.cli.completing import complete_archive
from neurokit.cli.keys import PLACES, _class_keys, keys_of
from neurokit.errors import RecipeError
from neurokit.listing import component_table
from neurokit.registry import Offer, Registry
from neurokit.shipped import (
    nearest_recipes,
    offered_names,
    offered_weights,
    shipped_recipes,
    shipped_weights,
)

BIN = Path(sys.executable).parent
NEUROKIT = BIN / "neurokit"


def offers(line: str) -> list[str]:
    """What is offered for a line, by the protocol of click's script for bash."""
    variables = {"_NEUROKIT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": "0"}
    done = subprocess.run(
        [NEUROKIT], env=os.environ | variables, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    kinds_and_values = [each.split(",", 1) for each in done.stdout.splitlines() if each]
    assert {kind for kind, _ in kinds_and_values} <= {"plain"}
    return [value for _, value in kinds_and_values]


def test_commands_and_options_are_completed() -> None:
    assert {"run", "compare", "completion"} <= set(offers("neurokit "))
    assert offers("neurokit ru") == ["run"]
    assert "--mode" in offers("neurokit run --")
    assert offers("neurokit run --mode t") == ["train", "test", "tune"]
    assert offers("neurokit completion ") == ["bash", "zsh", "fish"]


def test_recipes_are_completed(tiny: Path) -> None:
    Path("notes.txt").touch()
    Path(".hidden.toml").touch()
    Path("tissue/recipes").mkdir(parents=True)
    Path("tissue/recipes/mine.toml").touch()
    assert offers("neurokit run ti") == ["tiny.toml", "tissue/"]
    assert offers("neurokit check tissue/recipes/") == ["tissue/recipes/mine.toml"]
    assert offers("neurokit check .h") == [".hidden.toml"]
    assert offers("neurokit run neurokit:s") == ["neurokit:snemi_aff12.toml"]
    everything = offers("neurokit run ")
    assert everything[:2] == ["tiny.toml", "tissue/"]
    assert everything[2:] == list(shipped_recipes())
    assert offers("neurokit run gone/") == []


def test_keys_of_the_recipe_on_the_line_are_completed(tiny: Path) -> None:
    assert offers("neurokit run tiny.toml train.ep") == ["train.epochs="]
    assert offers("neurokit run tiny.toml seed=3 --mode train decoder.thr") == [
        "decoder.threshold="
    ]
    assert offers("neurokit check tiny.toml dec") == ["decoder."]
    assert offers("neurokit check tiny.toml decoder.d") == [
        "decoder.discretize_queue=",
        "decoder.dust.",
    ]
    assert offers("neurokit check tiny.toml train.augmentations.1.") == [
        "train.augmentations.1.use="
    ]
    assert offers("neurokit check neurokit:demo.toml data.train.voxel") == [
        "data.train.voxel_size_nm="
    ]
    # Another component has other keys.
    assert offers("neurokit run tiny.toml data.test.use=files data.test.im") == ["data.test.image="]
    assert offers("neurokit run tiny.toml data.test.im") == []
    assert offers("neurokit run tiny.toml decoder.use=wat") == ["decoder.use=waterz"]
    assert offers("neurokit run tiny.toml decoder.threshold=") == []
    # Without a recipe that can be read there is what every recipe has.
    assert offers("neurokit run gone.toml train.ep") == ["train.epochs="]


def test_components_and_kinds_are_completed() -> None:
    assert offers("neurokit show waterz --kind dec") == ["decoder"]
    assert offers("neurokit list-plugins --kind ho") == ["hook"]
    assert offers("neurokit show --kind decoder w") == ["waterz"]
    assert offers("neurokit show fib25_c") == ["fib25_cpu"]
    weights = {each.name for each in offered_weights()}
    assert set(offers("neurokit show ")) == {*offered_names(), *weights}
    assert set(offers("neurokit show --kind weights ")) == weights
    assert {"waterz", "progress", "phantom"} <= {*offered_names()}


def _run(folder: str) -> Path:
    path = Path(folder)
    path.mkdir(parents=True)
    (path / "recipe.toml").write_text('name = "x"\n[decoder]\nuse = "waterz"\nthreshold = 0.5\n')
    (path / "environment.json").touch()
    return path


def test_runs_are_completed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("outputs/demo/20260101-1", "outputs/other/20260102-1", "elsewhere/a/1"):
        _run(folder)
    Path("outputs/demo/prepared").mkdir()
    latest_first = ["outputs/other/20260102-1", "outputs/demo/20260101-1"]
    assert offers("neurokit run --resume ") == latest_first
    assert offers("neurokit compare out") == latest_first
    assert offers("neurokit compare outputs/demo/20260101-1 outputs/o") == latest_first[:1]
    assert offers("neurokit compare els") == ["elsewhere/"]
    assert offers("neurokit compare elsewhere/") == ["elsewhere/a/1"]
    # A run goes on with its own recipe, whose keys follow.
    assert offers("neurokit run --resume elsewhere/a/1 decoder.thr") == ["decoder.threshold="]


def test_steps_and_volumes_of_a_run_are_completed(tiny: Path) -> None:
    run = _run("outputs/demo/20260101-1")
    for place in ("12/b", "12/a", "7/a", "7"):
        folder = run / f"results_step={place}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "test_im_segmentation.h5").touch()
    (run / "results_step=old").mkdir()
    assert offers("neurokit view outputs/demo/20260101-1 --step ") == ["7", "12"]
    assert offers("neurokit view outputs/demo --step 1") == ["12"]
    assert offers("neurokit view outputs/demo --volume ") == ["a", "b"]
    assert offers("neurokit view outputs/demo --step 7 --volume ") == ["a"]
    assert offers("neurokit view --step ") == offers("neurokit view gone --volume ") == []


def test_weights_and_archives_are_completed(tiny: Path) -> None:
    for name in ("last.ckpt", "mine.safetensors", "other.txt"):
        Path(name).touch()
    own = ["last.ckpt", "mine.safetensors"]
    assert offers("neurokit run --checkpoint ") == [*own, *shipped_weights()]
    assert offers("neurokit check tiny.toml --checkpoint neurokit:ph") == ["neurokit:phantom_demo"]
    assert offers("neurokit check tiny.toml --checkpoint ph") == ["phantom_demo"]
    parameter = click.Argument(["name"])
    context = click.Context(click.Command("fetch"))
    assert complete_archive(context, parameter, "sn") == ["snemi3d"]


def test_nothing_is_imported_to_answer(tiny: Path) -> None:
    program = (
        "import sys, click; from neurokit.cli import main\n"
        "from neurokit.cli.completion import Bash\n"
        "found = Bash(main, {}, 'neurokit', '_').get_completions(\n"
        "    ['run', 'neurokit_sdt:sdt_demo.toml'], 'decoder.')\n"
        "print(len(found) > 5, [name for name in ('torch', 'numpy', 'cattrs', 'h5py', 'rich',\n"
        "    'neurokit.components', 'neurokit_sdt') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "True []\n", done.stderr


@pytest.mark.parametrize("offer", Registry().offers, ids=lambda each: f"{each.kind} {each.name}")
def test_keys_found_in_the_text_are_those_of_the_class(offer: Offer) -> None:
    table = component_table(f"{offer.distribution}:{offer.name}", offer.kind)
    declared = [each["key"] for each in table["parameters"]]
    found = _class_keys(offer.entry_point.module, offer.entry_point.attr)
    # What stands in tables under names of one's choice is completed only as far as it was written.
    assert found == list(dict.fromkeys(each.partition(".NAME.")[0] for each in declared))


@pytest.mark.parametrize("recipe", list(shipped_recipes()))
def test_every_key_that_is_offered_is_one_of_the_recipe(recipe: str) -> None:
    keys = [
        *keys_of(recipe),
        *(key for place in PLACES for key in keys_of(recipe, (), f"{place}.")),
    ]
    assert {"seed", "train.epochs", "decoder.use", "train.validation.batches"} <= {*keys}
    plain = [key for key in dict.fromkeys(keys) if not key.endswith(".use")]
    with pytest.raises(RecipeError) as caught:
        # No parameter is a date: whatever there is refuses it, and says so under its name.
        load_recipe(recipe, [f"{key}=2026-01-01" for key in plain if not key.startswith("tune.")])
    unknown = [each for each in caught.value.problems if "unknown parameter" in each]
    # Of parts of the recipe that it does not have, a component is to be chosen first.
    assert [each for each in unknown if "[data." not in each] == []


def test_a_module_that_cannot_be_read_has_no_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "odd_component.py").write_text("class Odd(:\n")
    package = tmp_path / "even_component"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("from .inner import Even as Renamed\nraise ImportError\n")
    (package / "inner/__init__.py").write_text(
        "import neurokit as nk\nfrom ..base import Base, Settings\n"
        "class Even(Base):\n"
        "    own: int = nk.param(1, help='')\n"
        "    more: Settings | None = nk.param(None, help='')\n"
        "    count: ClassVar[int] = 3\n"
        "    bare: int\n"
    )
    (package / "base.py").write_text(
        "class Base:\n    inherited: str = param('', help='')\n"
        "class Settings:\n    deep: int = param(2, help='')\n"
    )
    assert _class_keys("odd_component", "Odd") == []
    assert _class_keys("nowhere", "Odd") == []
    assert _class_keys("even_component", "Nothing") == []
    assert _class_keys("even_component", "Renamed") == ["inherited", "own", "more.deep"]


def test_recipes_extend_others(tiny: Path) -> None:
    Path("mine.toml").write_text('extends = "tiny.toml"\n[decoder]\nuse = "other"\nown = 1\n')
    Path("loop.toml").write_text('extends = "loop.toml"\nname = "x"\n')
    assert "data.train.shape" in keys_of("mine.toml", (), "data.train.")
    assert keys_of("mine.toml", (), "decoder.") == ["decoder.use", "decoder.own"]
    assert "name" in keys_of("loop.toml")


def test_the_recipe_that_may_be_meant_is_found(tiny: Path) -> None:
    assert nearest_recipes("tiny") == ["tiny.toml"]
    assert nearest_recipes("demo.toml") == ["neurokit:demo.toml"]
    assert nearest_recipes("demo") == ["neurokit:demo.toml"]
    assert nearest_recipes("recipes/snemi_af12.toml") == ["neurokit:snemi_aff12.toml"]
    assert nearest_recipes("neurokit:sdt_demo.toml") == ["neurokit_sdt:sdt_demo.toml"]
    assert nearest_recipes("entirely_else.toml") == []
    assert nearest_recipes("neurokit:dmeo.toml") == ["neurokit:demo.toml"]
    assert nearest_recipes("not_installed:my_demo.toml") == []
    Path("recipes").mkdir()
    Path("recipes/demo.toml").touch()
    assert nearest_recipes("demo.toml") == ["recipes/demo.toml"]
    assert nearest_recipes("dmeo.toml") == ["recipes/demo.toml"]


def test_shipped_recipes_are_those_that_can_be_loaded() -> None:
    here = {path.name for path in (ROOT / "recipes").glob("*.toml")}
    found = shipped_recipes()
    assert {name.partition(":")[2] for name in found if name.startswith("neurokit:")} == here
    for name, path in found.items():
        assert load_recipe(name) == load_recipe(path)


SHELLS = {
    "bash": (["bash", "--norc", "-i"], 'PS1="> "; eval "$(neurokit completion bash)"\n'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'PS1="> "; autoload -U compinit; compinit -u; eval "$(neurokit completion zsh)"\n',
    ),
    "fish": (["fish", "--no-config", "-i"], "neurokit completion fish | source\n"),
}
SAID = Path("said.txt")
HOME, END = "\x01", "\x05"


@pytest.fixture
def typed(request: pytest.FixtureRequest, tiny: Path) -> Iterator[Callable[[str], list[str]]]:
    """Types a line into a shell, and gives the words that the shell then takes it for."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    command, source = SHELLS[request.param]
    pid, terminal = pty.fork()
    if pid == 0:
        variables = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "TERM": "xterm",
            "HOME": str(Path.cwd()),
        }
        os.execvpe(command[0], command, os.environ | variables)

    def said(keys: str) -> list[str]:
        SAID.unlink(missing_ok=True)
        os.write(terminal, f"{keys} > {SAID}.partial && mv {SAID}.partial {SAID}\n".encode())
        deadline = time.monotonic() + 60
        while not SAID.exists():
            assert time.monotonic() < deadline, "the shell does not answer"
            if select.select([terminal], [], [], 0.05)[0]:
                os.read(terminal, 65536)  # a shell whose output nobody reads would stop
        return SAID.read_text().splitlines()

    try:
        os.write(terminal, source.encode())
        assert said("printf ready") == ["ready"]
        yield lambda keys: said(f"{keys}{HOME}printf '%s\\n' {END}")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


@pytest.mark.parametrize("typed", SHELLS, indirect=True)
def test_a_shell_completes_what_is_typed(typed: Callable[[str], list[str]]) -> None:
    for keys, words in (
        ("neurokit compa\t", ["neurokit", "compare"]),
        ("neurokit check ti\t", ["neurokit", "check", "tiny.toml"]),
        # Bash parts words at a colon and at an equals sign.
        ("neurokit run neurokit:sn\t", ["neurokit", "run", "neurokit:snemi_aff12.toml"]),
        # Nothing follows a key but its value, and a table goes on.
        (
            "neurokit run tiny.toml train.ep\t3 dec\tthr\t0.5 decoder.use=wa\t--mode te\t",
            [
                "neurokit",
                "run",
                "tiny.toml",
                "train.epochs=3",
                "decoder.threshold=0.5",
                "decoder.use=waterz",
                "--mode",
                "test",
            ],
        ),
    ):
        assert typed(keys) == words


def test_the_script_says_what_it_is_for() -> None:
    for shell, word in (("bash", "complete -o"), ("zsh", "compdef"), ("fish", "--command")):
        done = subprocess.run(
            [NEUROKIT, "completion", shell], capture_output=True, text=True, check=True
        )
        assert word in done.stdout
        assert "_NEUROKIT_COMPLETE" in done.stdout
        assert done.stderr == ""
