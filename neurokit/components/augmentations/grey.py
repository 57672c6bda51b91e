"""Grey values: contrast, brightness and gamma of samples or of single sections, and noise.

Labels stay. Nothing is clipped to 0 to 1: a network that normalizes takes any range, and what a
clip made equal could not be told apart any more.
"""

from __future__ import annotations

import torch
from attrs import evolve, frozen

from neurokit import Augmentation, Batch, NeurokitError, SampleRandom, param
from neurokit.components.augmentations.chosen import change_chosen, indices_of

_MIDDLE = 0.5


@frozen(kw_only=True)
class Contrast(Augmentation):
    """Changes contrast, brightness and gamma of whole samples, each of them or not.

    Grey values g become g^gamma, then (g - 0.5) * contrast + 0.5 + brightness. Gamma bends what
    lies in 0 to 1, and leaves what lies outside.
    """

    probability: float = param(0.7, help="chance of each of the three changes", low=0, high=1)
    contrast: tuple[float, float] = param(
        (0.75, 1.3), help="least and most factor of the contrast", above=0
    )
    brightness: tuple[float, float] = param(
        (-0.2, 0.2), help="least and most that is added, as a share of black to white"
    )
    gamma: tuple[float, float] = param(
        (0.5, 1.5), help="least and most exponent; below 1 is brighter", above=0
    )

    def __attrs_post_init__(self) -> None:
        for name in ("contrast", "brightness", "gamma"):
            require_rising(name, getattr(self, name))

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch in other grey values; one number of each kind a sample."""
        draws = random.on_cpu()
        changed = draws.uniform(0, 1, 3) < self.probability
        contrast = torch.where(changed[:, 0], draws.uniform(*self.contrast), 1.0)
        brightness = torch.where(changed[:, 1], draws.uniform(*self.brightness), 0.0)
        gamma = torch.where(changed[:, 2], draws.uniform(*self.gamma), 1.0)

        image = batch.image_BCZYX
        if bool(changed[:, 2].any()):
            image = _bent(image, _of_samples(random.to_device(gamma)))
        # (g - 0.5) * contrast + 0.5 + brightness, as one multiplication and one addition
        added = _MIDDLE * (1 - contrast) + brightness
        image = image * _of_samples(random.to_device(contrast))
        return evolve(batch, image_BCZYX=image.add_(_of_samples(random.to_device(added))))


@frozen(kw_only=True)
class SectionContrast(Augmentation):
    """Changes contrast and brightness of each section on its own, and fades some of them.

    Grey values g of a section with mean m become g^gamma, then (g - m) * contrast + m +
    brightness. A faded section keeps little contrast under as much noise as before, as where a
    section was stained badly or is too thick to see through. Sections are planes of y and x.
    """

    probability: float = param(1.0, help="chance of a sample to be changed", low=0, high=1)
    contrast: float = param(
        0.2, help="standard deviation of the logarithm of a section's contrast", low=0, high=2
    )
    brightness: float = param(
        0.1,
        help="standard deviation of a section's brightness, as a share of black to white",
        low=0,
    )
    gamma: float = param(
        0.0, help="standard deviation of the logarithm of a section's gamma", low=0, high=2
    )
    fade_probability: float = param(0.02, help="chance of each section to fade", low=0, high=1)
    fade_contrast: tuple[float, float] = param(
        (0.1, 0.4), help="least and most contrast that a faded section keeps", low=0, high=1
    )
    fade_noise: float = param(
        0.07, help="noise in a faded section, as a share of black to white", low=0
    )

    def __attrs_post_init__(self) -> None:
        require_rising("fade_contrast", self.fade_contrast)

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch, the sections of the chosen samples in other grey values."""
        return change_chosen(batch, random, self.probability, self._changed)

    def _changed(self, batch: Batch, random: SampleRandom) -> Batch:
        image = batch.image_BCZYX
        sections = image.shape[2]
        draws = random.on_cpu()
        faded = draws.uniform(0, 1, sections) < self.fade_probability
        contrast = torch.where(
            faded,
            draws.uniform(*self.fade_contrast, sections),
            torch.exp(self.contrast * draws.normal(sections)),
        )
        # A faded section may be of any brightness: mean grey, more or less.
        brightness = torch.where(
            faded, draws.uniform(-0.4, 0.4, sections), self.brightness * draws.normal(sections)
        )
        gamma = torch.exp(self.gamma * draws.normal(sections))

        if self.gamma > 0:
            image = _bent(image, _of_sections(random.to_device(gamma)))
        # One axis at a time: a sum over all of a lone section would be split among threads, and
        # its rounding depend on them.
        mean = image.mean(-1, keepdim=True).mean(-2, keepdim=True)
        contrast_B1Z11 = _of_sections(random.to_device(contrast))
        added = mean * (1 - contrast_B1Z11) + _of_sections(random.to_device(brightness))
        image = (image * contrast_B1Z11).add_(added)
        return evolve(batch, image_BCZYX=self._with_noise(image, faded, random))

    def _with_noise(
        self, image: torch.Tensor, faded_BZ: torch.Tensor, random: SampleRandom
    ) -> torch.Tensor:
        """The image, made for this call, with noise in the faded sections of some samples."""
        for sample in indices_of(faded_BZ.any(1)):
            sections = indices_of(faded_BZ[sample])
            size = (image.shape[1], len(sections), *image.shape[3:])
            (noise,) = random.of([sample]).noise(*size)
            for place, section in enumerate(sections):
                image[sample, :, section] += self.fade_noise * noise[:, place]
        return image


@frozen(kw_only=True)
class Noise(Augmentation):
    """Adds Gaussian noise, of another strength in each sample."""

    probability: float = param(0.3, help="chance of a sample to be changed", low=0, high=1)
    most: float = param(
        0.05,
        help="greatest standard deviation, as a share of black to white; it is uniform from 0",
        low=0,
    )

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch with noise in the chosen samples."""
        return change_chosen(batch, random, self.probability, self._changed)

    def _changed(self, batch: Batch, random: SampleRandom) -> Batch:
        strength = _of_samples(random.uniform(0, self.most))
        noise = random.noise(*batch.image_BCZYX.shape[1:])
        return evolve(batch, image_BCZYX=batch.image_BCZYX + noise * strength)


def require_rising(name: str, values: tuple[float, float]) -> None:
    """Refuse a range whose first number is above its second.

    Raises:
        NeurokitError: it is.
    """
    least, most = values
    if least > most:
        raise NeurokitError(f"{name} must be two rising numbers, not {least:g}, {most:g}")


def _bent(image_BCZYX: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    """Grey values to the power of gamma within 0 to 1, and as they were outside.

    One sample after the other: the last bit of a power depends on where in memory a value lies,
    and a sample is not to depend on where in its batch it is.
    """
    within = image_BCZYX.clamp(0, 1)
    powers = [each.pow(its) for each, its in zip(within, gamma, strict=True)]
    return image_BCZYX + torch.stack(powers).sub_(within)


def _of_samples(values_B: torch.Tensor) -> torch.Tensor:
    """One number a sample, shaped to meet an image BCZYX."""
    return values_B[:, None, None, None, None]


def _of_sections(values_BZ: torch.Tensor) -> torch.Tensor:
    """One number a section, shaped to meet an image BCZYX."""
    return values_BZ[:, None, :, None, None]
