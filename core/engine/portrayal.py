"""How a figure is taken: the camera that frames it, the room behind, and the light on skin and cloth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import invert_pose, look_at, normalise, project
from core.engine import light as lighting
from core.engine.drape import smooth
from core.engine.figure_choices import VIEWS
from core.engine.light import Light
from core.engine.people import Draws
from core.engine.poses import JOINTS
from core.ops.rasterise import draw_triangles

SHADOW_SIZE, SHADOW_REACH_METRES = 224, 1.25
_LOW = {"full": ("left ankle", "right ankle"), "half": ("left knee", "right knee"), "upper": ("left hip", "right hip")}


@dataclass(frozen=True)
class Camera:
    """B cameras; calibration in pixels of the final picture."""

    pose: Tensor
    calibration: Tensor

    def screen(self, points: Tensor, scale: float) -> Tensor:
        """World points (B, N, 3) as column, row, depth."""
        place, depth = project(points, invert_pose(self.pose), self.calibration)
        return torch.cat((place * scale, depth[..., None]), -1)


def frame_figures(seeds: Tensor, joints: Tensor, views: list[str], size: int) -> Camera:
    """Cameras that see what the view asks for of the joints (B, len(JOINTS), 3, world), head first."""
    draws = Draws(seeds)
    device = seeds.device
    lowest = torch.tensor([[JOINTS.index(name) for name in _LOW[view]] for view in views], device=device)
    low = torch.gather(joints[..., 1], 1, lowest).amin(1)
    sort = torch.tensor([VIEWS.index(view) for view in views], device=device)
    low = low - torch.where(sort == 0, 0.13, torch.where(sort == 1, -0.14, -0.02))
    hips = torch.minimum(joints[:, JOINTS.index("left hip"), 1], joints[:, JOINTS.index("right hip"), 1])
    low = torch.where(sort == 1, torch.minimum(low, hips - 0.16), low)  # knees of who sits are as high as the hips
    # feet that come towards the camera are seen lower
    ahead = torch.gather(joints[..., 2], 1, lowest).amax(1).clamp_min(0.0)
    low = low - torch.where(sort == 0, 0.38 * ahead, 0.0)
    shown = joints[..., 1] > low[:, None] - 0.02
    high = torch.where(shown, joints[..., 1], -9.0).amax(1) + torch.where(joints[:, :, 1].argmax(1) == 0, 0.05, 0.24)
    # what is above the picture's lower edge lies inside it, hands included
    left = torch.where(shown, joints[..., 0], 9.0).amin(1) - 0.20
    right = torch.where(shown, joints[..., 0], -9.0).amax(1) + 0.20
    near = torch.where(sort == 0, 1.0, torch.where(sort == 1, 0.97, 0.93))
    span = torch.maximum(high - low, right - left) * near * (1.03 + 0.16 * draws.uniform("figure margin"))
    full = sort == 0
    low = torch.where(full, 0.5 * (low + high) - 0.5 * span, low)
    high = torch.where(full, low + span, high)
    middle = torch.stack((0.5 * (left + right), 0.5 * (low + high), torch.zeros_like(low)), 1)
    middle = middle + torch.stack((span * 0.02 * draws.normal("figure aside").clamp(-1.5, 1.5), 0 * low, 0 * low), 1)
    distance = (1.3 + 1.3 * draws.uniform("figure distance")) * span.clamp_min(0.8)
    rise = 0.10 * draws.normal("figure camera height").clamp(-1.6, 1.6) + 0.04
    eye = middle + torch.stack(
        (0.05 * distance * draws.normal("figure camera side").clamp(-1.5, 1.5), distance * rise, distance), 1
    )
    roll = 0.012 * draws.normal("figure camera roll").clamp(-2, 2)
    up = torch.stack((roll.sin(), roll.cos(), 0 * roll), 1)
    focal = size * distance / span
    calibration = torch.zeros(len(seeds), 3, 3, device=device)
    calibration[:, 0, 0] = calibration[:, 1, 1] = focal
    calibration[:, 0, 2] = calibration[:, 1, 2] = size / 2
    calibration[:, 2, 2] = 1
    return Camera(look_at(eye, middle, up), calibration)


@dataclass(frozen=True)
class Shadow:
    """Depth as the first lamp sees the figure."""

    axes: Tensor
    centre: Tensor
    depth: Tensor
    softness: Tensor


def cast_shadow(meshes: list[tuple[Tensor, Tensor]], light: Light) -> Shadow:
    """The first lamp's view of meshes (points (B, V, 3), triangles)."""
    centre = torch.zeros_like(light.directions[:, 0])
    centre[:, 1] = 0.9
    axes = lighting.lamp_axes(light.directions[:, 0])
    nearest = None
    for points, triangles in meshes:
        local = (points - centre[:, None]) @ axes.transpose(1, 2)
        scale = 0.5 * SHADOW_SIZE / SHADOW_REACH_METRES
        at = torch.stack(
            (local[..., 0] * scale + SHADOW_SIZE / 2, SHADOW_SIZE / 2 - local[..., 1] * scale, 4.0 - local[..., 2]), -1
        )
        drawn = draw_triangles(at, triangles, SHADOW_SIZE, SHADOW_SIZE)
        depth = torch.where(drawn.number >= 0, drawn.depth, torch.full_like(drawn.depth, 99.0))
        nearest = depth if nearest is None else torch.minimum(nearest, depth)
    assert nearest is not None
    return Shadow(axes, centre, nearest, light.softness[:, 0])


def lit_share(shadow: Shadow, points: Tensor, picture: Tensor, bias_metres: float) -> Tensor:
    """How much of the first lamp each point (P, 3) sees."""
    local = ((points - shadow.centre[picture])[:, None] * shadow.axes[picture]).sum(-1)
    scale = 0.5 * SHADOW_SIZE / SHADOW_REACH_METRES
    own = 4.0 - local[:, 2] - bias_metres
    radius = (1.0 + 7.0 * shadow.softness[picture]) * 0.9
    flat = shadow.depth.reshape(-1)
    lit = torch.zeros_like(own)
    count = 9
    for tap in range(count):
        turn, reach = tap * 2.39996, math.sqrt((tap + 0.5) / count)
        column = (local[:, 0] * scale + SHADOW_SIZE / 2 + radius * (reach * math.cos(turn))).long()
        row = (SHADOW_SIZE / 2 - local[:, 1] * scale + radius * (reach * math.sin(turn))).long()
        inside = (column >= 0) & (column < SHADOW_SIZE) & (row >= 0) & (row < SHADOW_SIZE)
        cell = (picture * SHADOW_SIZE + row.clamp(0, SHADOW_SIZE - 1)) * SHADOW_SIZE + column.clamp(0, SHADOW_SIZE - 1)
        lit += torch.where(inside, torch.sigmoid((flat[cell] - own) * 250.0), torch.ones_like(own))
    return lit / count


@dataclass(frozen=True)
class Surfel:
    """P visible places: which picture, where, its normal towards the viewer, what colour, how like skin, how glossy."""

    picture: Tensor
    point: Tensor
    normal: Tensor
    view: Tensor
    albedo: Tensor
    soft: Tensor
    gloss: Tensor
    open_share: Tensor


def light_surfels(light: Light, shadow: Shadow, seen: Surfel) -> Tensor:
    """Linear light (P, 3) that reaches the camera."""
    picture, normal = seen.picture, seen.normal
    wrap = seen.soft[:, None] * normal.new_tensor(lighting.SCATTER) + 0.10
    closed = seen.open_share[:, None]
    total = seen.albedo * lighting.irradiance(light, normal, picture) * closed
    lit = lit_share(shadow, seen.point + 0.012 * normal, picture, 0.018)
    for lamp in range(light.directions.shape[1]):
        if not bool((light.colours[:, lamp] > 0).any()):
            continue
        way, colour = light.directions[:, lamp][picture], light.colours[:, lamp][picture]
        diffuse = lighting.wrapped((normal * way).sum(-1), wrap)
        reach = lit[:, None] if lamp == 0 else closed
        total = total + seen.albedo * colour * diffuse * reach
        rough = torch.full_like(seen.gloss, 0.5)
        shine = lighting.highlight(normal, seen.view, way, rough, torch.full_like(rough, 0.035)) * seen.gloss
        total = total + colour * shine[:, None] * reach
    return total


def open_to_light(depth: Tensor, scale: float) -> Tensor:
    """How open each pixel (B, R, R) of a depth map (0: nothing) is: what lies close behind something nearer is not."""
    there = depth > 0
    count = there.sum((1, 2)).clamp_min(1)
    far = (depth.sum((1, 2)) / count)[:, None, None] + 0.15
    filled = torch.where(there, depth, far)
    dark = torch.zeros_like(filled)
    for reach, metres in ((2.2 * scale, 0.035), (6.0 * scale, 0.09)):
        behind = filled - smooth(filled, reach)
        dark = dark + ((behind - 0.004) / metres).clamp(0, 1)
    return 1 - 0.30 * dark.clamp(0, 1.6)


def meter(light: Light) -> Tensor:
    """Exposure (B) under which a mid grey that faces the camera comes out as such."""
    towards = torch.zeros_like(light.directions[:, 0])
    towards[:, 2], towards[:, 1] = 0.96, 0.28
    soft = torch.einsum("bk,bkc->bc", lighting.harmonics(towards), light.soft_surround()).mean(1)
    lamps = ((light.directions * towards[:, None]).sum(-1).clamp_min(0) * 0.75 + 0.2) * light.colours.mean(-1)
    return 1.02 / (soft + lamps.sum(1)).clamp_min(0.12)


def draw_ground(
    seeds: Tensor, plain: Tensor, camera: Camera, shadow: Shadow, light: Light, frame: tuple[int, float]
) -> Tensor:
    """Floor and wall behind the figures (B, 3, R, R), linear, with the figure's shadow on them."""
    draws, device = Draws(seeds), seeds.device
    resolution, scale = frame
    at = (torch.arange(resolution, device=device) + 0.5) / scale
    row, column = torch.meshgrid(at, at, indexing="ij")
    focal, centre = camera.calibration[:, 0, 0, None, None], camera.calibration[:, :2, 2]
    local = torch.stack(
        ((column - centre[:, :1, None]) / focal, (row - centre[:, 1:, None]) / focal, torch.ones_like(focal) + 0 * row),
        -1,
    )
    way = local @ camera.pose[:, None, :3, :3].transpose(-1, -2)
    eye = camera.pose[:, None, None, :3, 3]
    wall_z = -(0.45 + 1.6 * draws.uniform("wall distance") ** 1.5)[:, None, None]
    to_wall = (wall_z - eye[..., 2]) / way[..., 2].clamp_max(-1e-3)
    to_floor = -eye[..., 1] / way[..., 1].clamp_max(-1e-4)
    to_floor = torch.where(way[..., 1] < -1e-4, to_floor, torch.full_like(to_floor, 99.0))
    on_floor = to_floor < to_wall
    far = torch.where(on_floor, to_floor, to_wall)
    place = eye + way * far[..., None]
    colour = torch.where(on_floor[..., None], *_floor_and_wall(draws, plain, place))
    up = on_floor[..., None].to(torch.float32)
    normal = torch.cat((torch.zeros_like(up), up, 1 - up), -1)
    picture = torch.arange(len(seeds), device=device).repeat_interleave(resolution * resolution)
    flat_normal, flat_place = normal.reshape(-1, 3), place.reshape(-1, 3)
    soft = lighting.irradiance(light, flat_normal[::1], picture)
    lit = lit_share(shadow, flat_place, picture, 0.02)[:, None]
    key = (flat_normal * light.directions[:, 0][picture]).sum(-1, keepdim=True).clamp_min(0.0) * 0.8 + 0.15
    total = colour.reshape(-1, 3) * (soft + key * lit * light.colours[:, 0][picture])
    near = torch.exp(-((flat_place[:, 0] / 0.30) ** 2 + ((flat_place[:, 2] - 0.02) / 0.22) ** 2)) * up.reshape(-1)
    total = total * (1 - 0.38 * near)[:, None]
    return total.reshape(len(seeds), resolution, resolution, 3).permute(0, 3, 1, 2)


def _floor_and_wall(draws: Draws, plain: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Colours (B, R, R, 3) of floor and wall at places (B, R, R, 3)."""
    x, y, z = place.unbind(-1)
    pale = (0.5 + 0.42 * draws.uniform("backdrop grey"))[:, None]
    tint = draws.colour("backdrop", 0.35)
    paper = torch.where(draws.chance("white paper", 0.5)[:, None], pale + 0 * tint, 0.45 * pale + 0.5 * tint)
    wall = 0.10 + 0.75 * draws.colour("room wall", 0.55)
    floor = 0.04 + 0.4 * draws.colour("room floor", 0.6)

    def spread(colour: Tensor) -> Tensor:
        return colour[:, None, None]

    def number(name: str, low: float, high: float) -> Tensor:
        return draws.uniform(name, low, high)[:, None, None]

    plank = number("plank", 0.09, 0.2)
    board = torch.floor(x / plank)
    shade = 0.5 + 0.5 * torch.sin(board * 12.9898 + torch.floor(z / 0.9 + board * 0.37) * 4.1)
    gap = torch.exp(-((torch.remainder(x / plank, 1.0) - 0.5).abs() - 0.5).abs() / 0.012)
    wooden = draws.chance("planks", 0.5)[:, None, None]
    tone = torch.where(wooden, 0.8 + 0.35 * shade - 0.3 * gap, torch.ones_like(x))
    floored = spread(floor) * tone[..., None]
    base = number("skirting", 0.05, 0.14)
    board = torch.sigmoid((base - y) * 400)[..., None]
    walled = spread(wall) * (1 - board) + (0.25 + 0.55 * spread(wall)) * board
    walled = _furnish(draws, walled, x, y)
    is_plain = plain[:, None, None, None]
    return torch.where(is_plain, spread(paper), floored), torch.where(is_plain, spread(paper), walled)


def _furnish(draws: Draws, wall: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """A door, a frame, a curtain: soft-edged boxes on the wall."""
    for at in range(4):
        there = draws.chance(f"furniture {at}", 0.65)[:, None, None]
        wide, tall = (
            draws.uniform(f"fw {at}", 0.12, 0.55)[:, None, None],
            draws.uniform(f"fh {at}", 0.15, 0.9)[:, None, None],
        )
        aside = draws.uniform(f"fx {at}", -1.5, 1.5)[:, None, None]
        low = torch.where(
            draws.chance(f"stands {at}", 0.5)[:, None, None],
            tall,
            tall + draws.uniform(f"fy {at}", 0.6, 1.5)[:, None, None],
        )
        far = torch.maximum((x - aside).abs() - wide, (y - low).abs() - tall)
        box = torch.sigmoid(-far * 90) * there
        rim = torch.exp(-((far / 0.02) ** 2)) * there * 0.5
        colour = draws.colour(f"furniture {at}", 0.7)[:, None, None]
        wall = wall * (1 - 0.9 * box[..., None]) + 0.9 * box[..., None] * (0.05 + 0.8 * colour)
        wall = wall * (1 - 0.5 * rim[..., None])
    return wall


def blur_ground(picture: Tensor, seeds: Tensor, plain: Tensor) -> Tensor:
    """The room a little out of focus for some."""
    soft = F.avg_pool2d(F.pad(picture, (2, 2, 2, 2), mode="replicate"), 5, 1)
    share = (Draws(seeds).uniform("figure defocus") * ~plain)[:, None, None, None]
    return picture * (1 - share) + soft * share


def view_of(points: Tensor, camera: Camera, picture: Tensor) -> Tensor:
    """Unit directions (P, 3) from points to the camera."""
    return normalise(camera.pose[:, :3, 3][picture] - points)
