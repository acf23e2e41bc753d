"""The head model: what each controller moves, mirrors, identity, ARKit."""

from __future__ import annotations

import pytest
import torch

from core.engine import controllers as names_of
from core.engine.head import IDENTITY_LENGTH, gaze_rotation, load_head, measured_grades, place

HEAD = load_head()
# where each part's controllers may be strongest, metres on the mean head: x of the left half, y, z
_REGIONS = {
    "forehead": ((0.0, 0.09), (0.035, 0.16), (-0.12, 0.14)),
    "brows": ((0.0, 0.08), (0.03, 0.10), (0.04, 0.14)),
    "eyes": ((0.01, 0.06), (0.0, 0.065), (0.06, 0.12)),
    "gaze": ((0.0, 0.06), (0.0, 0.07), (0.05, 0.12)),
    "nose": ((0.0, 0.04), (-0.035, 0.06), (0.07, 0.14)),
    "cheeks": ((0.0, 0.09), (-0.09, 0.05), (0.02, 0.13)),
    "mouth": ((0.0, 0.07), (-0.09, 0.02), (0.03, 0.14)),
    "jaw": ((0.0, 0.10), (-0.17, 0.02), (-0.02, 0.13)),
    "tongue": ((0.0, 0.03), (-0.06, -0.02), (0.02, 0.12)),
}
_EYE_TURNS = ("gaze", "pupil")


def _moved(name: str) -> torch.Tensor:
    """How far each vertex of the mean head goes, metres (V)."""
    controllers = torch.zeros(1, len(names_of.NAMES))
    rest = HEAD.neutral[None]
    controllers[0, names_of.INDEX[name]] = 1.0
    return (HEAD.move(rest, controllers) - HEAD.move(rest, torch.zeros_like(controllers)))[0].norm(dim=-1)


@pytest.mark.parametrize("name", [name for name in names_of.NAMES if not name.startswith("pupil")])
def test_a_controller_moves_what_its_name_says_and_nothing_far_away(name: str) -> None:
    moved = _moved(name)
    assert moved.max() > 0.001, f"{name} moves at most {moved.max() * 1000:.2f} mm"
    (x0, x1), (y0, y1), (z0, z1) = _REGIONS[names_of.PART_OF[name]]
    top = HEAD.neutral[moved.argmax()]
    assert x0 <= abs(top[0]) <= x1, f"{name} moves most at {top}"
    assert y0 <= top[1] <= y1, f"{name} moves most at {top}"
    assert z0 <= top[2] <= z1, f"{name} moves most at {top}"
    side = 1.0 if name.endswith("_left") else -1.0 if name.endswith("_right") else 0.0
    whole = {
        "mouth_left",
        "mouth_right",
        "jaw_left",
        "jaw_right",
        "nose_tip_left",
        "nose_tip_right",
        "tongue_left",
        "tongue_right",
    }
    if side and name not in whole:
        other = moved[HEAD.neutral[:, 0] * side < -0.02]
        assert other.max() < 0.15 * moved.max(), f"{name} also moves the other side"
    far = (HEAD.neutral - top).norm(dim=-1) > 0.17
    assert moved[far].max() < 0.1 * moved.max(), f"{name} moves what is far away"


def test_no_controller_does_what_another_does() -> None:
    """Some are opposites, as up and down; none goes the way of another, so they can be read back from a face."""
    flat = HEAD.expression.reshape(len(names_of.NAMES), -1).double()
    still = [names_of.INDEX[name] for name in names_of.NAMES if not name.startswith("pupil")]
    lengths = flat[still] / flat[still].norm(dim=1, keepdim=True).clamp_min(1e-9)
    alike = lengths @ lengths.T - torch.eye(len(still))
    assert alike.max() < 0.93, alike.max()


def test_the_mirror_map_is_its_own_inverse_and_mirrors_the_head() -> None:
    assert torch.equal(HEAD.mirror[HEAD.mirror], torch.arange(len(HEAD.mirror)))
    flipped = HEAD.neutral * torch.tensor([-1.0, 1.0, 1.0])
    skin = HEAD.part < 3
    assert (HEAD.neutral[HEAD.mirror] - flipped)[skin].norm(dim=-1).max() < 2e-4


def test_mirrored_controllers_make_the_mirrored_face() -> None:
    generator = torch.Generator().manual_seed(1)
    controllers = (torch.rand(3, 130, generator=generator) < 0.2) * torch.rand(3, 130, generator=generator)
    rest = HEAD.neutral.expand(3, -1, -1)
    ours = HEAD.move(rest, controllers)[:, HEAD.mirror] * torch.tensor([-1.0, 1.0, 1.0])
    theirs = HEAD.move(rest, controllers[:, torch.tensor(names_of.MIRROR)])
    skin = HEAD.part == 0
    assert (ours - theirs)[:, skin].norm(dim=-1).mean() < 2e-4


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", ["eye_blink", "eye_closed"])
def test_closing_an_eye_brings_the_lids_together(name: str, side: str) -> None:
    controllers = torch.zeros(2, 130)
    controllers[1, names_of.INDEX[f"{name}_{side}"]] = 1.0
    mark = HEAD.move(HEAD.neutral.expand(2, -1, -1), controllers)[:, HEAD.landmarks]
    upper, lower = ([43, 44], [47, 46]) if side == "left" else ([38, 37], [40, 41])
    gap = (mark[:, upper, 1] - mark[:, lower, 1]).mean(1)
    assert gap[0] > 0.006
    assert gap[1] < 0.25 * gap[0]


def test_gaze_turns_the_eye_its_way() -> None:
    controllers = torch.zeros(1, 130)
    controllers[0, names_of.INDEX["gaze_out_left"]] = 1.0
    controllers[0, names_of.INDEX["gaze_up_left"]] = 1.0
    looking = gaze_rotation(controllers, "left")[0, :, 2]
    assert looking[0] > 0.4
    assert looking[1] > 0.3


def test_everybody_rests_with_the_mouth_shut() -> None:
    generator = torch.Generator().manual_seed(2)
    mark = HEAD.shape(torch.randn(32, IDENTITY_LENGTH, generator=generator) * 0.7)[:, HEAD.landmarks]
    assert (mark[:, 62, 1] - mark[:, 66, 1]).max() < 0.0015


def test_lids_stay_outside_the_eyeball() -> None:
    generator = torch.Generator().manual_seed(3)
    rest = HEAD.shape(torch.randn(4, IDENTITY_LENGTH, generator=generator) * 0.7)
    controllers = torch.zeros(4, 130)
    controllers[:, names_of.INDEX["eye_blink_left"]] = torch.tensor([0.0, 0.3, 0.6, 1.0])
    moved = HEAD.move(rest, controllers)
    centre, radius = HEAD.eye_ball(rest, 0)
    edge = torch.cat([HEAD.landmarks[[43, 44]]])
    away = (moved[:, edge] - centre).norm(dim=-1) / radius[:, 0]
    assert away.min() > 1.0


def test_the_identity_code_changes_the_shape_by_millimetres() -> None:
    generator = torch.Generator().manual_seed(4)
    spread = HEAD.shape(torch.randn(64, IDENTITY_LENGTH, generator=generator) * 0.7).std(0).norm(dim=-1)
    face = (HEAD.part == 0) & (HEAD.neutral[:, 2] > 0.05)
    assert 0.002 < spread[face].mean() < 0.01


def test_grades_of_people_fill_the_scale_evenly() -> None:
    generator = torch.Generator().manual_seed(5)
    grades = measured_grades(HEAD, HEAD.marks(torch.randn(256, IDENTITY_LENGTH, generator=generator) * 0.8))
    for key, value in grades.items():
        assert 0.4 < value.mean() < 0.6, key
        assert value.std() > 0.22, key


def test_sampled_roots_lie_where_the_field_is() -> None:
    roots = HEAD.sample("scalp", 500, seed=1)
    held = (HEAD.fields["scalp"][roots.corners] * roots.weights).sum(1)
    assert (held > 0).float().mean() > 0.99
    torch.testing.assert_close(place(HEAD.neutral[None], roots)[0], roots.rest)
    with pytest.raises(ValueError, match="no field 'elbow'"):
        HEAD.sample("elbow", 3, seed=1)


def test_arkit_names_are_a_linear_map_that_comes_back() -> None:
    assert len(names_of.ARKIT_NAMES) == 52
    assert {standing for standing, _ in names_of.ARKIT.values()} <= {"driven", "approximated", "absent"}
    weights = torch.eye(52)
    again = names_of.to_arkit(names_of.from_arkit(weights))
    torch.testing.assert_close(again.diagonal(), torch.ones(52))
    assert (again - weights).abs().max() < 1e-6


def test_controllers_of_another_number_are_refused() -> None:
    with pytest.raises(ValueError, match="130 numbers"):
        HEAD.move(HEAD.neutral[None], torch.zeros(1, 52))
