"""One of several changes, and the whole programme, from a recipe and in Python."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from attrs import evolve, fields, frozen
from test_augmentations import batch, draws

from neurokit import Augmentation, Batch, NeurokitError, SampleRandom, load_recipe, param
from neurokit.components.augmentations.em_neuron import EmNeuron
from neurokit.components.augmentations.one_of import OneOf
from neurokit.components.augmentations.orientation import Flip, Rotate90
from neurokit.components.augmentations.warp import Warp


@frozen(kw_only=True)
class Adding(Augmentation):
    """Adds a number, so that it can be told which changes were made, and how often."""

    number: float = param(1.0, help="what is added")

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch with the number added, one draw further on."""
        random.uniform(0, 1)
        return evolve(batch, image_BCZYX=batch.image_BCZYX + self.number)


def nothing(samples: int) -> Batch:
    return Batch(
        torch.zeros(samples, 1, 1, 2, 2), torch.ones(samples, 1, 2, 2).int(), (30.0, 6.0, 6.0)
    )


def added(augmentation: Augmentation, samples: int) -> Counter[float]:
    after = augmentation.apply(nothing(samples), draws(range(samples))).image_BCZYX.flatten(1)
    assert torch.equal(after, after[:, :1].expand_as(after))
    return Counter(after[:, 0].tolist())


def test_exactly_one_is_made() -> None:
    choices = tuple(Adding(number=number) for number in (1.0, 10.0, 100.0))
    counts = added(OneOf(choices=choices), 600)
    assert set(counts) == {1, 10, 100}
    assert all(160 < count < 240 for count in counts.values())


def test_weights_say_how_often_and_a_weight_of_0_never() -> None:
    choices = tuple(Adding(number=number) for number in (1.0, 10.0, 100.0))
    counts = added(OneOf(choices=choices, weights=(3.0, 0.0, 1.0)), 600)
    assert set(counts) == {1, 100}
    assert 410 < counts[1] < 490


def test_none_is_made_where_the_sample_is_not_chosen() -> None:
    counts = added(OneOf(choices=(Adding(),), probability=0.3), 600)
    assert set(counts) == {0, 1}
    assert 130 < counts[1] < 230
    assert added(OneOf(choices=(Adding(),), probability=0.0), 50) == {0: 50}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"choices": ()}, "choices must name one augmentation at least"),
        (
            {"choices": (Flip(), Warp()), "weights": (1.0,)},
            "weights must be as many as choices, 2, not 1",
        ),
        ({"choices": (Flip(),), "weights": (0.0,)}, "weights must not all be 0"),
    ],
)
def test_unfit_choices_are_refused(settings: dict[str, tuple[object, ...]], message: str) -> None:
    with pytest.raises(NeurokitError) as error:
        OneOf(**settings)  # type: ignore[arg-type]
    assert str(error.value) == message


def test_every_part_of_the_programme_is_made_once_and_can_be_replaced() -> None:
    names = [field.name for field in fields(EmNeuron)]
    parts = {name: Adding(number=10.0**place) for place, name in enumerate(names)}
    assert added(EmNeuron(**parts), 3) == {1111111.0: 3}


def test_the_programme_does_what_its_parts_do_in_turn() -> None:
    before = batch(3, (4, 12, 12))
    whole = EmNeuron().apply(before, draws(range(3)))
    random, parts = draws(range(3)), before
    for field in fields(EmNeuron):
        parts = getattr(EmNeuron(), field.name).apply(parts, random)
    assert torch.equal(whole.image_BCZYX, parts.image_BCZYX)
    assert torch.equal(whole.labels_BZYX, parts.labels_BZYX)


def test_it_is_chosen_and_changed_from_a_recipe(tiny: Path) -> None:
    chosen = """train.augmentations=[
        { use = "em_neuron", warp = { use = "warp", displacement_z_nm = 20 },
          defect = { use = "one_of", choices = [{ use = "lost_section" }, { use = "flip" }] } },
        { use = "contrast" },
    ]""".replace("\n", " ")
    recipe = load_recipe(tiny, [chosen])
    first, second = recipe.train.augmentations
    assert isinstance(first, EmNeuron)
    assert first.warp == Warp(displacement_z_nm=20.0)
    assert first.rotate90 == Rotate90()
    assert isinstance(first.defect, OneOf)
    assert [type(each).__name__ for each in first.defect.choices] == ["LostSection", "Flip"]
    assert type(second).__name__ == "Contrast"
