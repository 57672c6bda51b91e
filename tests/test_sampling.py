"""Random numbers that belong to a sample alone."""

from collections.abc import Sequence

import pytest
import torch

from neurokit import SampleRandom

CPU = torch.device("cpu")


def _draws(
    seed: int = 7, step: int = 3, indices: Sequence[int] = (0, 1, 2, 3)
) -> list[torch.Tensor]:
    random = SampleRandom(seed, step, indices, CPU)
    return [
        random.uniform(-2, 5, 3, 4),
        random.normal(5),
        random.integers(-3, 9, 2),
        random.happens(0.5),
        random.uniform(0, 1),
        random.noise(2, 3),
    ]


def test_shapes_and_ranges() -> None:
    uniform, normal, integers, happens, scalar, noise = _draws(indices=range(200))
    assert [tuple(d.shape) for d in (uniform, normal, integers, happens, scalar, noise)] == [
        *((200, 3, 4), (200, 5), (200, 2), (200,), (200,), (200, 2, 3))
    ]
    assert uniform.min() >= -2
    assert uniform.max() <= 5
    assert uniform.mean().item() == pytest.approx(1.5, abs=0.2)
    assert normal.std().item() == pytest.approx(1, abs=0.1)
    assert noise.mean().item() == pytest.approx(0, abs=0.1)
    assert noise.std().item() == pytest.approx(1, abs=0.1)
    assert set(integers.flatten().tolist()) == set(range(-3, 9))
    assert happens.dtype == torch.bool
    assert happens.float().mean().item() == pytest.approx(0.5, abs=0.15)
    assert len(SampleRandom(0, 0, [5, 6], CPU)) == 2


def test_a_row_does_not_depend_on_its_batch() -> None:
    together = _draws(indices=(0, 1, 2, 3))
    for split in ([(0, 1), (2, 3)], [(0,), (1, 2, 3)]):
        parts = [_draws(indices=indices) for indices in split]
        for whole, *pieces in zip(together, *parts, strict=True):
            assert torch.equal(whole, torch.cat(pieces))
    for whole, backwards in zip(together, _draws(indices=(3, 2, 1, 0)), strict=True):
        assert torch.equal(whole, backwards.flip(0))


def test_the_same_sample_draws_the_same_whatever_else_is_drawn() -> None:
    first = _draws()
    torch.manual_seed(99)
    torch.rand(10)
    assert all(torch.equal(a, b) for a, b in zip(first, _draws(), strict=True))


def test_samples_steps_and_seeds_differ() -> None:
    rows = [
        tuple(row.flatten().tolist())
        for draws in (_draws(), _draws(step=4), _draws(seed=8), _draws(step=30), _draws(seed=73))
        for row in draws[0]
    ]
    assert len(set(rows)) == len(rows)


def test_certain_and_impossible() -> None:
    random = SampleRandom(0, 0, range(50), CPU)
    assert random.happens(1.0).all()
    assert not random.happens(0.0).any()


def test_some_samples_draw_as_they_would_among_all() -> None:
    together = SampleRandom(7, 3, (0, 1, 2, 3), CPU)
    apart = SampleRandom(7, 3, (0, 1, 2, 3), CPU)
    expected = together.uniform(0, 1, 4)[[2, 0]]
    assert torch.equal(apart.of([2, 0]).uniform(0, 1, 4), expected)
    # The streams of the two have moved, those of the others have not.
    following = apart.uniform(0, 1, 4)
    assert torch.equal(following[[0, 2]], together.uniform(0, 1, 4)[[0, 2]])
    assert torch.equal(following[[1, 3]], SampleRandom(7, 3, (1, 3), CPU).uniform(0, 1, 4))


def test_numbers_on_the_cpu_come_from_the_same_streams() -> None:
    # The device "meta" holds no numbers, as a GPU holds none that can be had without waiting.
    elsewhere = SampleRandom(7, 3, (0, 1), torch.device("meta"))
    here = SampleRandom(7, 3, (0, 1), CPU)
    assert elsewhere.uniform(0, 1).device.type == "meta"
    here.uniform(0, 1)
    assert torch.equal(elsewhere.on_cpu().normal(3), here.normal(3))
    assert elsewhere.of([1]).device.type == "meta"
    assert elsewhere.to_device(torch.ones(2)).device.type == "meta"


def test_noise_takes_one_number_of_a_stream_whatever_its_size() -> None:
    following = []
    for size in ((), (2,), (30, 40)):
        random = SampleRandom(7, 3, (0, 1), CPU)
        random.noise(*size)
        following.append(random.uniform(0, 1))
    assert all(torch.equal(each, following[0]) for each in following)


def test_noise_follows_what_was_drawn_before_and_leaves_torch_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    random = SampleRandom(7, 3, (0, 1), CPU)
    first, second = random.noise(50), random.noise(50)
    assert torch.equal(torch.rand(3), expected)
    assert len({tuple(row.tolist()) for row in (*first, *second)}) == 4
