"""What a photo shows beyond its codes: it lies on the surface, goes along with it, and is kept with the head."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from core.facefield.camera import ANCHOR, Camera, cast_rays, place
from core.facefield.codes import LOOK_WIDTH, SHAPE_WIDTH
from core.facefield.heads import FaceCode, swing
from core.facefield.residue import Drawn, Residue, lay_residue, tint

RADIUS, SIDE = 0.1, 96
TAKEN = Camera(10.0, -5.0, 3.0)


def see_ball(camera: Camera, side: int = SIDE) -> Drawn:
    """A grey ball around the head's middle, with its true depth."""
    pose, lens = place(camera.numbers())
    rays = cast_rays(pose[0], lens[0], side)
    away = rays.origin - torch.tensor(ANCHOR)
    half = (away * rays.directions).sum(1)
    root = half.square() - (away.square().sum() - RADIUS**2)
    met = root > 0
    travel = torch.where(met, -half - root.clamp_min(0).sqrt(), torch.zeros(()))
    depth = (travel * (rays.directions * pose[0, :3, 2]).sum(1)).reshape(side, side)
    return Drawn(torch.zeros(1, 3, side, side), met.float().reshape(side, side), depth, camera)


def show(point: Tensor, camera: Camera) -> Tensor:
    """The pixel (column, row) at which a camera sees a place."""
    pose, lens = place(camera.numbers())
    local = (point - pose[0, :3, 3]) @ pose[0, :3, :3]
    return (local[:2] / local[2] * 2 * lens[0] + 1) / 2 * SIDE


def spotted(point: Tensor) -> Residue:
    """A photo of the ball with a bright spot at a place of it."""
    drawn, at = see_ball(TAKEN), show(point, TAKEN)
    line = torch.arange(SIDE) + 0.5
    spot = torch.exp(-((line[None] - at[0]).square() + (line[:, None] - at[1]).square()) / 8)
    photo = spot.expand(1, 3, -1, -1)
    return Residue.between(photo, drawn.picture, drawn.depth, np.zeros(SHAPE_WIDTH, np.float32))


def front(yaw: float, pitch: float) -> Tensor:
    """The place of the ball that a camera swung so far looks straight at."""
    pose, _ = place(swing(TAKEN, yaw, pitch).numbers())
    middle = torch.tensor(ANCHOR)
    return middle + RADIUS * torch.nn.functional.normalize(pose[0, :3, 3] - middle, dim=0)


def test_from_where_the_photo_was_taken_the_photo_comes_back() -> None:
    residue = spotted(front(5, 5))
    laid = lay_residue(see_ball(TAKEN), residue, TAKEN, None)
    wanted = torch.from_numpy(residue.pixels.astype(np.float32)).permute(2, 0, 1) / 63.75
    assert (laid[0] - wanted).abs().max() < 1e-5
    assert laid.max() > 0.9


@pytest.mark.parametrize(("yaw", "pitch"), [(25.0, 0.0), (-25.0, 10.0), (0.0, -20.0)])
def test_a_spot_goes_along_with_the_surface(yaw: float, pitch: float) -> None:
    point, camera = front(yaw / 2, pitch / 2), swing(TAKEN, yaw, pitch)
    laid = lay_residue(see_ball(camera), spotted(point), TAKEN, None)[0, 0]
    place_of = int(laid.argmax())
    found = torch.tensor([place_of % SIDE + 0.5, place_of // SIDE + 0.5])
    assert (found - show(point, camera)).norm() < 2
    assert laid.max() > 0.6


def test_what_the_photo_did_not_see_stays_as_the_codes_draw_it() -> None:
    camera = swing(TAKEN, 180.0, 0.0)
    drawn = see_ball(camera)
    laid = lay_residue(drawn, spotted(front(0, 0)), TAKEN, None)
    inside = drawn.opacity > 0.5
    assert laid[0, :, inside].abs().max() < 1e-3
    _, surely = tint(torch.stack((front(0, 0), front(180, 0))), spotted(front(0, 0)), TAKEN, None)
    assert surely[0] > 0.9
    assert surely[1] < 1e-3


def test_what_an_expression_moves_takes_its_spot_along() -> None:
    point, moved = front(0, 0), torch.tensor([0.0, 0.02, 0.0])
    laid = lay_residue(see_ball(TAKEN), spotted(point), TAKEN, lambda places: places - moved)[0, 0]
    assert int(laid.argmax()) // SIDE < show(point, TAKEN)[1] - 2, "up in the world is up in the picture"


def code_of(residue: Residue | None) -> FaceCode:
    """A head with a residue."""
    return FaceCode(np.zeros(SHAPE_WIDTH, np.float32), np.zeros(LOOK_WIDTH, np.float32), TAKEN, 3.0, residue)


def test_it_is_kept_with_the_head_to_the_number() -> None:
    code = code_of(spotted(front(3, 3)))
    back = FaceCode.from_json(code.to_json()).residue
    assert back is not None
    assert code.residue is not None
    assert np.array_equal(back.pixels, code.residue.pixels)
    assert np.array_equal(back.depth_metres, code.residue.depth_metres)
    assert FaceCode.from_json(code_of(None).to_json()).residue is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": 9000}, {"grid": 0}, {"pixels": 7}, {"pixels": "###"}, {"shape": [0.0]}, {"depth": ""},
        {"pixels": base64.b64encode(zlib.compress(bytes(50_000_000))).decode()},
    ],
    ids=["huge", "nothing", "a number", "no code", "another shape", "empty", "a bomb"],
)  # fmt: skip
def test_a_broken_residue_is_refused_with_a_sentence(wrong: dict[str, object]) -> None:
    held = json.loads(code_of(spotted(front(0, 0))).to_json())
    held["residue"] |= wrong
    with pytest.raises(ValueError, match="not a face code that this version can read"):
        FaceCode.from_json(json.dumps(held))


def test_distances_that_are_no_numbers_are_refused() -> None:
    residue = spotted(front(0, 0))
    nowhere = np.full_like(residue.depth_metres, np.nan)
    with pytest.raises(ValueError, match="finite"):
        replace(residue, depth_metres=nowhere)
