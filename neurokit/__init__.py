"""neurokit: from an electron-microscopy volume to one instance per neuron.

The names below are what plugins and notebooks may use; everything else may change. Importing the
package loads neither torch nor any plugin: names that need them are fetched on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neurokit.channels import Channel, channel_indices, offset_name
from neurokit.errors import NeurokitError
from neurokit.kinds import (
    Archive,
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
    from neurokit.activation import activate
    from neurokit.affinity import (
        Origin,
        affinity_channels,
        axis_order,
        channel_origins,
        encode_affinities,
        erode_contacts,
    )
    from neurokit.allocator import freed_memory_kept
    from neurokit.api import open_run, run, segment
    from neurokit.atomic import replacing
    from neurokit.device import out_of_memory
    from neurokit.distributed import process_count, sum_over_processes
    from neurokit.fetching import RemoteFile, list_bucket, take_members
    from neurokit.hooks import hookimpl
    from neurokit.pipeline import Outcome
    from neurokit.prediction import Prediction, create_prediction
    from neurokit.recipe import load_recipe
    from neurokit.sampling import Batch, SampleRandom
    from neurokit.space import require_space
    from neurokit.volumes import (
        ArrayLike,
        Skeletons,
        Volume,
        mirrored,
        open_array,
        read_skeletons,
        sections_of,
        write_array,
        write_skeletons,
        writing_h5,
    )

_FETCHED = {
    "activate": "neurokit.activation",
    "affinity_channels": "neurokit.affinity",
    "Origin": "neurokit.affinity",
    "axis_order": "neurokit.affinity",
    "channel_origins": "neurokit.affinity",
    "encode_affinities": "neurokit.affinity",
    "erode_contacts": "neurokit.affinity",
    "freed_memory_kept": "neurokit.allocator",
    "open_run": "neurokit.api",
    "run": "neurokit.api",
    "segment": "neurokit.api",
    "replacing": "neurokit.atomic",
    "out_of_memory": "neurokit.device",
    "process_count": "neurokit.distributed",
    "sum_over_processes": "neurokit.distributed",
    "RemoteFile": "neurokit.fetching",
    "list_bucket": "neurokit.fetching",
    "take_members": "neurokit.fetching",
    "hookimpl": "neurokit.hooks",
    "Outcome": "neurokit.pipeline",
    "Prediction": "neurokit.prediction",
    "create_prediction": "neurokit.prediction",
    "load_recipe": "neurokit.recipe",
    "Batch": "neurokit.sampling",
    "SampleRandom": "neurokit.sampling",
    "ArrayLike": "neurokit.volumes",
    "Skeletons": "neurokit.volumes",
    "Volume": "neurokit.volumes",
    "mirrored": "neurokit.volumes",
    "open_array": "neurokit.volumes",
    "read_skeletons": "neurokit.volumes",
    "require_space": "neurokit.space",
    "sections_of": "neurokit.volumes",
    "write_array": "neurokit.volumes",
    "write_skeletons": "neurokit.volumes",
    "writing_h5": "neurokit.volumes",
}

__all__ = [
    "Archive",
    "ArrayLike",
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
    "Origin",
    "Outcome",
    "Prediction",
    "RemoteFile",
    "SampleRandom",
    "Schedule",
    "Skeletons",
    "Target",
    "Volume",
    "activate",
    "affinity_channels",
    "axis_order",
    "channel_indices",
    "channel_origins",
    "create_prediction",
    "encode_affinities",
    "erode_contacts",
    "freed_memory_kept",
    "hookimpl",
    "list_bucket",
    "load_recipe",
    "mirrored",
    "offset_name",
    "open_array",
    "open_run",
    "out_of_memory",
    "param",
    "process_count",
    "read_skeletons",
    "replacing",
    "require_space",
    "run",
    "sections_of",
    "segment",
    "sum_over_processes",
    "take_members",
    "track",
    "write_array",
    "write_skeletons",
    "writing_h5",
]


def __getattr__(name: str) -> Any:
    if name not in _FETCHED:
        raise AttributeError(f"module 'neurokit' has no attribute '{name}'")
    return getattr(import_module(_FETCHED[name]), name)
