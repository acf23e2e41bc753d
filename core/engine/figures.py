"""People who do not exist, in garments that nobody sewed, by seed: who, in which pose, wearing what, and every label.

``figures([1, 2, 3])`` gives pictures and labels; tryon.py puts a caller's own flat picture of a garment on a figure. A
picture is a function of its seeds alone, whatever the batch. Left and right are those of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import invert_pose, project
from core.engine.bodies import draw_bodies
from core.engine.busts import Bust, lay_head, neck_share, set_heads, top_of, turn_about
from core.engine.dressing import Fit, Worn, shadow_points, wear
from core.engine.figure_choices import (
    BACKGROUNDS,
    LAYERS,
    VIEWS,
    WORN,
    FigureChoices,
    check_figures,
    part_of,
    pick_names,
    pick_outfits,
)
from core.engine.flesh import PARTS, Mesh, build_body
from core.engine.head import load_head
from core.engine.layering import Visible, see
from core.engine.light import Light
from core.engine.people import Draws, People, draw_people
from core.engine.portrayal import Camera, Shadow, blur_ground, cast_shadow, draw_ground, frame_figures, meter
from core.engine.poses import JOINTS, POSES, Posed, joint_places, pose_bodies
from core.engine.sensor import develop
from core.engine.shots import Shots, draw_shots
from core.engine.wardrobe import Layer, draw_layers

CHUNK_PIXELS = {"cpu": 8 * 256**2, "cuda": 48 * 256**2}
_LEAST_EASE = {"bottom": 0.007, "top": 0.012, "outer": 0.022}


@dataclass(frozen=True)
class FigureBatch:
    """Pictures and labels of N figures, on the device they were drawn on."""

    pixels: Tensor
    """(N, 3, S, S) in [-1, 1]."""
    masks: Tensor
    """(N, len(LAYERS), S, S) bool: where the bottom, top, whole and outer garment are seen."""
    parts: Tensor
    """(N, S, S) uint8, place in PARTS."""
    surface: Tensor
    """(N, S, S, 2) place in the flat picture of the garment that is seen there, -1..1 across and down as ``grid_sample``
    counts; NaN where no garment's front is seen."""
    occluders: Tensor
    """(N, S, S) bool: arms, hands, hair, head and things in front of a garment."""
    depth: Tensor
    """(N, S, S) metres along the camera's z, 0 where there is only background."""
    joints: Tensor
    """(N, len(JOINTS), 2) column and row in pixels."""
    anchors: Tensor
    """(N, len(LAYERS), 14, 2) where the garment's anchors come to lie, seen or not; NaN where it has none."""
    flat_pixels: Tensor
    """(N, len(LAYERS), 3, F, F) the flat garments, white where a layer is not worn."""
    flat_masks: Tensor
    """(N, len(LAYERS), F, F) bool."""
    camera: Tensor
    """(N, 4, 4) camera to world."""
    calibration: Tensor
    """(N, 3, 3) in pixels."""
    pose: tuple[str, ...]
    view: tuple[str, ...]
    background: tuple[str, ...]
    kinds: tuple[str, ...]
    """What each wears, joined by +."""


def figures(
    seeds: Sequence[int], device: torch.device | str = "cpu", size: int = 256, choices: FigureChoices | None = None
) -> FigureBatch:
    """Figures of these seeds with all labels."""
    choices = choices or FigureChoices()
    where = check_figures(seeds, device, size, choices)
    chunk = max(1, int(CHUNK_PIXELS[where.type] // size**2))
    batches = []
    with torch.no_grad():
        for start in range(0, len(seeds), chunk):
            stop = min(start + chunk, len(seeds))
            plan = plan_figures(list(seeds[start:stop]), where, part_of(choices, start, stop), size)
            batches.append(draw_plan(plan, dress_plan(plan)))
    return _join(batches)


@dataclass(frozen=True)
class Plan:
    """B figures before they are dressed."""

    seeds: Tensor
    size: int
    choices: FigureChoices
    people: People
    posed: Posed
    shots: Shots
    poses: list[str]
    views: list[str]
    backgrounds: list[str]
    outfits: list[dict[str, str]]


def plan_figures(seeds: list[int], device: torch.device, choices: FigureChoices, size: int) -> Plan:
    """Who stands how, and what is to be worn."""
    own = torch.tensor(seeds, dtype=torch.int64, device=device)

    def other(given: Sequence[int] | None) -> Tensor:
        return own if given is None else torch.tensor(list(given), dtype=torch.int64, device=device)

    who, moved, taken = other(choices.body_seeds), other(choices.pose_seeds), other(choices.shot_seeds)
    people = draw_people(load_head(device), who)
    bodies = draw_bodies(who, people.femininity, neck_share(people))
    poses = pick_names(choices.pose, moved, POSES, "figure pose")
    number = torch.tensor([POSES.index(name) for name in poses], device=device)
    posed = pose_bodies(bodies, number, moved)
    if choices.turn_degrees is not None:
        posed = replace(posed, yaw=torch.full_like(posed.yaw, choices.turn_degrees * torch.pi / 180))
    views = pick_names(choices.view, taken, VIEWS, "figure view")
    backgrounds = pick_names(choices.background, taken, BACKGROUNDS, "figure background")
    outfits = pick_outfits(own, people.femininity, choices)
    return Plan(own, size, choices, people, posed, draw_shots(taken), poses, views, backgrounds, outfits)


def dress_plan(plan: Plan) -> dict[str, Layer]:
    """The garments that the plan's figures wear, by seed."""

    def given(listed: Sequence[int] | None) -> Tensor | None:
        return None if listed is None else torch.tensor(list(listed), dtype=torch.int64)

    flat_size = 192 if plan.size >= 192 else 112
    flat_size = min(max(flat_size, plan.size * 3 // 4), 512)
    choices = plan.choices
    seeds = (plan.seeds, given(choices.outline_seeds), given(choices.cloth_seeds))
    return draw_layers(plan.outfits, seeds, flat_size)


@dataclass(frozen=True)
class _Set:
    """The figures in their worlds."""

    body: Mesh
    worn: dict[str, tuple[Worn, Layer]]
    bust: Bust
    camera: Camera
    light: Light
    shadow: Shadow
    joints: Tensor


def draw_plan(plan: Plan, layers: dict[str, Layer]) -> FigureBatch:
    """The picture and its labels."""
    resolution = round(plan.size * plan.choices.supersample)
    scale = resolution / plan.size
    stage = _set_up(plan, layers)
    frame = (stage.light, stage.shadow, resolution, scale)
    visible = see(stage.body, stage.worn, stage.camera, plan.people.skin, frame)
    plain = torch.tensor([name == "plain" for name in plan.backgrounds], device=plan.seeds.device)
    ground = draw_ground(plan.shots.seeds, plain, stage.camera, stage.shadow, stage.light, (resolution // 2, scale / 2))
    ground = blur_ground(ground, plan.shots.seeds, plain)
    ground = F.interpolate(ground, size=(resolution, resolution), mode="bilinear", align_corners=False)
    there = (visible.depth > 0)[:, None]
    picture = torch.where(there, visible.colour.permute(0, 3, 1, 2), ground)
    picture, visible, hidden = lay_head(
        stage.bust, stage.camera, picture, visible, (plan.size, plan.choices.supersample)
    )
    small = F.interpolate(
        picture.clamp(0, 6), (plan.size, plan.size), mode="bilinear", antialias=True, align_corners=False
    )
    exposure = plan.shots.exposure * meter(stage.light)
    look = plan.shots.sensor
    # who shows clothes takes care of the picture
    look = replace(look, noise=look.noise * 0.35, blur=look.blur * 0.5, motion=look.motion * 0.3)
    if not plan.choices.sensor:
        still = torch.zeros_like(look.blur)
        look = replace(look, blur=still, noise=still, motion=still, vignette=still, sharpen=still, quality=still + 1)
    pixels = develop(small, exposure, look, plan.shots.seeds)
    return _label(plan, stage, visible, hidden, pixels)


def _set_up(plan: Plan, layers: dict[str, Layer]) -> _Set:
    posed = plan.posed
    turn = turn_about(posed.yaw)
    light = soften(plan.shots.light)
    bust = set_heads(plan.people, posed, light, plan.shots.seeds)
    body = build_body(posed)
    body = replace(body, points=body.points @ turn.transpose(1, 2), normals=body.normals @ turn.transpose(1, 2))
    draws = Draws(plan.seeds)
    worn = {}
    for name in WORN:
        if name not in layers:
            continue
        layer = layers[name]
        opened = torch.zeros_like(posed.yaw)
        if name == "outer":
            drawn = draws.chance("coat open", 0.6) * draws.uniform("coat opened", 0.2, 1.0)
            share = drawn if plan.choices.open_share is None else torch.full_like(drawn, plan.choices.open_share)
            opened = 0.42 * share
        over = layers.get("outer") if name == "top" else None
        covered = torch.zeros_like(layer.present) if over is None else over.present
        garment = wear(posed, layer.chart, Fit(_LEAST_EASE[name], opened, plan.seeds, covered), layer.present)
        points, normals = garment.points @ turn.transpose(1, 2), garment.normals @ turn.transpose(1, 2)
        worn[name] = (replace(garment, points=points, normals=normals), layer)
    joints = joint_places(posed, torch.zeros_like(posed.lift)) @ turn.transpose(1, 2)
    joints[:, 0] = top_of(bust)
    camera = frame_figures(plan.shots.seeds, joints, plan.views, plan.size)
    meshes = [
        (body.points, body.triangles),
        *((shadow_points(one, layer.paint), one.triangles) for one, layer in worn.values()),
    ]
    meshes.append((bust.scene.points, bust.scene.triangles))
    return _Set(body, worn, bust, camera, light, cast_shadow(meshes, light), joints)


def soften(light: Light) -> Light:
    """Lamps of a photographer who wants to show clothes: never quite from behind or beside."""
    way = light.directions.clone()
    way[:, 0, 2] = way[:, 0, 2].abs() + 0.35
    way = F.normalize(way, dim=-1)
    colours = light.colours.clone()
    colours[:, 2] = colours[:, 2] * 0.4
    return replace(light, directions=way, colours=colours, surround=light.surround * 1.15)


def _label(plan: Plan, stage: _Set, visible: Visible, hidden: Tensor, pixels: Tensor) -> FigureBatch:
    size, resolution = plan.size, visible.depth.shape[-1]
    pick = ((torch.arange(size, device=pixels.device) + 0.5) * resolution / size).long()

    def small(maps: Tensor) -> Tensor:
        return maps[:, pick][:, :, pick]

    batch, device = len(pixels), pixels.device
    layer = small(visible.layer)
    count = len(LAYERS)
    flat_size = next(iter(stage.worn.values()))[1].flat.pixels.shape[-1]
    masks = torch.zeros(batch, count, size, size, dtype=torch.bool, device=device)
    anchors = torch.full((batch, count, 14, 2), torch.nan, device=device)
    flat_pixels = torch.ones(batch, count, 3, flat_size, flat_size, device=device)
    flat_masks = torch.zeros(batch, count, flat_size, flat_size, dtype=torch.bool, device=device)
    whole = torch.tensor(["whole" in outfit for outfit in plan.outfits], device=device)
    flat_map = visible.flat
    for at, (name, (garment, worn)) in enumerate(stage.worn.items()):
        found = place_anchors(garment, worn, stage.camera)
        for number, label in enumerate(LAYERS):
            if label != name and not (name == "top" and label == "whole"):
                continue
            mine = worn.present & (whole == (label == "whole") if name == "top" else torch.ones_like(whole))
            masks[:, number] |= (layer == at + 1) & mine[:, None, None]
            anchors[mine, number] = found[mine]
            flat_pixels[mine, number] = worn.flat.pixels[mine]
            flat_masks[mine, number] = worn.flat.mask[mine]
    joints, _ = project(stage.joints, invert_pose(stage.camera.pose), stage.camera.calibration)
    return FigureBatch(
        pixels,
        masks,
        small(visible.part),
        small(flat_map),
        small(hidden),
        small(visible.depth),
        joints,
        anchors,
        flat_pixels,
        flat_masks,
        stage.camera.pose,
        stage.camera.calibration,
        tuple(plan.poses),
        tuple(plan.views),
        tuple(plan.backgrounds),
        tuple("+".join(outfit[name] for name in LAYERS if name in outfit) for outfit in plan.outfits),
    )


def place_anchors(garment: Worn, layer: Layer, camera: Camera) -> Tensor:
    """Where the flat picture's anchors (B, 14, 2) have come to lie, in pixels; NaN where nothing of the garment is near."""
    size = layer.flat.mask.shape[-1]
    wanted = layer.flat.anchors * (2 / size) - 1
    place = camera.screen(garment.points, 1.0)
    usable = (garment.front > 0.5) & (garment.points[..., 2].abs() < 50)
    far = torch.cdist(wanted.nan_to_num(9.0), garment.flat) + 9.0 * ~usable[:, None]
    near, index = far.min(-1)
    found = torch.gather(place[..., :2], 1, index[..., None].expand(-1, -1, 2))
    absent = wanted.isnan().any(-1) | (near > 0.12)
    return torch.where(absent[..., None], torch.nan, found)


def _join(batches: list[FigureBatch]) -> FigureBatch:
    joined = {}
    for entry in fields(FigureBatch):
        values = [getattr(batch, entry.name) for batch in batches]
        joined[entry.name] = torch.cat(values) if isinstance(values[0], Tensor) else sum(values, ())
    return FigureBatch(**joined)


__all__ = ("JOINTS", "LAYERS", "PARTS", "POSES", "FigureBatch", "FigureChoices", "figures")
