"""How the expression room's scores are found, and how a person's own pictures are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.engine.controllers import INDEX, NAMES, PARTS
from core.engine.faces import Choices, faces
from core.image import Pixels, to_pixels, write_picture
from training.measure_expression import _kept, _mean_kept, left_and_whole
from training.own_frames import BLOCK, FEWEST, HELD_BACK, read_own
from training.spec import BadRequest

SHIPPED = Path(__file__).parents[1] / "assets" / "weights"


def test_all_motion_is_kept_by_the_truth_none_by_rest_and_half_by_half() -> None:
    true = torch.zeros(2, len(NAMES))
    true[0, INDEX["jaw_open"]], true[1, INDEX["brow_inner_up_left"]] = 0.8, 0.9
    assert _mean_kept(_flat(left_and_whole(true, true))) == pytest.approx(1.0)
    assert _mean_kept(_flat(left_and_whole(torch.zeros_like(true), true))) == pytest.approx(0.0, abs=1e-6)
    half = _kept(PARTS.index("jaw"))(_flat(left_and_whole(true / 2, true)))
    assert half == pytest.approx(0.5, abs=0.05)


def _flat(sums: np.ndarray) -> np.ndarray:
    return sums.reshape(len(sums), -1)


@pytest.fixture(scope="module")
def person() -> Pixels:
    still = torch.zeros(1, len(NAMES))
    choices = Choices(controllers=still, turn_degrees=torch.zeros(1, 3), grades={"hat": 0.0, "glasses": 0.0})
    return to_pixels(faces([31], size=160, choices=choices).pixels)[0]


def test_a_folder_of_one_person_is_cut_and_every_fifth_stretch_kept_back(tmp_path: Path, person: Pixels) -> None:
    count = BLOCK * HELD_BACK + 4
    for at in range(count):
        write_picture(tmp_path / f"{at:03d}.png", np.roll(person, at % 5 - 2, axis=1))
    learn, back = read_own(tmp_path, [SHIPPED], 64)
    assert len(learn) + len(back) == count
    assert len(back) == BLOCK
    assert learn.shape[1:] == (3, 64, 64)
    assert (learn.mean(0) - back.mean(0)).abs().mean() < 0.1  # the same face in the same place


def test_pictures_without_enough_faces_are_answered_with_how_many_there_are(tmp_path: Path, person: Pixels) -> None:
    for at in range(3):
        write_picture(tmp_path / f"{at}.png", person)
    write_picture(tmp_path / "wall.png", np.full_like(person, 120))
    with pytest.raises(BadRequest, match=f"in 3 frames; at least {FEWEST}"):
        read_own(tmp_path, [SHIPPED], 64)
    (tmp_path / "clip.mp4").write_bytes(b"no clip")
    with pytest.raises(BadRequest, match="cannot be read as a clip"):
        read_own(tmp_path / "clip.mp4", [SHIPPED], 64)
