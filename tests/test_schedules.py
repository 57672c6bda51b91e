"""Learning rates over a training."""

from itertools import pairwise
from math import cos, pi
from typing import Any

import pytest

from neurokit.components.schedules import WarmupCosine

BASE = 3e-4


def _rates(total: int, **parameters: Any) -> list[float]:
    schedule = WarmupCosine(**parameters)
    return [schedule.lr(step, total, BASE) for step in range(total)]


@pytest.mark.parametrize("total", [100, 1000, 12345])
def test_warm_up_peak_and_end(total: int) -> None:
    rates = _rates(total)
    peak = round(0.03 * total)
    assert rates[0] == 1e-5
    assert rates[peak] == pytest.approx(BASE)
    assert rates[-1] == pytest.approx(1e-6)
    assert all(a < b for a, b in pairwise(rates[: peak + 1]))
    assert all(a > b for a, b in pairwise(rates[peak:]))


def test_the_shape_between() -> None:
    rates = _rates(101, warmup_fraction=0.1, warmup_start_lr=0, min_lr=0)
    assert rates[5] == pytest.approx(BASE / 2)
    assert rates[55] == pytest.approx(BASE * (1 + cos(pi * 45 / 90)) / 2)


def test_without_a_warm_up() -> None:
    rates = _rates(11, warmup_fraction=0)
    assert rates[0] == BASE
    assert rates[5] == pytest.approx((BASE + 1e-6) / 2)
    assert rates[10] == pytest.approx(1e-6)


def test_the_shortest_trainings() -> None:
    assert _rates(1) == [BASE]
    assert _rates(2) == pytest.approx([BASE, 1e-6])
    assert _rates(2, warmup_fraction=0.5) == pytest.approx([1e-5, BASE])
    assert _rates(1, warmup_fraction=1) == [1e-5]


def test_steps_past_the_end_stay_at_the_minimum() -> None:
    assert WarmupCosine().lr(5000, 1000, BASE) == pytest.approx(1e-6)
