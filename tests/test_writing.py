"""HDF5 files that are whole or absent."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neurokit import NeurokitError, open_array, require_space, write_array, writing_h5


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64", "float32"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 1), (0, 4, 5), ()])
def test_round_trip(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).integers(0, 100, shape).astype(dtype)
    path = tmp_path / "new" / "a.h5"
    write_array(path, values, "labels", {"unit": "nm", "size": (30, 6, 6)})
    stored = open_array(f"{path}::labels")
    np.testing.assert_array_equal(stored[...], values)
    assert stored.dtype == values.dtype
    assert stored.attributes()["unit"] == "nm"
    assert list(stored.attributes()["size"]) == [30, 6, 6]
    assert list(path.parent.iterdir()) == [path]


def test_the_largest_ids_survive(tmp_path: Path) -> None:
    labels = np.array([[[0, 2**64 - 1, 2**63]]], np.uint64)
    write_array(tmp_path / "a.h5", labels)
    np.testing.assert_array_equal(open_array(f"{tmp_path}/a.h5")[...], labels)


def test_integers_are_compressed(tmp_path: Path) -> None:
    write_array(tmp_path / "a.h5", np.zeros((50, 50, 50), np.uint32))
    assert (tmp_path / "a.h5").stat().st_size < 50**3


def test_streaming(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with writing_h5(path) as file:
        data = file.create_dataset("main", (4, 5), "f4", chunks=(1, 5))
        for row in range(4):
            data[row] = row
            file.flush()
        assert not path.exists()
    assert open_array(f"{path}::main")[3].tolist() == [3] * 5


def test_an_error_inside_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_array(path, np.arange(3))

    def interrupted() -> None:
        with writing_h5(path) as file:
            file["main"] = np.zeros(1000)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert open_array(f"{path}::main")[...].tolist() == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NeurokitError) as caught:
        write_array(tmp_path / "file" / "a.h5", np.zeros(3))
    assert str(caught.value) == (
        f"cannot write {tmp_path}/file/a.h5: File exists; choose another place"
    )


LIMITED = """
import resource, sys
from pathlib import Path
import h5py, numpy as np
from neurokit import NeurokitError, write_array, writing_h5
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
path, values = Path(sys.argv[1]), np.random.default_rng(0).random((20, 100, 100))

def streamed(flush):
    with writing_h5(path) as file:
        data = file.create_dataset("main", values.shape, "f8", chunks=(1, 50, 50))
        for z in range(20):
            data[z] = values[z]
            if flush:
                file.flush()
        print("all sections")

def compressed():
    write_array(path, (values * 2**60).astype(np.uint64))

ways = {
    "whole": lambda: write_array(path, values),
    "compressed": compressed,
    "streamed": lambda: streamed(False),
    "flushed": lambda: streamed(True),
}
try:
    ways[sys.argv[2]]()
except NeurokitError as error:
    print(error)
write_array(path.with_name("small.h5"), np.arange(3))
"""


@pytest.mark.parametrize("way", ["whole", "compressed", "streamed", "flushed"])
def test_a_full_disk_is_told_in_one_line(tmp_path: Path, way: str) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["main"] = np.arange(3)
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), way], capture_output=True, text=True
    )
    told = f"cannot write {path}: File too large; free some space or choose another place\n"
    assert child.stdout == ("all sections\n" + told if way == "streamed" else told)
    assert child.stderr == ""
    assert child.returncode == 0
    assert sorted(place.name for place in tmp_path.iterdir()) == ["a.h5", "small.h5"]
    for name in ("a.h5", "small.h5"):
        assert open_array(f"{tmp_path}/{name}")[...].tolist() == [0, 1, 2]


def test_require_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def usage(place: Path) -> Any:
        asked.append(place)
        return type("Usage", (), {"free": 5_000_000_000})

    monkeypatch.setattr("shutil.disk_usage", usage)
    require_space(tmp_path, 5_000_000_000)
    with pytest.raises(NeurokitError) as caught:
        require_space(tmp_path / "not" / "yet", 7_300_000_000)
    assert asked == [tmp_path, tmp_path]
    assert str(caught.value) == (
        f"{tmp_path}/not/yet has 5.0 GB free, 2.3 GB less than needed; "
        f"free some space or choose another place"
    )
