"""The tables of a recipe.

Parameters of components are declared by the components themselves; these are the rest.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

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
from neurokit.structuring import Plain


@frozen(kw_only=True)
class System:
    """What the run may use of the machine."""

    device: str = param("auto", help="auto, cpu, cuda, or one of several GPUs as cuda:1")
    num_gpus: int | Literal["all"] = param(
        "all", help="GPUs to use: all that are visible, or a number; 0 is the CPU", low=0
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = param(
        "auto",
        help="of the network; auto is that of a trained network where the device has it; else "
        "bfloat16 on GPUs that have it, float16 on others, and bfloat16 on CPUs where a short "
        "trial finds it faster than float32",
    )
    compile: bool | Literal["auto"] = param(
        "auto", help="fuse the network's operations with torch.compile; auto does so on GPUs"
    )
    threads: int = param(0, help="CPU threads of torch; 0 is as many as there are cores", low=0)


@frozen(kw_only=True)
class Data:
    """Which volumes to train on, to validate on, and to test on."""

    train: Dataset | None = param(None, help="volumes with labels to train on")
    validation: Dataset | None = param(
        None, help="volumes with labels that training is watched on, and the decoder tuned on"
    )
    test: Dataset | None = param(None, help="volumes to segment, and to score if they are labelled")


@frozen(kw_only=True)
class Validation:
    """How a training is watched on [data.validation], where the recipe has one."""

    every_epochs: int = param(1, help="epochs between one validation loss and the next", low=1)
    batches: int = param(
        8, help="batches of samples, always the same, that the loss is taken over", low=1
    )
    segment_every_epochs: int = param(
        0, help="epochs between whole segmentations, scored by the metrics; 0 is never", low=0
    )


@frozen(kw_only=True)
class Training:
    """How long, and on which samples, to train."""

    patch_size: tuple[int, int, int] = param(help="voxels of a sample (z, y, x)", low=1)
    batch_size: int = param(1, help="samples at once, per device", low=1)
    accumulate: int = param(
        1, help="batches whose gradients are averaged for one optimizer step", low=1
    )
    epochs: int = param(help="how often a checkpoint is considered", low=1)
    steps_per_epoch: int = param(help="optimizer steps between checkpoints", low=1)
    pad: tuple[int, int, int] = param(
        (0, 0, 0), help="voxels by which training volumes are mirrored outwards (z, y, x)", low=0
    )
    gradient_clip: float = param(1.0, help="largest global norm of the gradient", above=0)
    ema_decay: float = param(
        0.0,
        help="share that the averaged weights keep each step, such as 0.999; they are then used "
        "for inference; 0 averages nothing",
        low=0,
        below=1,
    )
    nonfinite_steps: int = param(
        3, help="steps in a row without a finite loss after which training stops", low=1
    )
    volume_memory_gib: float | None = param(
        None,
        help="memory of the device for volumes, the others are read as they are needed; half of "
        "what is free where it is left out",
        low=0,
    )
    keep_best: int = param(3, help="checkpoints with the lowest epoch loss to keep", low=0)
    preview_every_epochs: int = param(
        10, help="epochs between pictures of input, target and prediction; 0 is never", low=0
    )
    augmentations: tuple[Augmentation, ...] = param((), help="changes of samples, in order")
    validation: Validation = param(factory=Validation, help="how a training is watched")


@frozen(kw_only=True)
class Space:
    """What is searched: the shape of the recipe, with ranges in place of values.

    `neurokit.tuning.space` reads it, and says what a range is.
    """

    decoder: dict[str, Plain] = param(factory=dict, help="ranges of the decoder's parameters")
    metrics: tuple[dict[str, Plain], ...] = param(
        (), help="ranges of the parameters of each metric, in the order of the recipe's metrics"
    )


@frozen(kw_only=True)
class Tuning:
    """How the decoder's parameters are searched."""

    study: str = param("tuning", help="name of the study, under which it can be continued")
    trials: int | None = param(
        None,
        help="how many settings to try in all; where it is left out 25, or the whole grid",
        low=1,
    )
    sampler: Literal["tpe", "grid", "random"] = param(
        "tpe", help="what chooses settings: earlier scores (tpe), their order (grid), or chance"
    )
    trial_timeout: float = param(300.0, help="seconds that a trial may take", above=0)
    cache_gib: float = param(
        8.0, help="space beside the study for what trials have in common", low=0
    )
    space: Space = param(factory=Space, help="what is searched")

    def __attrs_post_init__(self) -> None:
        if not _names_a_file(self.study):
            raise NeurokitError(f"study {self.study!r} does not do as the name of a file")


@frozen(kw_only=True)
class Recipe:
    """Everything a run is told."""

    name: str = param(help="of the folder under outputs/ that holds the runs")
    seed: int = param(42, help="of weights and samples", low=0, high=2**63 - 1)
    system: System = param(factory=System, help="what to use of the machine")
    data: Data = param(help="the volumes")
    target: Target = param(help="what the network learns to predict")
    model: Model = param(help="the network")
    loss: Loss = param(help="how wrong a prediction is")
    optimizer: Optimizer = param(help="how weights follow gradients")
    schedule: Schedule = param(help="the learning rate over the steps")
    train: Training = param(help="how long and on what to train")
    inferer: Inferer = param(help="how the network is run over a volume")
    decoder: Decoder = param(help="how a prediction becomes a segmentation")
    metrics: tuple[Metric, ...] = param((), help="how the segmentation is scored")
    tune: Tuning | None = param(None, help="how the decoder's parameters are searched")

    def __attrs_post_init__(self) -> None:
        if not _names_a_file(self.name):
            raise NeurokitError(f"name {self.name!r} does not do as the name of a folder")


def _names_a_file(name: str) -> bool:
    return bool(name) and name.isprintable() and not name.startswith(".") and "/" not in name
