"""The conformance suite: whether a component does all that the rest of neurokit relies on.

One call in a plugin's tests does it, whatever the component's kind::

    from neurokit.testing import conform

    def test_it_conforms():
        conform(ThresholdedComponents(threshold=0.4))

It needs no pytest, no data and no GPU, and takes a few seconds. What is wrong comes as one
AssertionError with a line for each thing. The checks of a kind stand in a module of its name, such
as `neurokit.testing.decoders`; `neurokit.testing.declared` holds those of every component.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from neurokit.channels import Channel

if TYPE_CHECKING:
    from neurokit.kinds import Kind
    from neurokit.volumes import Volume

__all__ = ["conform", "conform_hook"]


def conform(
    component: Kind,
    *,
    channels: Sequence[Channel] | None = None,
    image_channels: int = 1,
    shape: tuple[int, int, int] = (8, 32, 32),
    voxel_size_nm: tuple[float, float, float] = (30.0, 6.0, 6.0),
    volume: Volume | None = None,
    device: str = "cpu",
) -> None:
    """Check that a component is all that its kind promises.

    Of any kind it is asked that its class is a frozen attrs class whose parameters have help and
    bounds that hold, that it survives copying, pickling and a recipe, that it changes neither its
    inputs nor itself, and that the same inputs and seeds give the same results. The rest is what
    the kind's documentation says; for a decoder, for example, that it gives ids of the
    prediction's shape, also for one voxel and for values stored in 8 bits.

    Args:
        component: as a recipe would make it; small where its parameters allow that.
        channels: that a model, loss, inferer or decoder works on; by default the affinities z1, y1
            and x1 (for an inferer two channels without offsets), and any other affinity that a
            decoder names.
        image_channels: of a model's input, and of the images that are augmented.
        shape: voxels (z, y, x) of samples and volumes; a model's are enlarged to its
            `size_multiple`.
        voxel_size_nm: edge lengths of their voxels in nanometres (z, y, x).
        volume: what an inferer predicts and a metric scores against; by default one is drawn, with
            labels and skeletons.
        device: where tensors lie.

    Raises:
        AssertionError: with one line for each thing that is wrong.
    """
    from neurokit.testing.suite import run_suite
    from neurokit.testing.surroundings import Surroundings

    around = Surroundings(
        channels=None if channels is None else tuple(channels),
        image_channels=image_channels,
        shape=shape,
        voxel_size_nm=voxel_size_nm,
        volume=volume,
        device=device,
    )
    run_suite(component, around)


def conform_hook(plugin: type | ModuleType) -> None:
    """Check that a class or module is a hook plugin: it is documented, and listens to a run.

    Its hooks are called in the order in which a short training calls them, once to its end and
    once to a failure, with the folder of a run that is removed afterwards.

    Raises:
        AssertionError: with one line for each thing that is wrong.
    """
    from neurokit.testing.hooks import run_hook_suite

    run_hook_suite(plugin)
