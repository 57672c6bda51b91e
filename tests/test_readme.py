"""The README: its commands are ones that exist, its recipes resolve, its code runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import torch
from conftest import ROOT

from neurokit import load_recipe
from neurokit.cli import main

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
SPANS = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))
SHELL = "\n".join(body for language, body in BLOCKS if language == "sh").replace("\\\n", " ")
COMMANDS = [line for line in [*SHELL.splitlines(), *SPANS] if line.startswith("neurokit ")]
KEY = r"(?:system|data|optimizer|train|inferer|decoder|tune)(?:\.(?!h5|ckpt)\w+)+"
PLACES = {"RECIPE": "recipes/demo.toml", "FILE": "last.ckpt"}


def _of_language(language: str) -> list[str]:
    return [body for each, body in BLOCKS if each == language]


def test_there_is_something_to_check() -> None:
    assert len(COMMANDS) > 8
    assert len(SHELL.splitlines()) > 5


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_neurokit_are_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    _, name, *arguments = shlex.split(command.replace("...", ""))
    arguments = [PLACES.get(each, each) for each in arguments]
    understood = main.commands[name].make_context(name, arguments)
    recipe, overrides = (understood.params.get(key) for key in ("recipe", "overrides"))
    if recipe is not None:
        load_recipe(recipe, overrides or ())


@pytest.mark.parametrize("override", [span for span in SPANS if re.fullmatch(KEY + r"=\S+", span)])
def test_overrides_fit_the_shipped_recipes(override: str) -> None:
    load_recipe(ROOT / "recipes/snemi_aff12.toml", [override])


@pytest.mark.parametrize("key", [span for span in SPANS if re.fullmatch(KEY, span)])
def test_keys_are_those_of_recipes(key: str) -> None:
    place = load_recipe(ROOT / "recipes/snemi_aff12.toml")
    for part in key.split("."):
        place = getattr(place, part)


@pytest.mark.parametrize(
    "file", sorted(set(re.findall(r"\b(?:recipes|docs(?:/\w+)?)/\w+\.\w+", TEXT)))
)
def test_files_that_are_named_exist(file: str) -> None:
    assert (ROOT / file).is_file()


@pytest.mark.parametrize("session", sorted(set(re.findall(r"nox -s (\w+)", TEXT))))
def test_sessions_exist(session: str) -> None:
    assert f"def {session}(session: nox.Session)" in (ROOT / "noxfile.py").read_text("utf-8")


def test_the_recipe_of_ones_own_volume_resolves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (mine,) = (body for body in _of_language("toml") if "extends" in body)
    Path("mine.toml").write_text(mine.replace("recipes/", f"{ROOT / 'recipes'}/"))
    recipe = load_recipe("mine.toml")
    assert recipe.name == "mine"


def test_the_component_of_ones_own_works() -> None:
    (code,) = (body for body in _of_language("python") if "Target" in body)
    names: dict[str, type] = {"__name__": "mine"}  # type: ignore[dict-item]
    exec(code, names)
    target = names["Diagonal"](reach=1)
    assert [channel.name for channel in target.channels] == ["y1x1", "y1x-1"]
    encoded, mask = target.encode(torch.ones(1, 2, 3, 3, dtype=torch.int32))
    assert encoded.shape == mask.shape == (1, 2, 2, 3, 3)


def test_every_command_is_in_the_readme() -> None:
    assert isinstance(main, click.Group)
    assert {command.split()[1] for command in COMMANDS} == set(main.commands)
