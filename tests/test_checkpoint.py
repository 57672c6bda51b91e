"""Checkpoints: whole or absent, data only, and clear about what does not fit."""

from __future__ import annotations

import os
import pickle
import resource
import signal
from pathlib import Path

import pytest
import torch
from attrs import asdict, evolve
from frail import status
from torch import nn

from neurokit import NeurokitError
from neurokit.checkpoint import Checkpoint
from neurokit.weights import Weights


def _checkpoint() -> Checkpoint:
    torch.manual_seed(3)
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    network(torch.randn(5, 3)).square().sum().backward()
    optimizer.step()
    return Checkpoint(
        step=7,
        recipe='name = "größer"\n',
        model=network.state_dict(),
        loss={"weight": torch.tensor(2.0)},
        optimizer=optimizer.state_dict(),
        random_state=torch.get_rng_state(),
        epoch_loss=0.1 + 0.2,
        best=[(0.25, "epoch=001.ckpt")],
        averaged={name: tensor + 1 for name, tensor in network.state_dict().items()},
        scaler=torch.amp.GradScaler("cpu").state_dict(),
        precision="float16",
        device_random_state=torch.arange(16, dtype=torch.uint8),
        epoch_steps=3,
        nonfinite=2,
        global_batch=4,
    )


def _same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
    return a == b


def _error(path: Path) -> str:
    with pytest.raises(NeurokitError) as caught:
        Checkpoint.load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_everything_comes_back(tmp_path: Path) -> None:
    saved = _checkpoint()
    path = tmp_path / "new" / "a.ckpt"
    saved.save(path)
    assert _same(asdict(Checkpoint.load(path)), asdict(saved))
    assert list(path.parent.iterdir()) == [path]


def test_it_needs_no_trust(tmp_path: Path) -> None:
    _checkpoint().save(tmp_path / "a.ckpt")
    content = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert content["neurokit_checkpoint"] == 2


class _Trap:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_file_is_never_run(tmp_path: Path, how: str) -> None:
    path, marker = tmp_path / "a.ckpt", tmp_path / "marker"
    content = {"neurokit_checkpoint": 1, "model": _Trap(marker)}
    if how == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    assert _error(path) == (
        f"{path} is not a neurokit checkpoint, or holds code, which is never run"
    )
    assert not marker.exists()


def test_a_truncated_file_is_one_clear_line(tmp_path: Path) -> None:
    _checkpoint().save(tmp_path / "whole.ckpt")
    whole = (tmp_path / "whole.ckpt").read_bytes()
    path = tmp_path / "a.ckpt"
    told = set()
    for length in [*range(12), *range(12, len(whole) - 1, 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        told.add(_error(path))
    assert told <= {
        f"the checkpoint {path} is damaged; use another one of its folder",
        f"{path} is not a neurokit checkpoint, or holds code, which is never run",
    }


@pytest.mark.parametrize(
    "content", [b'extends = "tiny.toml"\n', b"a\n", b"[decoder]\n", b"0", b"I", b"\x80", b"(\x85."]
)
def test_another_kind_of_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(content)
    assert _error(path) in (
        f"{path} is not a neurokit checkpoint",
        f"{path} is not a neurokit checkpoint, or holds code, which is never run",
        f"the checkpoint {path} is damaged; use another one of its folder",
    )


def test_flipped_bytes_never_give_a_traceback(tmp_path: Path) -> None:
    _checkpoint().save(tmp_path / "whole.ckpt")
    whole = (tmp_path / "whole.ckpt").read_bytes()
    path = tmp_path / "a.ckpt"
    told: list[str] = []
    for position in range(0, len(whole), 41):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            Checkpoint.load(path)
        except NeurokitError as error:
            told.append(str(error))
    assert told
    assert "\n" not in "".join(told)


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    assert _error(path) == f"there is no checkpoint {path}"
    path.mkdir()
    assert _error(path) == f"the checkpoint {path} cannot be read: Is a directory"
    contents: list[object] = [[1, 2], {"model": {}}, {"neurokit_checkpoint": 3}]
    for content in contents:
        torch.save(content, tmp_path / "b.ckpt")
        assert _error(tmp_path / "b.ckpt") == (
            f"{tmp_path / 'b.ckpt'} is not a neurokit checkpoint of format 2"
        )
    lacking = ["model, loss, optimizer, random_state, epoch_loss, best"]
    lacking += [
        f"{lacking[0]}, averaged, scaler, precision, device_random_state, epoch_steps, nonfinite, "
        "global_batch"
    ]
    for number, names in enumerate(lacking, 1):
        torch.save({"neurokit_checkpoint": number, "step": 3, "recipe": ""}, tmp_path / "b.ckpt")
        assert _error(tmp_path / "b.ckpt") == (
            f"the checkpoint {tmp_path / 'b.ckpt'} is damaged: it lacks {names}"
        )


def test_files_of_the_first_format_are_read(tmp_path: Path) -> None:
    given = _checkpoint()
    old = {
        name: getattr(given, name)
        for name in ("step", "recipe", "model", "loss", "optimizer", "random_state")
    }
    old |= {"epoch_loss": given.epoch_loss, "best": given.best}
    torch.save({"neurokit_checkpoint": 1, **old}, tmp_path / "old.ckpt")
    read = Checkpoint.load(tmp_path / "old.ckpt")
    assert _same({name: getattr(read, name) for name in old}, old)
    assert (read.averaged, read.scaler, read.precision) == ({}, {}, "float32")
    assert (read.epoch_steps, read.nonfinite, read.device_random_state) == (None, 0, None)
    assert _same(read.best_weights, read.model)


def test_the_averaged_weights_are_the_best(tmp_path: Path) -> None:
    checkpoint, path = _checkpoint(), tmp_path / "a.ckpt"
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    checkpoint.restore_model(network, path)
    assert _same(dict(network.state_dict()), checkpoint.model)
    assert _same(checkpoint.best_weights, checkpoint.averaged)
    checkpoint.save(path)
    assert _same(Weights.of_checkpoint(path).tensors, checkpoint.averaged)
    plain = evolve(checkpoint, averaged={})
    assert _same(plain.best_weights, checkpoint.model)
    plain.save(path)
    assert _same(Weights.of_checkpoint(path).tensors, checkpoint.model)


def test_another_architecture() -> None:
    checkpoint, path = _checkpoint(), Path("a.ckpt")
    fitting = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    checkpoint.restore_model(fitting, path)
    assert torch.equal(fitting.state_dict()["0.weight"], checkpoint.model["0.weight"])

    def error(module: nn.Module, of: Checkpoint = checkpoint) -> str:
        with pytest.raises(NeurokitError) as caught:
            of.restore_model(module, path)
        return str(caught.value)

    head = "the checkpoint a.ckpt is of another architecture: its "
    tail = "; use the recipe it was trained with"
    assert error(nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))) == (
        f"{head}'0.weight' is 2 x 3, the recipe's is 5 x 3{tail}"
    )
    assert error(nn.Sequential(nn.Linear(3, 2))) == (
        f"{head}'1.weight' is 2, the recipe's is absent{tail}"
    )
    assert error(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))) == (
        f"{head}'2.weight' is absent, the recipe's is 1 x 2{tail}"
    )
    number = evolve(checkpoint, model=checkpoint.model | {"0.bias": torch.tensor(1.0)})
    assert error(fitting, number) == f"{head}'0.bias' is a number, the recipe's is 2{tail}"


def _save_on_a_full_disk(path: Path) -> None:
    checkpoint = evolve(Checkpoint.load(path), step=8)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    with pytest.raises(NeurokitError) as caught:
        checkpoint.save(path)
    assert str(caught.value) == (
        f"cannot write {path}: File too large; free some space or choose another place"
    )


def test_a_full_disk_leaves_the_old_one(tmp_path: Path) -> None:
    _checkpoint().save(tmp_path / "a.ckpt")
    before = (tmp_path / "a.ckpt").read_bytes()
    assert status(_save_on_a_full_disk, tmp_path / "a.ckpt") == 0
    assert (tmp_path / "a.ckpt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]
