"""Weights: what a training learnt, as others can use it: by a name, or from a file.

`load` takes all that predicts: a training's checkpoint, a `.safetensors` file, or the name of
weights that neurokit or a plugin ships. `export` makes such a file of a run, with a model card.
"""

from neurokit.weights.exporting import Exported, export
from neurokit.weights.loading import load
from neurokit.weights.weights import Method, Weights

__all__ = ["Exported", "Method", "Weights", "export", "load"]
