"""The engine's heads on the shoulders of figures: hair, hats and glasses included, drawn by render.py where they stand."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import render
from core.engine.flesh import PART
from core.engine.head import Head, load_head
from core.engine.layering import Visible
from core.engine.light import Light
from core.engine.moments import draw_moments
from core.engine.people import People
from core.engine.portrayal import Camera
from core.engine.poses import Posed
from core.engine.render import CLOTH, SEGMENTS, Scene
from core.engine.shots import Placed
from core.engine.stage import THIN, build_scene, pose_people
from core.engine.strands import Growth

_CUT_METRES = -0.120
"""Below this the head model's own bust gives way to the figure's."""
_CALM = 0.45
"""How far a figure's head turns, as a share of a portrait's."""


@dataclass(frozen=True)
class Bust:
    """Heads in the world (their scene's camera is still to be set): rotation, place of the origin, size."""

    scene: Scene
    turn: Tensor
    origin: Tensor
    size: Tensor


def set_heads(people: People, posed: Posed, light: Light, seeds: Tensor) -> Bust:
    """The heads of figures, looking and turned as the seeds say."""
    device = seeds.device
    head = load_head(device)
    moments = draw_moments(seeds)
    moments = replace(moments, turn=moments.turn * _CALM, body_yaw=torch.zeros_like(moments.body_yaw))
    eye = torch.eye(4, device=device).expand(len(seeds), 4, 4)
    placed = Placed(eye, eye[:, :3, :3], light)
    scene = build_scene(head, people, moments, pose_people(head, people, moments), placed, THIN)
    turn, origin = _frame(posed)
    size = posed.bodies.head_scale[:, None, None]
    keep = _kept(head, len(scene.triangles))
    merged = replace(
        scene,
        points=(scene.points * size) @ turn.transpose(1, 2) + origin[:, None],
        normals=scene.normals @ turn.transpose(1, 2),
        triangles=scene.triangles[keep & (scene.material != CLOTH)],
        material=scene.material[keep & (scene.material != CLOTH)],
        eye_axes=turn[:, None] @ scene.eye_axes,
        fuzz=_carry(scene.fuzz, size, turn, origin),
        hair=None if scene.hair is None else _carry(scene.hair, size, turn, origin),
    )
    return Bust(merged, turn, origin, posed.bodies.head_scale)


def _frame(posed: Posed) -> tuple[Tensor, Tensor]:
    """Rotation (B, 3, 3) of the head's frame into the world, and where its origin is (B, 3)."""
    level = torch.zeros_like(posed.lean)
    upright = torch.stack((level, posed.bodies.height(level), level), 1)
    origin = posed.bend(upright[:, None, None], level[:, None])[:, 0, 0]
    yaw = turn_about(posed.yaw)
    return yaw @ posed.chest_turn(), (yaw @ origin[..., None])[..., 0]


def turn_about(yaw: Tensor) -> Tensor:
    """Rotations (B, 3, 3) about the vertical, to the picture's right."""
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    cos, sin = yaw.cos(), yaw.sin()
    return torch.stack((cos, zero, sin, zero, one, zero, -sin, zero, cos), -1).unflatten(-1, (3, 3))


@functools.lru_cache(maxsize=4)
def _kept(head: Head, count: int) -> Tensor:
    """Which triangles of the scene stay: the bust goes."""
    low = head.neutral[:, 1][head.triangles].amax(1) < _CUT_METRES
    keep = torch.ones(count, dtype=torch.bool, device=low.device)
    keep[: len(low)] = ~low
    return keep


def _carry(growth: Growth, size: Tensor, turn: Tensor, origin: Tensor) -> Growth:
    strands = growth.strands
    points = (strands.points * size[..., None]) @ turn[:, None].transpose(-1, -2) + origin[:, None, None]
    outward = growth.outward @ turn[:, None].transpose(-1, -2)
    return replace(growth, strands=replace(strands, points=points, width=strands.width * size), outward=outward)


def top_of(bust: Bust) -> Tensor:
    """The highest point (B, 3) of each head."""
    worn = bust.scene.points[:, :7000]
    at = worn[..., 1].argmax(1)
    return worn[torch.arange(len(at), device=at.device), at]


def lay_head(
    bust: Bust, camera: Camera, picture: Tensor, visible: Visible, frame: tuple[int, float]
) -> tuple[Tensor, Visible, Tensor]:
    """Heads over the picture (B, 3, R, R) and its maps; and where head, arms or things hide a garment (B, R, R)."""
    scene = replace(bust.scene, pose=camera.pose, calibration=camera.calibration)
    drawn = render.draw(scene, *frame)
    depth = drawn.depth[:, None]
    spread = F.max_pool2d(depth, 5, 1, 2)
    depth = torch.where(depth > 0, depth, spread)[:, 0]
    hair = drawn.segments == SEGMENTS.index("hair")
    low = (drawn.segments == SEGMENTS.index("neck")) | (drawn.segments == SEGMENTS.index("skin"))
    compared = depth + torch.where(hair, -0.02, 0.004)
    front = (drawn.coverage > 0) & (depth > 0) & (compared < visible.compared)
    # the neck runs over into the figure's own skin
    fade = torch.where(low & (depth > 0), _above_cut(bust, camera, depth), torch.ones_like(depth))
    share = drawn.coverage * front * fade
    # render.draw gives colour already multiplied by its coverage
    laid = drawn.colour * (front * fade)[:, None] + picture * (1 - share)[:, None]
    own = share > 0.5
    part = torch.where(hair, PART["hair"], PART["head"]).to(torch.uint8)
    arms = visible.beneath & (visible.layer == 0) & (visible.part > 0) & (visible.part != PART["trunk"])
    hidden = (own & visible.beneath) | (arms & ~own)
    merged = replace(
        visible,
        depth=torch.where(own, depth, visible.depth),
        part=torch.where(own, part, visible.part),
        layer=torch.where(own, torch.zeros_like(visible.layer), visible.layer),
        flat=torch.where(own[..., None], torch.full_like(visible.flat, torch.nan), visible.flat),
    )
    return laid, merged, hidden


def _above_cut(bust: Bust, camera: Camera, depth: Tensor) -> Tensor:
    """1 on the head, 0 at the neck's lower end, by where each pixel of a depth map is on the head."""
    resolution = depth.shape[-1]
    scale = resolution / (2 * camera.calibration[:, :1, 2:])
    at = torch.arange(resolution, device=depth.device) + 0.5
    focal = camera.calibration[:, :1, :1] * scale
    centre = resolution / 2
    x, y = (at[None, None] - centre) / focal * depth, (at[None, :, None] - centre) / focal * depth
    up = (bust.turn[:, None, :, 1] @ camera.pose[:, :3, :3])[:, 0]
    offset = ((camera.pose[:, :3, 3] - bust.origin) * bust.turn[:, :, 1]).sum(-1)
    along = up[:, :1, None] * x + up[:, 1:2, None] * y + up[:, 2:, None] * depth + offset[:, None, None]
    level = along / bust.size[:, None, None]
    return ((level - _CUT_METRES - 0.004) / 0.018).clamp(0, 1)


def neck_share(people: People) -> Tensor:
    """How wide each neck is, 1 for the mean head's (B,)."""
    head = load_head(people.rest.device)
    ring = (head.part == 0) & ((head.neutral[:, 1] + 0.098).abs() < 0.006)
    own = people.rest[:, ring, 0].abs().mean(1)
    return (own / head.neutral[ring, 0].abs().mean()).clamp(0.85, 1.2)
