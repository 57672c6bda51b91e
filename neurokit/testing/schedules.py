"""What a schedule must hold to."""

from __future__ import annotations

import math
from collections.abc import Iterator

from neurokit.kinds import Schedule
from neurokit.testing.findings import Stages, doing
from neurokit.testing.surroundings import Surroundings

_BASE = 1e-3


def _rates(schedule: Schedule, _: Surroundings) -> Iterator[str]:
    for total in (1, 2, 3, 10, 1000):
        rates: list[object] = []
        for step in range(total):
            with doing(f"lr of step {step} of {total}"):
                rates.append(schedule.lr(step, total, _BASE))
        for step, rate in enumerate(rates):
            if isinstance(rate, bool) or not isinstance(rate, int | float):
                yield f"lr must give a number, not {rate!r}"
                return
            if not (math.isfinite(rate) and rate >= 0):
                yield f"lr of step {step} of {total} is {rate}; it must be finite and at least 0"
                return
        if total == 1000 and not any(rates):
            yield "lr is 0 at every step: nothing would be learned"
        if rates != [schedule.lr(step, total, _BASE) for step in range(total)]:
            yield "lr gives something else the second time"
            return


STAGES: Stages = ((_rates,),)
