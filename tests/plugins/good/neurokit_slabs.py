"""A throw-away plugin: a decoder that cuts the volume into slabs."""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import Decoder, Prediction, param


@frozen(kw_only=True)
class Slabs(Decoder):
    """Slabs of equal thickness, whatever the prediction says."""

    thickness: int = param(2, help="sections of a slab", low=1)

    def decode(self, prediction: Prediction) -> NDArray[np.integer]:
        slabs = np.arange(prediction.shape[0]) // self.thickness + 1
        return np.broadcast_to(slabs[:, None, None], prediction.shape).astype(np.uint16)
