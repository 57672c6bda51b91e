"""`neurokit new plugin`: for every kind a package that installs and passes its tests at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import ROOT

from neurokit.cli import main
from neurokit.errors import NeurokitError
from neurokit.kinds import KINDS
from neurokit.scaffold import new_plugin

EVERY_KIND = [*KINDS, "hook"]
IN_RECIPES = [kind for kind in KINDS if kind != "archive"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new package of every kind, and an environment where all are installed."""
    folder = tmp_path_factory.mktemp("made")
    packages = [new_plugin(f"my-{kind}", kind, folder) for kind in EVERY_KIND]
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    there = next(environment.glob("lib*/python*/site-packages"))
    (there / "these.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n{ROOT}\n")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", there, *packages], check=True)
    return folder


def _run(made: Path, *command: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    python = str(made / "environment" / "bin" / "python")
    return subprocess.run(
        [python, *command], cwd=made, env=plain, capture_output=True, text=True, timeout=300
    )


def test_what_is_made_passes_its_tests(made: Path) -> None:
    """With each package's own configuration, in one call, as their modules differ in name."""
    # The conformance suite among them is the same that tests the built-in components.
    tests = [str(made / f"neurokit-my-{kind}" / "tests") for kind in EVERY_KIND]
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    done = _run(made, "-m", "pytest", *options, "--rootdir", str(made), *tests)
    assert done.returncode == 0, done.stdout
    assert f"{3 * len(EVERY_KIND) + 1} passed" in done.stdout


def test_what_is_made_is_listed(made: Path) -> None:
    done = _run(made, "-c", "from neurokit.cli import main; main(['list-plugins', '--json'])")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    for kind in EVERY_KIND:
        row = rows[f"my_{kind}"]
        assert (row["kind"], row["package"]) == (kind, f"neurokit-my-{kind}")
        assert row["error"] is None
        assert row["summary"]


def test_the_recipes_are_ready_to_run(made: Path) -> None:
    smaller = [
        *("data.train.shape=[12,96,96]", "data.test.shape=[8,64,64]", "data.train.count=1"),
        *("train.patch_size=[4,64,64]", "train.pad=[0,0,0]"),
    ]
    checks = [["check", f"neurokit_my_{kind}:demo.toml", *smaller] for kind in IN_RECIPES]
    code = "from neurokit.cli import main\nfor each in {}: main(each, standalone_mode=False)"
    done = _run(made, "-c", code.format(checks))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the recipe is ready to run\n") == len(IN_RECIPES)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_package_says_what_it_is(made: Path, kind: str) -> None:
    folder = made / f"neurokit-my-{kind}"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"neurokit-my-{kind}"
    assert project["dependencies"][0] == "neurokit>=1.0"
    assert list(project["entry-points"]) == [f"neurokit.{kind}"]
    written = sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())
    package = f"neurokit_my_{kind}"
    recipe = [f"{package}/recipes/demo.toml"] if kind in IN_RECIPES else []
    wanted = ["README.md", "pyproject.toml", f"tests/test_my_{kind}.py", *recipe]
    wanted += [f"{package}/{name}" for name in ("__init__.py", f"{kind}.py", "py.typed")]
    assert [each for each in written if "__pycache__" not in each] == sorted(wanted)
    for each in written:
        if each.endswith((".py", ".md", ".toml")):
            text = (folder / each).read_text()
            assert "$" not in text, f"a place of {each} is not filled in"
            assert text.endswith("\n")
            assert not text.endswith("\n\n")


def test_requirements_are_what_is_imported(made: Path) -> None:
    def requirements(kind: str) -> list[str]:
        text = (made / f"neurokit-my-{kind}" / "pyproject.toml").read_text()
        found: list[str] = tomllib.loads(text)["project"]["dependencies"]
        return [each.partition(">")[0] for each in found]

    assert requirements("decoder") == ["neurokit", "attrs", "numpy", "scipy"]
    assert requirements("loss") == ["neurokit", "attrs", "torch"]
    assert requirements("hook") == ["neurokit"]


def _new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["new", "plugin", *arguments])


def test_the_command_tells_what_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = _new("two-words", "--kind", "metric")
    assert done.exit_code == 0
    assert done.stdout == (
        "wrote neurokit-two-words; install it, and run its tests:\n\n"
        "  pip install --editable ./neurokit-two-words\n"
        "  python -m pytest neurokit-two-words\n"
    )
    Path("more").mkdir()
    done = _new("two-words", "--kind", "metric", "--folder", "more")
    assert "  pip install --editable more/neurokit-two-words\n" in done.stdout
    text = Path("neurokit-two-words/neurokit_two_words/metric.py").read_text()
    assert "class TwoWords(Metric):" in text


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("My_Slabs", "decoder", "'My_Slabs' does not do as a name; did you mean 'my-slabs'?"),
        (
            "3d",
            "decoder",
            "'3d' does not do as a name: it takes lower-case letters, digits and single hyphens, "
            "and begins with a letter",
        ),
        ("a--b", "decoder", "'a--b' does not do as a name; did you mean 'a-b'?"),
        ("../up", "decoder", "'../up' does not do as a name; did you mean 'up'?"),
        (
            "",
            "decoder",
            "'' does not do as a name: it takes lower-case letters, digits and single hyphens, "
            "and begins with a letter",
        ),
        (
            "neurokit-slabs",
            "decoder",
            "leave out 'neurokit-', which is put before every name: slabs",
        ),
        ("lambda", "decoder", "'lambda' is a word of Python's own; choose another name"),
        ("none", "decoder", "'None' is a word of Python's own; choose another name"),
        (
            "prediction",
            "decoder",
            "the class Prediction would hide one of that name; choose another name",
        ),
        *(
            (
                name,
                "decoder",
                f"'{name}' is the name of a package that Python imports already; choose another "
                f"name",
            )
            for name in ("neurokit", "torch", "tests", "queue")
        ),
        (
            "sample-random",
            "decoder",
            "the class SampleRandom would hide one of that name; choose another name",
        ),
        (
            "phantom",
            "dataset",
            "neurokit offers the dataset 'phantom' already; choose another name",
        ),
        ("progress", "hook", "neurokit offers the hook 'progress' already; choose another name"),
    ],
)
def test_names_that_do_not_do(name: str, kind: str, error: str, tmp_path: Path) -> None:
    done = _new("--kind", kind, "--folder", str(tmp_path), "--", name)
    # What is taken here may do elsewhere.
    assert done.exit_code == (1 if " already; " in error else 2)
    assert done.stderr == f"error: {error}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "neurokit_taken").mkdir()
    (tmp_path / "neurokit_taken" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    done = _new("taken", "--kind", "decoder", "--folder", str(out))
    assert done.stderr == ("error: neurokit-taken is installed already; choose another name\n")
    assert list(out.iterdir()) == []


def test_the_same_name_may_be_of_another_kind(tmp_path: Path) -> None:
    assert _new("adapted-rand", "--kind", "decoder", "--folder", str(tmp_path)).exit_code == 0


def test_what_is_there_stays(tmp_path: Path) -> None:
    there = tmp_path / "neurokit-slabs"
    there.mkdir()
    done = _new("slabs", "--kind", "decoder", "--folder", str(tmp_path))
    assert done.exit_code == 1
    assert done.stderr == (
        f"error: {there} exists already; choose another name, or another --folder\n"
    )
    assert list(there.iterdir()) == []


def test_the_folder_must_be_there(tmp_path: Path) -> None:
    done = _new("slabs", "--kind", "decoder", "--folder", str(tmp_path / "no"))
    assert done.stderr == (
        f"error: there is no folder {tmp_path / 'no'}; make it first, or choose another\n"
    )


def test_kinds_that_there_are_not(tmp_path: Path) -> None:
    done = _new("slabs", "--kind", "decoding", "--folder", str(tmp_path))
    assert done.exit_code == 2
    assert "'decoding' is not one of 'archive'" in done.stderr


def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk fills up, what was written before goes, too."""
    written: list[Path] = []
    write = Path.write_text

    def fill(self: Path, *arguments: str, **options: str) -> int:
        if len(written) == 4:
            raise OSError(28, "No space left on device")
        written.append(self)
        return write(self, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", fill)
    with pytest.raises(NeurokitError) as caught:
        new_plugin("slabs", "decoder", tmp_path)
    assert str(caught.value) == (
        f"cannot write {tmp_path / 'neurokit-slabs'}: No space left on device; choose another "
        f"place with --folder"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_folder_can_be_read_by_others(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        made = new_plugin("slabs", "decoder", tmp_path)
    finally:
        os.umask(umask)
    assert made.stat().st_mode & 0o777 == 0o755
