"""Training samples: patches of labelled volumes, from the training device or read ahead."""

from neurokit.samples.drawing import Samples
from neurokit.samples.known import Known
from neurokit.samples.places import Place

__all__ = ["Known", "Place", "Samples"]
