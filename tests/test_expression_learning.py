"""How the expression room's scores are found, and how a person's own pictures are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_expression import draw_person, put_weights, write_frames

from core import checkpoints
from core.engine.controllers import INDEX, MIRROR, NAMES, PARTS
from core.engine.faces import Choices, faces
from core.engine.moments import draw_moments
from core.expression.losses import motion_error
from core.image import Pixels, to_pixels, write_picture
from training.expression_data import ExpressionData, draw_virtual
from training.measure_expression import _kept, _mean_kept, left_and_whole
from training.own_frames import BLOCK, FEWEST, HELD_BACK, read_own
from training.recipes.expression_personal import make_personal_recipe
from training.spec import BadRequest, RunSpec

SHIPPED = Path(__file__).parents[1] / "assets" / "weights"


def test_all_motion_is_kept_by_the_truth_none_by_rest_and_half_by_half() -> None:
    true = torch.zeros(2, len(NAMES))
    true[0, INDEX["jaw_open"]], true[1, INDEX["brow_inner_up_left"]] = 0.8, 0.9
    assert _mean_kept(_flat(left_and_whole(true, true))) == pytest.approx(1.0)
    assert _mean_kept(_flat(left_and_whole(torch.zeros_like(true), true))) == pytest.approx(0.0, abs=1e-6)
    half = _kept(PARTS.index("jaw"))(_flat(left_and_whole(true / 2, true)))
    assert half == pytest.approx(0.5, abs=0.05)


def test_what_the_regressor_lowers_is_what_is_measured() -> None:
    """The loss takes some of the vertices and no lids over eyeballs; the score takes all."""
    true = draw_moments(torch.arange(700, 740)).controllers
    rest = torch.zeros_like(true)
    for read in (0.6 * true, (true + 0.05 * torch.randn(true.shape)).clamp(0, 1), true[:, list(MIRROR)]):
        kept = _mean_kept(_flat(left_and_whole(read, true)))
        assert float(1 - motion_error(read, true) / motion_error(rest, true)) == pytest.approx(kept, abs=0.03)
    assert float(motion_error(true, true)) < 1e-3


def test_virtual_pictures_are_those_of_the_people_of_the_same_step(tmp_path: Path) -> None:
    data = ExpressionData(tmp_path, (3, 2), 32, seed=5)
    pairs = data.pairs(7, 4, mirror=False)
    pictures, controllers = data.virtual_only("fen", 7, 4)
    assert torch.equal(controllers, pairs.controllers)
    assert torch.equal(pictures, data.virtual("fen", pairs))
    undisturbed = draw_virtual("fen", controllers, 32)
    assert (pictures - undisturbed).abs().max() <= 1.01 / 127.5  # kept as eight bits
    both = data.pairs(7, 4)
    assert both.mirrored.tolist() == [False, True, False, True]
    assert torch.equal(both.controllers[1::2], controllers[1::2, list(MIRROR)])
    assert torch.equal(data.virtual("fen", both.straight()), pictures[::2])
    other, _ = ExpressionData(tmp_path, (3, 2), 32, seed=5).virtual_only("fen", 8, 4)
    assert not torch.equal(pictures, other)


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


def test_a_personal_fine_tune_redraws_the_person_better_and_leaves_the_norms_as_they_were(tmp_path: Path) -> None:
    put_weights(tmp_path / "home")  # no finder of faces beside them, as beside a converter that somebody published
    person = draw_person(size=128)
    frames = [np.roll(person, at % 3, 1) for at in range(40)]
    clip = write_frames(tmp_path / "me.mp4", frames)
    start = tmp_path / "home" / "weights" / "expression" / "converter"
    request = RunSpec(
        "expression",
        "personal",
        "tiny",
        steps=30,
        data=str(clip),
        start_from=str(start),
        options={"anchors": 4, "batch": 4},
    )
    recipe = make_personal_recipe(request)
    found = checkpoints.load(checkpoints.Found(start, checkpoints.read_card(start), start))
    for name, weights in found.items():
        checkpoints.fill(recipe.modules[name], weights, name)
    for module in recipe.modules.values():
        module.eval()
    before = recipe.measure()["validation"]
    norms = {key: value.clone() for key, value in recipe.modules["encoder"].state_dict().items() if "running" in key}
    assert norms
    learning = [*recipe.modules["encoder"].parameters(), *recipe.modules[recipe.source].parameters()]
    optimiser = torch.optim.Adam(learning, 2e-3)
    for step in range(30):
        for module in recipe.modules.values():
            module.train()  # as the one loop leaves them
        optimiser.zero_grad()
        terms = recipe.losses(recipe.phases[0], recipe.batch(step, 4, 0), step)
        torch.stack(list(terms.values())).sum().backward()
        optimiser.step()
    now = recipe.modules["encoder"].state_dict()
    assert all(torch.equal(value, now[key]) for key, value in norms.items())
    assert recipe.measure()["validation"] < 0.8 * before
