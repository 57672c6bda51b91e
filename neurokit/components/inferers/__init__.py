"""Inferers: running a network over a whole volume."""

from neurokit.components.inferers.ensemble import TestTimeAugmentation
from neurokit.components.inferers.sliding_window import SlidingWindow

__all__ = ["SlidingWindow", "TestTimeAugmentation"]
