"""Changes of grey values: contrast, brightness, gamma and noise."""

from __future__ import annotations

import pytest
import torch
from test_augmentations import batch, draws

from neurokit import Batch, NeurokitError
from neurokit.components.augmentations.grey import Contrast, Noise, SectionContrast


def grey(samples: int, shape: tuple[int, int, int], channels: int = 1) -> Batch:
    """Samples whose grey values lie in -0.1 to 1.1."""
    generator = torch.Generator().manual_seed(1)
    image = torch.rand((samples, channels, *shape), generator=generator) * 1.2 - 0.1
    return Batch(image, torch.ones((samples, *shape), dtype=torch.int32), (30.0, 6.0, 6.0))


def certain_fading(noise: float = 0.0) -> SectionContrast:
    return SectionContrast(fade_probability=1.0, fade_contrast=(0.25, 0.25), fade_noise=noise)


def test_contrast_and_brightness_turn_about_mid_grey() -> None:
    before = grey(40, (2, 6, 7)).image_BCZYX
    settings = {"contrast": (0.5, 2.0), "brightness": (-0.3, 0.1), "gamma": (1.0, 1.0)}
    augmentation = Contrast(probability=1.0, **settings)
    after = augmentation.apply(grey(40, (2, 6, 7)), draws(range(40))).image_BCZYX
    factors, added = [], []
    for old, new in zip(before, after, strict=True):
        factor = new.std() / old.std()
        plus = (new - 0.5 - (old - 0.5) * factor).mean()
        assert torch.allclose(new, (old - 0.5) * factor + 0.5 + plus, atol=1e-5)
        factors.append(factor)
        added.append(plus)
    assert 0.5 <= min(factors) < 0.7
    assert 1.8 < max(factors) <= 2.0
    assert -0.3 <= min(added) < -0.25
    assert 0.05 < max(added) <= 0.1


def test_gamma_bends_within_black_and_white_alone() -> None:
    settings = {"contrast": (1.0, 1.0), "brightness": (0.0, 0.0)}
    augmentation = Contrast(probability=1.0, gamma=(0.5, 3.0), **settings)
    before = grey(20, (2, 6, 7))
    before.image_BCZYX[:, 0, 0, 0, :5] = torch.tensor([0.0, 0.5, 1.0, -0.7, 1.3])
    after = augmentation.apply(before, draws(range(20))).image_BCZYX
    exponents = []
    for old, new in zip(before.image_BCZYX, after, strict=True):
        exponent = torch.log(new[0, 0, 0, 1]) / torch.log(torch.tensor(0.5))
        within = (old > 0) & (old < 1)
        assert torch.allclose(new[within], old[within] ** exponent, atol=1e-5)
        assert torch.allclose(new[~within], old[~within], atol=1e-6)
        exponents.append(exponent)
    assert 0.5 <= min(exponents) + 1e-5 < 0.9
    assert 2.5 < max(exponents) <= 3.0 + 1e-5


def test_each_of_the_three_changes_comes_on_its_own() -> None:
    found = set()
    before = grey(80, (1, 5, 5))
    before.image_BCZYX[:, 0, 0, 0, :4] = torch.tensor([0.0, 1.0, 2.0, 3.0])
    augmentation = Contrast(
        probability=0.5, contrast=(0.4, 0.4), brightness=(0.3, 0.3), gamma=(2.0, 2.0)
    )
    after = augmentation.apply(before, draws(range(80))).image_BCZYX
    for old, new in zip(before.image_BCZYX, after, strict=True):
        two, three = new[0, 0, 0, 2:4]
        factor = round(float(three - two), 3)
        added = round(float(two - (0.5 + 1.5 * factor)), 3)
        bent = not torch.allclose(new, (old - 0.5) * factor + 0.5 + added, atol=1e-4)
        found.add((factor, added, bent))
    assert found == {(f, a, b) for f in (1.0, 0.4) for a in (0.0, 0.3) for b in (True, False)}


def test_noise_has_a_strength_of_its_own_in_each_sample() -> None:
    before = grey(60, (4, 20, 20), channels=2)
    after = Noise(probability=1.0, most=0.2).apply(before, draws(range(60)))
    noise = after.image_BCZYX - before.image_BCZYX
    strengths = noise.flatten(1).std(1)
    assert strengths.min() < 0.03
    assert 0.17 < strengths.max() < 0.21
    assert strengths.mean().item() == pytest.approx(0.1, abs=0.03)
    normal = noise / strengths[:, None, None, None, None]
    assert normal.mean().abs() < 0.02
    assert (normal.abs() < 1).double().mean().item() == pytest.approx(0.683, abs=0.01)
    assert torch.corrcoef(normal.transpose(0, 1).flatten(1))[0, 1].abs() < 0.02


def test_noise_comes_to_chosen_samples_alone() -> None:
    before = grey(200, (1, 4, 4))
    after = Noise(probability=0.25).apply(before, draws(range(200)))
    changed = (after.image_BCZYX != before.image_BCZYX).flatten(1).any(1)
    assert 30 < changed.sum() < 70


def test_sections_change_by_contrast_and_brightness_alone() -> None:
    given = batch(2, (3, 16, 18))
    changed = SectionContrast(contrast=0.3, fade_probability=0).apply(given, draws(range(2)))
    assert torch.equal(changed.labels_BZYX, given.labels_BZYX)
    gains = set()
    for before, after in zip(
        given.image_BCZYX.flatten(0, 2), changed.image_BCZYX.flatten(0, 2), strict=True
    ):
        gain = after.std() / before.std()
        expected = (before - before.mean()) * gain + after.mean()
        assert torch.allclose(after, expected, rtol=1e-3, atol=1e-1)
        assert (after.mean() - before.mean()).abs() < 0.5
        gains.add(round(float(gain), 4))
    assert len(gains) == 6  # each section of each sample has its own


def test_sections_have_gammas_of_their_own() -> None:
    given = grey(2, (3, 16, 18))
    augmentation = SectionContrast(contrast=0.0, brightness=0.0, gamma=0.5, fade_probability=0.0)
    changed = augmentation.apply(given, draws(range(2)))
    exponents = set()
    for before, after in zip(
        given.image_BCZYX.flatten(0, 2), changed.image_BCZYX.flatten(0, 2), strict=True
    ):
        within = (before > 0.01) & (before < 0.99)
        exponent = torch.log(after[within]) / torch.log(before[within])
        assert torch.allclose(exponent, exponent.median(), rtol=1e-2)
        exponents.add(round(float(exponent.median()), 3))
    assert len(exponents) == 6


def test_a_faded_section_keeps_its_share_of_contrast() -> None:
    given = batch(2, (3, 16, 18))
    changed = certain_fading().apply(given, draws(range(2)))
    ratio = changed.image_BCZYX.std((-2, -1)) / given.image_BCZYX.std((-2, -1))
    assert torch.allclose(ratio, torch.full_like(ratio, 0.25), rtol=1e-3)


def test_noise_lies_in_faded_sections_alone() -> None:
    flat = Batch(torch.full((5, 2, 8, 30, 30), 0.5), torch.ones(5, 8, 30, 30), (30.0, 6.0, 6.0))
    augmentation = SectionContrast(brightness=0.0, fade_probability=0.3, fade_noise=0.2)
    changed = augmentation.apply(flat, draws(range(5))).image_BCZYX
    deviation = changed.std((-2, -1))
    noisy = deviation > 0.1
    assert noisy.any()
    assert not noisy.all()
    assert torch.equal(noisy[:, 0], noisy[:, 1])
    assert torch.allclose(deviation[noisy], torch.tensor(0.2), rtol=0.1)
    assert deviation[~noisy].max() < 1e-6
    assert torch.allclose(changed.mean((-2, -1))[~noisy], torch.tensor(0.5))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: SectionContrast(fade_contrast=(0.5, 0.1)),
            "fade_contrast must be two rising numbers, not 0.5, 0.1",
        ),
        (
            lambda: Contrast(gamma=(1.5, 0.5)),
            "gamma must be two rising numbers, not 1.5, 0.5",
        ),
        (
            lambda: Contrast(brightness=(0.1, -0.1)),
            "brightness must be two rising numbers, not 0.1, -0.1",
        ),
        (
            lambda: Contrast(contrast=(2.0, 1.0)),
            "contrast must be two rising numbers, not 2, 1",
        ),
    ],
)
def test_ranges_must_rise(build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(NeurokitError) as error:
        build()
    assert str(error.value) == message
