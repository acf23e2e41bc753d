"""Faces that are moved otherwise than they were drawn show what the engine would have drawn, and their labels say so."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine.attributes import KEYS
from core.engine.controllers import INDEX, MIRROR, NAMES
from core.engine.faces import Choices, faces
from core.engine.moments import draw_alone, draw_moments
from core.engine.people import Draws
from core.expression.config import ReaderConfig
from training.expression_close import CloseData
from training.expression_data import LABELS, ExpressionData
from training.expression_moved import (
    OPENING,
    SLIDING,
    SLIDING_SHUT,
    can_be_moved,
    draw_anew,
    drawn_by_chance,
    move_skin,
    named,
    sliding,
)
from training.expression_surface import on_screen

SEEDS = torch.arange(70_100_000, 70_104_000)
NEAR, FREE = 0.30, 0.64
"""Below and above, a seed's "kind of moment" is near rest, or a free mix."""


def labelled(seeds: Tensor, controllers: Tensor) -> dict[str, Tensor]:
    bare = {"glasses": torch.zeros(len(seeds)), "fringe": torch.zeros(len(seeds))}
    choices = Choices(close=True, supersample=1.0, fine_hair=False, controllers=controllers, grades=bare)
    batch = faces(seeds, size=160, choices=choices)
    return {name: getattr(batch, name).clone() for name in LABELS}


def test_who_moves_by_chance_is_told_from_known_expressions() -> None:
    kind = Draws(SEEDS).uniform("kind of moment")
    chance = (kind < NEAR) | (kind >= FREE)
    found = drawn_by_chance(draw_moments(SEEDS).controllers)
    assert not found[~chance].any()
    assert found[chance].float().mean() > 0.9
    assert not drawn_by_chance(draw_alone(SEEDS)).any()
    assert not drawn_by_chance(torch.zeros(1, len(NAMES))).any()


def test_faces_drawn_anew_move_as_often_and_as_far_and_as_evenly() -> None:
    kind = Draws(SEEDS).uniform("kind of moment")
    for those in (kind < NEAR, kind >= FREE):
        before = draw_moments(SEEDS[those]).controllers
        before = before[drawn_by_chance(before)]
        after = draw_anew(before, torch.Generator().manual_seed(1))
        may = sliding(before)
        assert torch.equal(before[~may], after[~may])
        share = ((before > 0.01) | (after > 0.01))[may].float().mean()
        assert (before != after)[may].float().mean() > 0.4 * share
        for some in (before, after):
            assert some.min() >= 0
            assert some.max() <= 1
        often, then = ((some > 0.01)[may].float().mean() for some in (before, after))
        far, further = (some[may & (some > 0.01)].mean() for some in (before, after))
        assert abs(then / often - 1) < 0.08
        assert abs(further / far - 1) < 0.08
        plain = torch.tensor([not name.startswith(("gaze", "pupil", "eye_blink")) for name in NAMES])
        even, still_even = ((some == some[:, list(MIRROR)])[:, plain].all(1) for some in (before, after))
        assert torch.equal(even, still_even)
        assert 0.6 < even.float().mean() < 0.9


def test_who_moves_one_controller_alone_moves_another_one() -> None:
    alone = draw_alone(SEEDS[:600])
    bare = {"controllers": alone, "attributes": torch.zeros(600, len(KEYS))}
    may = can_be_moved(bare)
    assert torch.equal(may, (alone * named((*SLIDING, *SLIDING_SHUT))).any(1))
    after = draw_anew(alone[may], torch.Generator().manual_seed(2))
    assert ((after > 0).sum(1) == 1).all()
    assert ((after > 0) & ~sliding(alone[may])).sum() == 0
    assert after.amax(1).min() >= 0.5
    assert ((after > 0) != (alone[may] > 0)).any(1).float().mean() > 0.9
    assert ((after > 0).any(0) == sliding(alone[may])[0]).float().mean() > 0.95


def test_mouths_that_are_open_are_left_alone() -> None:
    rows = torch.zeros(2, len(NAMES))
    rows[1, INDEX["jaw_open"]] = 0.4
    may = sliding(rows)
    assert may[0, INDEX["mouth_smile_left"]]
    assert not may[1, INDEX["mouth_smile_left"]]
    assert may[:, INDEX["brow_inner_up_left"]].all()
    for stems in (SLIDING, OPENING):
        assert all(named((stem,)).any() for stem in stems), "a name that no controller has"


def test_moved_pictures_show_what_the_engine_would_draw() -> None:
    seeds = torch.arange(70_110_000, 70_110_006)
    rest, moved = torch.zeros(6, len(NAMES)), torch.zeros(6, len(NAMES))
    raised, drawn_down = ("brow_outer_up", "brow_inner_up", "forehead_raise"), ("brow_inner_down", "nose_wrinkle")
    for row, stems in enumerate((raised, drawn_down)):
        moved[row::2] = named(stems).float() * 0.9
    found, drawn = labelled(seeds, rest), labelled(seeds, moved)
    before = found["pixels"].clone()
    points = move_skin(found, moved)
    assert torch.equal(found["controllers"], moved)
    assert torch.allclose(points, on_screen(drawn)[0], atol=1e-3)
    assert torch.allclose(found["landmarks"], drawn["landmarks"], atol=1e-2)
    left = []
    for row in range(6):  # brows and the skin about them; single pixels differ by how hair falls
        low, high = drawn["landmarks"][row, 17:27].amin(0).int() - 8, drawn["landmarks"][row, 17:27].amax(0).int() + 8
        part = (slice(max(int(low[1]), 0), int(high[1])), slice(max(int(low[0]), 0), int(high[0])))
        here, there, aim = (
            F.avg_pool2d(some[row], 3, 1, 1)[:, *part] for some in (before, found["pixels"], drawn["pixels"])
        )
        left.append((there - aim).square().mean() / (here - aim).square().mean())
    assert torch.stack(left).median() < 0.4, left
    assert torch.stack(left).max() < 1.0, left


def test_a_step_has_its_faces_moved_and_labelled_so() -> None:
    data = [CloseData(ExpressionData(None, (4, 1), 64, 3), ReaderConfig.tiny(), moved=moved) for moved in (0.0, 1.0)]
    still, moved = (one.take(5, 12) for one in data)
    changed = (still.controllers != moved.controllers).any(1)
    assert changed.any()
    assert ((still.points - moved.points).flatten(1).abs().amax(1) > 1e-4)[changed].all()
    one = (still.controllers > 0).sum(1) == 1
    assert (drawn_by_chance(still.controllers) | one)[changed].all()


def test_who_wears_glasses_is_not_moved() -> None:
    moments = draw_moments(SEEDS[:64]).controllers
    worn = torch.zeros(64, len(KEYS))
    worn[::2, KEYS.index("glasses")] = 0.5
    found = can_be_moved({"controllers": moments, "attributes": worn})
    assert not found[::2].any()
    assert torch.equal(found[1::2], drawn_by_chance(moments)[1::2])
