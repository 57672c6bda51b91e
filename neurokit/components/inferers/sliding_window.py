"""Inference by overlapping windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from attrs import frozen
from torch import nn

from neurokit import (
    Channel,
    Inferer,
    NeurokitError,
    Prediction,
    Volume,
    create_prediction,
    freed_memory_kept,
    out_of_memory,
    param,
    require_space,
    track,
    writing_h5,
)
from neurokit.components.inferers.blending import make_layers
from neurokit.components.inferers.blocks import GIB, Limits, make_plan
from neurokit.components.inferers.ensemble import Ensemble, TestTimeAugmentation
from neurokit.components.inferers.grid import Axis, Blend, Size
from neurokit.components.inferers.storage import Storage, check_storage
from neurokit.components.inferers.sweep import Sweep
from neurokit.components.inferers.writer import Writer


@frozen(kw_only=True)
class SlidingWindow(Inferer):
    """Overlapping windows, their logits blended with weights that fade towards the edges.

    Windows stand `round(window * (1 - overlap))` voxels apart along each axis, the last one
    against the end of the volume. Where they overlap, the weighted mean of their logits is taken
    in float32 and then activated. The `bump` weight along an axis of n voxels is
    exp(-1 / (1 - u^2)) with u = 2 (i + 1) / (n + 1) - 1 at voxel i, and the weight of a voxel is
    the product over the axes, as in PyTorch Connectomics.

    Before that the image is mirrored outwards by `pad` on both sides of each axis, without
    repeating its edge, and by more where it would still be smaller than the window. The
    prediction keeps exactly the voxels of the image, whatever its channels. PyTorch Connectomics
    arrives at the same voxels in two steps: of an image padded by [8, 128, 128] it crops
    [7, 8, 127, 128, 127, 128], before and after along each axis, and the one voxel too many in
    front of each axis goes when affinities of offset 1 are cropped.

    Memory is bounded by `memory_gib`, not by the volume: the image is read, and the prediction
    blended and written, for no more than the depth of a window at once, and where that is still
    too much, for one block of each section after the other. Blocks share one grid of windows, so
    the prediction stays the same to the last bit or so, but the windows on a border are computed
    for either side: at an overlap of 0.5, a section of 11 x 11 windows cut in two takes 11 twice.
    The blocks are chosen that take the fewest. The network's own memory comes on top; it grows
    with `sw_batch_size`.

    While the network works, other threads read the next sections and write what is finished.
    """

    window: Size = param(help="voxels (z, y, x) that the network sees at once", low=1)
    overlap: float = param(
        0.5, help="share of a window that the next one covers too", low=0, below=1
    )
    sw_batch_size: int = param(
        4, help="windows that run through the network together, at most", low=1
    )
    pad: Size = param(
        (0, 0, 0), help="voxels (z, y, x) mirrored around the image, then removed", low=0
    )
    blend: Blend = param(
        "bump", help="weights of a window: fading, or the same everywhere", choices=get_args(Blend)
    )
    memory_gib: float = param(
        4.0, help="GiB for all but the network, on the GPU and beside it", above=0
    )
    storage: Storage = param(
        "float32",
        help="what predictions are stored as; uint8 holds round(255 p) of probabilities",
        choices=get_args(Storage),
    )
    test_time_augmentation: TestTimeAugmentation = param(
        factory=TestTimeAugmentation, help="flipped and turned views of each window"
    )

    def __attrs_post_init__(self) -> None:
        _, y, x = self.window
        turned = [view.name for view in self.test_time_augmentation.seen if view.transposed]
        if turned and y != x:
            raise NeurokitError(
                f"the view '{turned[0]}' of test_time_augmentation exchanges y and x, which "
                f"differ in window {list(self.window)}; make them equal, or name the views "
                f"without t"
            )

    def input_size(self) -> Size:
        return self.window

    def check(self, channels: Sequence[Channel], volume: Volume) -> None:
        check_storage(channels, self.storage)
        self._check_voxels(volume)
        network = self._seen_by(nn.Identity(), channels)
        make_plan(self._axes(volume), self._limits(network, channels, torch.device("cpu")))

    def infer(
        self, module: nn.Module, channels: Sequence[Channel], volume: Volume, out: Path
    ) -> Prediction:
        """The activated prediction of the volume's image, stored as `storage` says.

        The work is done on the device of the module's parameters.

        Raises:
            NeurokitError: the module's output does not fit its input and the channels, the
                channels or voxels do not allow a view or the storage, memory does not suffice or
                runs out, or the file cannot be written; `out` is then as it was before.
        """
        device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
        self.check(channels, volume)
        network = self._seen_by(module, channels)
        z, y, x = self._axes(volume)
        limits = self._limits(network, channels, device)
        sweep = Sweep(
            network=network,
            channels=tuple(channels),
            volume=volume,
            axes=(z, y, x),
            layers=make_layers((z, y, x), network.shifts, self.blend, device),
            storage=self.storage,
            plan=make_plan((z, y, x), limits),
            device=device,
        )
        require_space(
            out.parent, np.dtype(self.storage).itemsize * len(channels) * prod(volume.shape)
        )
        with (
            writing_h5(out) as file,
            _out_of_memory_explained(),
            freed_memory_kept(device.type),
            torch.inference_mode(),
        ):
            dataset = create_prediction(
                file, channels, volume.shape, volume.voxel_size_nm, self.storage
            )
            with Writer(dataset, device) as writer:
                for _ in track(sweep.run(writer), "windows", sweep.total):
                    pass
        return Prediction.open(out)

    def _seen_by(self, module: nn.Module, channels: Sequence[Channel]) -> Ensemble:
        """The network, asked about each view of a window."""
        augmentation = self.test_time_augmentation
        return Ensemble(module, channels, augmentation.seen, augmentation.ensemble)

    def _axes(self, volume: Volume) -> tuple[Axis, Axis, Axis]:
        z, y, x = (
            Axis(size, window, pad, self.overlap)
            for size, window, pad in zip(volume.shape, self.window, self.pad, strict=True)
        )
        return z, y, x

    def _limits(
        self, network: Ensemble, channels: Sequence[Channel], device: torch.device
    ) -> Limits:
        return Limits(
            memory=_bytes_allowed(self.memory_gib, device),
            batch=self.sw_batch_size,
            channels=len(channels),
            in_views=not network.plain,
        )

    def _check_voxels(self, volume: Volume) -> None:
        _, y, x = volume.voxel_size_nm
        for view in self.test_time_augmentation.seen:
            if view.transposed and y != x:
                raise NeurokitError(
                    f"the view '{view.name}' of inferer.test_time_augmentation exchanges y and x, "
                    f"and voxels of '{volume.name}' are {y:g} and {x:g} nm long there; "
                    f"name the views without t"
                )


def _bytes_allowed(memory_gib: float, device: torch.device) -> float:
    """What inference may take: on a GPU, no more than half of what is free, for the network."""
    if device.type != "cuda":
        return memory_gib * GIB
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(memory_gib * GIB, free / 2)


@contextmanager
def _out_of_memory_explained() -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise NeurokitError(
            "memory ran out during inference; lower inferer.sw_batch_size, inferer.window or "
            "inferer.memory_gib"
        ) from error
