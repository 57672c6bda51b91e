"""neurokit: from an electron-microscopy volume to one instance per neuron.

The names below are what plugins and notebooks may use; everything else may change. Importing the
package loads neither torch nor any plugin: names that need them are fetched on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neurokit.channels import Channel, channel_indices, offset_name
from neurokit.errors import NeurokitError
from neurokit.kinds import (
    Augmentation,
    Dataset,
    Decoder,
    Inferer,
    Loss,
    Metric,
    Model,
    Optimizer,
    Schedule,
    Target,
)
from neurokit.params import param
from neurokit.progress import track

if TYPE_CHECKING:
    from neurokit.affinity import (
        affinity_channels,
        axis_order,
        encode_affinities,
        erode_contacts,
    )
    from neurokit.atomic import replacing
    from neurokit.hooks import hookimpl
    from neurokit.prediction import Prediction, create_prediction
    from neurokit.recipe import load_recipe
    from neurokit.sampling import Batch, SampleRandom
    from neurokit.volumes import Volume, open_array

_FETCHED = {
    "affinity_channels": "neurokit.affinity",
    "axis_order": "neurokit.affinity",
    "encode_affinities": "neurokit.affinity",
    "erode_contacts": "neurokit.affinity",
    "replacing": "neurokit.atomic",
    "hookimpl": "neurokit.hooks",
    "Prediction": "neurokit.prediction",
    "create_prediction": "neurokit.prediction",
    "load_recipe": "neurokit.recipe",
    "Batch": "neurokit.sampling",
    "SampleRandom": "neurokit.sampling",
    "Volume": "neurokit.volumes",
    "open_array": "neurokit.volumes",
}

__all__ = [
    "Augmentation",
    "Batch",
    "Channel",
    "Dataset",
    "Decoder",
    "Inferer",
    "Loss",
    "Metric",
    "Model",
    "NeurokitError",
    "Optimizer",
    "Prediction",
    "SampleRandom",
    "Schedule",
    "Target",
    "Volume",
    "affinity_channels",
    "axis_order",
    "channel_indices",
    "create_prediction",
    "encode_affinities",
    "erode_contacts",
    "hookimpl",
    "load_recipe",
    "offset_name",
    "open_array",
    "param",
    "replacing",
    "track",
]


def __getattr__(name: str) -> Any:
    if name not in _FETCHED:
        raise AttributeError(f"module 'neurokit' has no attribute '{name}'")
    return getattr(import_module(_FETCHED[name]), name)
