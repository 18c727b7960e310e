from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from edgegan.errors import RecipeError
from edgegan.evaluation.pictures import Pictures
from edgegan.tuning.examples import Examples
from edgegan.tuning.sections import DistillationSection

INPUTS = (torch.arange(6.0)[:, None], torch.tensor([5, 4, 3, 2, 1, 0]))
IMAGES = torch.arange(6.0).reshape(6, 1, 1, 1)


def real(count: int, labels: bool = True, side: int = 1) -> Pictures:
    def take(index: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.broadcast_to(index[:, None, None, None], (len(index), 1, side, side)).astype(
            np.float32
        )

    of_each = np.arange(count) * 10 if labels else None
    return Pictures("pictures", None, count, (-1.0, 1.0), take, of_each)


def test_the_teachers_images_and_labels_are_the_real_ones_by_default() -> None:
    z, classes, images, real_images, labels = Examples(INPUTS, IMAGES, (1,)).batch(np.array([2, 0]))
    assert z.flatten().tolist() == [2, 0]
    assert images is real_images
    assert images.flatten().tolist() == [2, 0]
    assert labels.tolist() == classes.tolist() == [3, 5]


def test_real_images_come_with_labels_of_their_own_and_again_from_the_start() -> None:
    batch = Examples(INPUTS, IMAGES, (1,), real(4)).batch(np.array([5, 3]))
    _, _, images, real_images, labels = batch
    assert images.flatten().tolist() == [5, 3]
    assert real_images.flatten().tolist() == [1, 3]
    assert labels.tolist() == [10, 30]


def test_labels_that_the_discriminator_does_not_take_are_left_out() -> None:
    assert len(Examples(INPUTS[:1], IMAGES, (), real(4)).batch(np.array([1]))) == 3


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"\[1, 2, 2\], the generator makes \[1, 1, 1\]"):
        Examples(INPUTS, IMAGES, (), real(4, side=2))


def test_a_conditional_discriminator_needs_labels() -> None:
    with pytest.raises(RecipeError, match="a folder for each class"):
        Examples(INPUTS, IMAGES, (1,), real(4, labels=False))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"real": "data", "loss": {"adversarial": 1}}, "go together"),
        ({"data": "x", "loss": {"adversarial": 1}}, "go together"),
        ({"real": "data", "data": "x"}, "`loss.adversarial` above 0"),
        ({"discriminator_weights": {"bits": 2}}, "`loss.adversarial` above 0"),
        ({"discriminator_weights": {"quantizer": "log", "bits": 1}}, "log takes 2 bits at least"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DistillationSection.model_validate(settings)
