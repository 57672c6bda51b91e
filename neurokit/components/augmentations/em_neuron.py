"""The whole programme of augmentations for neurons in electron microscopy."""

from __future__ import annotations

from attrs import frozen

from neurokit import Augmentation, Batch, SampleRandom, param
from neurokit.components.augmentations.damage import BlurredSections, MissingBox, MissingSections
from neurokit.components.augmentations.grey import Contrast, Noise, SectionContrast
from neurokit.components.augmentations.one_of import OneOf
from neurokit.components.augmentations.orientation import Flip, Rotate90
from neurokit.components.augmentations.shifts import LostSection, Misalignment
from neurokit.components.augmentations.warp import Warp


def _defect() -> Augmentation:
    return OneOf(
        choices=(
            Misalignment(),
            MissingSections(),
            BlurredSections(),
            LostSection(),
            MissingBox(),
        ),
        weights=(2.0, 1.0, 1.0, 1.0, 1.0),
        probability=0.6,
    )


@frozen(kw_only=True)
class EmNeuron(Augmentation):
    """Everything that helps to find neurons in serial sections, from flips to lost sections.

    Its parts are augmentations of their own, made one after the other in this order. A recipe can
    put another in the place of each, or switch one off with a probability of 0:
    `noise = { use = "noise", probability = 0 }`. Samples of few sections go through unchanged where
    a part needs more. For tissue imaged alike all ways, let `rotate90` turn in all three planes,
    and give `warp` a `displacement_z_nm` and `tilt_degrees`.
    """

    flip: Augmentation = param(factory=Flip, help="mirror images")
    rotate90: Augmentation = param(factory=Rotate90, help="quarter turns")
    warp: Augmentation = param(factory=Warp, help="smooth deformation")
    defect: Augmentation = param(factory=_defect, help="what goes wrong with sections")
    section_contrast: Augmentation = param(
        factory=SectionContrast, help="grey values of single sections"
    )
    contrast: Augmentation = param(factory=Contrast, help="grey values of whole samples")
    noise: Augmentation = param(factory=Noise, help="noise of the detector")

    @property
    def parts(self) -> tuple[Augmentation, ...]:
        """The augmentations, in the order in which they are made."""
        return (
            self.flip,
            self.rotate90,
            self.warp,
            self.defect,
            self.section_contrast,
            self.contrast,
            self.noise,
        )

    def check(
        self, patch_size: tuple[int, int, int], voxel_size_nm: tuple[float, float, float]
    ) -> None:
        for part in self.parts:
            part.check(patch_size, voxel_size_nm)

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch, changed by every part in turn.

        Raises:
            NeurokitError: a part does not do for samples of this size, or for these voxels.
        """
        for part in self.parts:
            batch = part.apply(batch, random)
        return batch
