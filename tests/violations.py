"""What the tests of the conformance suite share."""

from __future__ import annotations

from typing import Any

import pytest

from neurokit.testing import conform


def violated(component: Any, *sentences: str, **surroundings: Any) -> None:
    """Check that `conform` finds exactly this."""
    with pytest.raises(AssertionError) as caught:
        conform(component, **surroundings)
    title, *found = str(caught.value).split("\n- ")
    assert found == list(sentences), found
    assert title.startswith(f"{type(component).__name__} is no {component.kind} as it must be:")
