"""Draws one frame of a place at one time: surfaces and their light through a lens, and what each pixel is and becomes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import Intrinsics, pixel_grid
from core.engine.daylight import Light, Sky, SunShadow, ambient, bake, lamp_light, middle_of
from core.engine.dice import Dice
from core.engine.movers import Mover
from core.engine.places import Place
from core.engine.solids import Solid, join
from core.ops.rasterise import Surface, draw_triangles, gather

_SHADOW_SIDE = 1024


@dataclass(frozen=True)
class Seen:
    """What pixels of one frame see, sampled at their centres."""

    depth: Tensor
    """(H, W), 0 for sky."""
    thing: Tensor
    """(H, W): 0 sky, 1 still, 2 and more the movers."""
    next_points: Tensor
    """(H, W, 3): where the seen point is at the next frame's time, in the world; a direction for sky."""


class Set:
    """A place with everyone in it, ready to be drawn at any time; still parts are prepared once."""

    def __init__(self, place: Place, movers: Sequence[Mover], dice: Dice) -> None:
        self.place, self.movers = place, tuple(movers)
        solid = place.solid
        self.light: Light = place.light
        self.still = torch.from_numpy(solid.points)
        self.still_light = bake(solid, place.light)
        self.table = place.stock.table()
        everything: Solid = join([solid, *(mover.solid for mover in movers)])
        self.triangles = torch.from_numpy(everything.triangles)
        self.materials = torch.from_numpy(everything.materials)
        self.places = torch.from_numpy(everything.places)
        self.normals = torch.from_numpy(solid.normals)
        things = [np.ones(len(solid.triangles), np.uint8)]
        things += [np.full(len(mover.solid.triangles), 2 + at, np.uint8) for at, mover in enumerate(movers)]
        self.things = torch.from_numpy(np.concatenate(things))
        self.sky = Sky(dice.child("sky"), place.light)
        self.shadow: SunShadow | None = None
        self.moving_triangles = torch.from_numpy(everything.triangles[len(solid.triangles) :]) - len(solid.points)
        if place.light.sun is not None:
            self.shadow = SunShadow(place.light, middle_of(np.asarray(place.watch, np.float32)), _SHADOW_SIDE)
            casts = self.table.glow[torch.from_numpy(solid.materials)] == 0
            self.still_shadow = self.shadow.draw(self.still, torch.from_numpy(solid.triangles)[casts])

    def moved(self, seconds: float) -> tuple[Tensor, Tensor]:
        """Points and normals of all movers at a time."""
        if not self.movers:
            return self.still[:0], self.still[:0]
        placed = [mover.at(seconds) for mover in self.movers]
        points, normals = (np.concatenate([each[at] for each in placed]) for at in range(2))
        return torch.from_numpy(points), torch.from_numpy(normals)

    def see(self, pose: Tensor, lens: Intrinsics, seconds: float, next_seconds: float) -> Seen:
        """Labels of one frame."""
        now, _ = self.moved(seconds)
        surface = self._surface(torch.cat((self.still, now)), pose, lens)
        depth = surface.depth[0]
        number = surface.number[0]
        thing = torch.where(number >= 0, self.things[number.clamp_min(0).long()], 0)
        directions = _directions(pose, lens)
        world = pose[:3, 3] + directions * depth[..., None]
        moves = torch.nonzero((thing >= 2).reshape(-1))[:, 0]
        if len(moves):
            later, _ = self.moved(next_seconds)
            whole = torch.cat((self.still, later))[None]
            world.reshape(-1, 3)[moves] = gather(whole, self.triangles, surface, moves)
        return Seen(depth, thing, torch.where((thing == 0)[..., None], directions, world))

    def _surface(self, points: Tensor, pose: Tensor, lens: Intrinsics) -> Surface:
        seen = (points - pose[:3, 3]) @ pose[:3, :3]
        depth = seen[:, 2]
        safe = torch.where(depth.abs() < 1e-6, torch.full_like(depth, 1e-6), depth)
        column = seen[:, 0] / safe * lens.focal_x + lens.centre_x
        row = seen[:, 1] / safe * lens.focal_y + lens.centre_y
        # what is this near the lens is not seen; it also keeps far corners of large faces out of the picture
        depth = torch.where(depth < 0.06, torch.full_like(depth, -1.0), depth)
        return draw_triangles(torch.stack((column, row, depth), 1)[None], self.triangles, lens.height, lens.width)

    def light_of(self, pose: Tensor, lens: Intrinsics, seconds: float, finer: int = 2) -> Tensor:
        """Linear light (3, H, W), each pixel the mean of ``finer`` x ``finer`` samples."""
        fine = lens.scaled(lens.width * finer, lens.height * finer)
        now, normals = self.moved(seconds)
        whole = torch.cat((self.still, now))
        surface = self._surface(whole, pose, fine)
        pixels = torch.nonzero((surface.number >= 0).reshape(-1))[:, 0]
        directions = _directions(pose, fine).reshape(-1, 3)
        picture = directions.new_zeros(fine.height * fine.width, 3)
        if len(pixels) < len(picture):
            sky = torch.nonzero((surface.number < 0).reshape(-1))[:, 0]
            picture[sky] = self.sky.colour(F.normalize(directions[sky], dim=1)) * self._sky_strength()
        light = torch.cat((self.still_light, self._light_movers(now, normals)))
        values = torch.cat((self.places, torch.cat((self.normals, normals)), light), 1)[None]
        rays = directions[pixels]
        depth = surface.depth.reshape(-1)[pixels]
        hit = _Hits(pose[:3, 3] + rays * depth[:, None], rays, depth / fine.focal_x)
        held = gather(values, self.triangles, surface, pixels)
        material = self.materials[surface.number.reshape(-1)[pixels].long()].long()
        picture[pixels] = self._shade(hit, held, material, _Now(now, self._grounds(seconds)))
        whole_picture = picture.reshape(1, fine.height, fine.width, 3).permute(0, 3, 1, 2)
        return F.avg_pool2d(whole_picture, finer)[0]

    def _shade(self, hit: _Hits, held: Tensor, material: Tensor, now: _Now) -> Tensor:
        """Linear light of pixels from their place on the material, normal and kept light."""
        view = F.normalize(hit.rays, dim=1)
        normal = F.normalize(held[:, 2:5], dim=1)
        facing = -(view * normal).sum(1)
        normal = torch.where((facing < 0)[:, None], -normal, normal)
        facing = facing.abs()
        # between the short and the long side of the pixel's footprint on a slanted surface
        footprint = hit.pixel_metres / facing.clamp_min(0.08).sqrt()
        colour = self.table.look_up(material, held[:, :2], footprint)
        light = held[:, 5:8] * _contact(hit.points, normal, now.grounds)
        if self.shadow is not None:
            light = light + self._sunlight(hit.points, normal, now.points)
        gloss, glow = self.table.gloss[material], self.table.glow[material]
        out = colour * torch.where(glow[:, None] > 0, glow[:, None], light)
        shiny = torch.nonzero(gloss > 0)[:, 0]
        if len(shiny):
            mirrored = view[shiny] + 2 * facing[shiny, None] * normal[shiny]
            fresnel = gloss[shiny] * (0.05 + 0.95 * (1 - facing[shiny]) ** 5)  # Schlick 1994
            strength = held[shiny, 5:8].amax(1) if not self.place.outdoors else self._sky_strength()
            shown = self.sky.colour(mirrored) if self.place.outdoors else (0.35 + 0.65 * mirrored[:, 1:2].clamp_min(0))
            out[shiny] += fresnel[:, None] * shown * (strength[:, None] if isinstance(strength, Tensor) else strength)
        return out

    def _sunlight(self, points: Tensor, normal: Tensor, now: Tensor) -> Tensor:
        """Direct sun (P, 3)."""
        assert self.shadow is not None
        faces = (normal @ self.shadow.towards).clamp_min(0)
        lit = torch.nonzero(faces > 0)[:, 0]
        depth = self.still_shadow
        if len(now):
            depth = torch.minimum(depth, self.shadow.draw(now, self.moving_triangles))
        faces[lit] *= self.shadow.share(points[lit], normal[lit], depth)
        return faces[:, None] * points.new_tensor(self.light.sun_colour)

    def _grounds(self, seconds: float) -> tuple[tuple[float, float, float, float, float], ...]:
        found = [mover.ground(seconds) for mover in self.movers]
        return tuple(ground for ground in found if ground is not None)

    def _light_movers(self, points: Tensor, normals: Tensor) -> Tensor:
        """Light (V, 3) at the corners of movers: the same lamps without their shadows, ambient as the place has it."""
        return ambient(normals, self.light) * 0.85 + lamp_light(points, normals, points[:0], self.light.lamps)

    def _sky_strength(self) -> float:
        return 1.1 * max(self.light.above)


@dataclass(frozen=True)
class _Now:
    """Where movers are: their points, and what they darken beneath them."""

    points: Tensor
    grounds: tuple[tuple[float, float, float, float, float], ...]


def _contact(points: Tensor, normal: Tensor, grounds: tuple[tuple[float, float, float, float, float], ...]) -> Tensor:
    """Darkening (P, 1) of the floor under movers."""
    kept = points.new_ones(len(points), 1)
    if not grounds:
        return kept
    floor = torch.nonzero((normal[:, 1] > 0.7) & (points[:, 1] < 0.3))[:, 0]
    under = points[floor]
    dark = points.new_ones(len(floor))
    for x, z, along, across, yaw in grounds:
        cos, sin = math.cos(yaw), math.sin(yaw)
        far_x, far_z = under[:, 0] - x, under[:, 2] - z
        local_z, local_x = (sin * far_x + cos * far_z) / along, (cos * far_x - sin * far_z) / across
        dark *= 1 - 0.6 * torch.exp(-(local_z**2 + local_x**2))
    kept[floor, 0] = dark
    return kept


@dataclass(frozen=True)
class _Hits:
    """Where rays meet surfaces: world points, rays of depth 1, and how large a pixel is there."""

    points: Tensor
    rays: Tensor
    pixel_metres: Tensor


def _directions(pose: Tensor, lens: Intrinsics) -> Tensor:
    """World vectors (H, W, 3) through pixel centres, of depth 1."""
    grid = pixel_grid(lens.width, lens.height)
    across = (grid[..., 0] - lens.centre_x) / lens.focal_x
    down = (grid[..., 1] - lens.centre_y) / lens.focal_y
    return torch.stack((across, down, torch.ones_like(across)), -1) @ pose[:3, :3].T
