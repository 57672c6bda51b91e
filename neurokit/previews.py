"""Previews: one training sample with what the network makes of it, for whoever wants to see it."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.channels import Channel

Floats = NDArray[np.float32]


@frozen(eq=False, kw_only=True)
class Preview:
    """A sample as it was trained on, and the network's prediction of it.

    Attributes:
        image_ZYX: about 0 to 1.
        target_CZYX: what the network should predict.
        mask_CZYX: 0 where the target is unknown.
        prediction_CZYX: after the channels' activations.
        channels: of target, mask and prediction.
    """

    image_ZYX: Floats
    target_CZYX: Floats
    mask_CZYX: Floats
    prediction_CZYX: Floats
    channels: tuple[Channel, ...]
