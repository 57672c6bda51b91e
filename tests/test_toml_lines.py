"""On which line each key of a TOML text stands."""

from __future__ import annotations

import tomllib
from typing import Any

import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from neurokit.toml_lines import Path, key_lines


def paths(value: Any, path: Path = ()) -> set[Path]:
    """Every key, table, and entry of an array of tables in a parsed text."""
    found: set[Path] = set()
    entries: Any = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        entries = enumerate(value)
    for key, inner in entries:
        found |= {(*path, key)} | paths(inner, (*path, key))
    return found


def test_tables_keys_and_comments() -> None:
    text = """# a comment = 1
name = "a"  # [not.a.table]

[first]  # with a comment
x = 1
  y.z = 2
y.w = 3
[ second . "in.side" ]
'odd key' = 1
"esc\\u0061ped" = 2
"""
    assert key_lines(text) == {
        ("name",): 2,
        ("first",): 4,
        ("first", "x"): 5,
        ("first", "y"): 6,
        ("first", "y", "z"): 6,
        ("first", "y", "w"): 7,
        ("second",): 8,
        ("second", "in.side"): 8,
        ("second", "in.side", "odd key"): 9,
        ("second", "in.side", "escaped"): 10,
    }
    assert set(key_lines(text)) == paths(tomllib.loads(text))


def test_arrays_of_tables() -> None:
    text = """[[a]]
x = 1
[[a.b]]
y = 1
[[a.b]]
y = 2
[a.c]
z = 1
[[a]]
[[a.b]]
y = 3
"""
    assert key_lines(text) == {
        ("a",): 1,
        ("a", 0): 1,
        ("a", 0, "x"): 2,
        ("a", 0, "b"): 3,
        ("a", 0, "b", 0): 3,
        ("a", 0, "b", 0, "y"): 4,
        ("a", 0, "b", 1): 5,
        ("a", 0, "b", 1, "y"): 6,
        ("a", 0, "c"): 7,
        ("a", 0, "c", "z"): 8,
        ("a", 1): 9,
        ("a", 1, "b"): 10,
        ("a", 1, "b", 0): 10,
        ("a", 1, "b", 0, "y"): 11,
    }
    assert set(key_lines(text)) == paths(tomllib.loads(text))


def test_values_of_many_lines_that_look_like_keys() -> None:
    text = '''text = """
[table]
key = 1  # "
"""
raw = \'\'\'
x = [
\'\'\'
list = [
  "a = 1", # ] y = 2
  [1, 2],
  # [[b]]
  { z = 3 },
]
after = "]"
'''
    assert key_lines(text) == {("text",): 1, ("raw",): 5, ("list",): 8, ("after",): 14}


def test_line_ends_and_characters_that_are_none() -> None:
    assert key_lines("a = 1\r\n[b]\r\nc = 2\r\n") == {("a",): 1, ("b",): 2, ("b", "c"): 3}
    assert key_lines('a = "\u2028\x85"\nb = 1') == {("a",): 1, ("b",): 2}
    assert key_lines("") == {}


_keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_plain = st.integers(-9, 9) | st.booleans() | st.text("[]=\"'#\n {}a\\", max_size=8)
_values = st.recursive(
    _plain | st.lists(_plain, max_size=3),
    lambda inner: st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(_keys, _values, max_size=4), st.booleans())
def test_every_key_of_any_text_is_found_on_its_line(table: dict[str, Any], long: bool) -> None:
    text = tomli_w.dumps(table, multiline_strings=long)
    found = key_lines(text)
    assert set(found) == paths(tomllib.loads(text))
    lines = text.split("\n")
    for path, number in found.items():
        # A key is written as itself, or with escapes, which start with a backslash.
        assert str(path[-1]) in lines[number - 1] or "\\" in lines[number - 1]
