"""Puts people on the stage: expression and head turn, clothes, hair and eyes, as one ``Scene`` for render.py."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine import controllers as names_of
from core.engine import eyes as eye_paint
from core.engine.attributes import INDEX
from core.engine.brows import grow_face_hair
from core.engine.hair import grow
from core.engine.head import Head, gaze_rotation, rotation
from core.engine.moments import Moments
from core.engine.people import People
from core.engine.render import CHANNELS, MATERIALS, Scene
from core.engine.scalp import find_roots
from core.engine.shots import Placed
from core.engine.skin import pigment
from core.engine.strands import Growth
from core.engine.wear import make_glasses, make_hat, make_top, mesh_normals, press_under_hat, tuck_skin

NECK_METRES = (0.0, -0.085, -0.012)
"""What the head turns about."""
AIM_METRES = (0.0, 0.018, 0.02)
"""What the camera looks at, before the head is turned."""
FULL, THIN, SPARSE = (6000, 18), (2000, 10), (700, 8)
"""Strands of hair and their points: from 128 pixels on, below, and where a close-up leaves most of it out."""


@dataclass(frozen=True)
class Posed:
    """Heads in the world, whose axes are those of the shoulders."""

    vertices: Tensor
    normals: Tensor
    turn: Tensor
    """(B, 3, 3)."""
    pose: Tensor
    """(B, 4, 4) head to world."""
    middle: Tensor
    """(B, 3) what the camera aims at."""
    upright: Tensor
    """(B, V, 3) the same in the head's own frame."""


def pose_people(head: Head, people: People, moments: Moments) -> Posed:
    """Expression on, then the head turned on its neck; the shoulders stay."""
    moved = head.move(people.rest, moments.controllers)
    turn = rotation(*moments.turn.unbind(1))
    pivot, vertices = moved.new_tensor(NECK_METRES), turn_heads(head, moved, turn)
    normals = head.normals(vertices)
    vertices = vertices + tuck_skin(head, people.wear, normals)
    pose = torch.eye(4, device=moved.device).repeat(len(moved), 1, 1)
    pose[:, :3, :3], pose[:, :3, 3] = turn, pivot - (turn @ pivot)
    return Posed(vertices, normals, turn, pose, aim_at(turn), (vertices - pivot) @ turn + pivot)


def turn_heads(head: Head, moved: Tensor, turn: Tensor) -> Tensor:
    """Vertices (B, V, 3) of heads that are turned (B, 3, 3) on their necks; shoulders stay."""
    pivot = moved.new_tensor(NECK_METRES)
    turned = (moved - pivot) @ turn.transpose(1, 2) + pivot
    return turned + (moved - turned) * head.fields["body"][:, None]


def aim_at(turn: Tensor) -> Tensor:
    """(B, 3) what the camera looks at in heads that are turned (B, 3, 3)."""
    pivot = turn.new_tensor(NECK_METRES)
    return (turn.new_tensor(AIM_METRES) - pivot) @ turn.transpose(1, 2) + pivot


@functools.lru_cache(maxsize=4)
def _head_channels(head: Head) -> Tensor:
    """(V, len(CHANNELS) - 2): the fixed ones, after blood and melanin."""
    return torch.stack([head.fields[name] for name in CHANNELS[2:]], 1)


@functools.lru_cache(maxsize=4)
def _head_materials(head: Head) -> Tensor:
    """Material of each of the head's triangles: part names stand in MATERIALS but for the socket, which is as the mouth."""
    part = head.part[head.triangles].amin(1)
    table = [MATERIALS.index("mouth" if name == "socket" else name) for name in head.part_names]
    return torch.tensor(table, device=head.device)[part]


def build_scene(
    head: Head, people: People, moments: Moments, posed: Posed, placed: Placed, strands: tuple[int, int]
) -> Scene:
    """Everything of the picture but its background; ``strands``: how many of hair, and of how many points."""
    moved = people.rest - head.neutral
    meshes = [
        make_top(head, people.wear, moved),
        make_hat(head, people.wear, moved),
        make_glasses(head, people.wear, people.rest),
    ]
    pivot = posed.vertices.new_tensor(NECK_METRES)
    points, normals, rests, kinds = (
        [posed.vertices],
        [posed.normals],
        [_head_rest(head).expand(len(moved), -1, -1)],
        [_head_materials(head)],
    )
    triangles, start = [head.triangles], len(head.neutral)
    for mesh, name, turns in zip(meshes, ("cloth", "hat", "frame"), (False, True, True), strict=True):
        vertices = mesh.vertices
        if turns:
            vertices = torch.where(vertices < -40, vertices, (vertices - pivot) @ posed.turn.transpose(1, 2) + pivot)
        points.append(vertices)
        normals.append(mesh_normals(vertices, mesh.triangles))
        rests.append(mesh.rest)
        triangles.append(mesh.triangles + start)
        kinds.append(torch.full((len(mesh.triangles),), MATERIALS.index(name), device=vertices.device))
        start += vertices.shape[1]
    hair = _hair(head, people, posed, strands)
    skin = replace(people.skin, folds=_folds(moments.controllers), scalp_hair=_scalp_shade(people))
    return Scene(
        points=torch.cat(points, 1),
        normals=torch.cat(normals, 1),
        rest=torch.cat(rests, 1),
        channels=_channels(head, people, start),
        triangles=torch.cat(triangles),
        material=torch.cat(kinds),
        eye_axes=_eye_axes(moments, posed),
        fuzz=grow_face_hair(head, people.face_hair, posed.vertices, posed.normals, posed.turn),
        hair=hair,
        skin=skin,
        eyes=_eyes(people, moments),
        teeth=people.teeth,
        cloth=people.cloth,
        light=placed.light,
        pose=placed.pose,
        calibration=placed.calibration,
    )


@functools.lru_cache(maxsize=4)
def _head_rest(head: Head) -> Tensor:
    rest = head.neutral * 100
    for number, eye in enumerate(head.eyes):
        rest[eye] = head.eye_directions[number * len(eye) :][: len(eye)]
    return rest


def _channels(head: Head, people: People, count: int) -> Tensor:
    pigments = pigment(head, people.skin)
    fixed = _head_channels(head).expand(len(pigments), -1, -1)
    own = torch.cat((pigments, fixed), 2)
    rest = own.new_zeros(len(own), count - own.shape[1], len(CHANNELS))
    rest[..., CHANNELS.index("occlusion")] = 0.9
    return torch.cat((own, rest), 1)


def _eye_axes(moments: Moments, posed: Posed) -> Tensor:
    return torch.stack([posed.turn @ gaze_rotation(moments.controllers, side) for side in ("left", "right")], 1)


def _eyes(people: People, moments: Moments) -> eye_paint.Eyes:
    wide = (
        moments.controllers[:, names_of.INDEX["pupil_dilate_left"]]
        - moments.controllers[:, names_of.INDEX["pupil_constrict_left"]]
    )
    return replace(people.eyes, pupil=(people.eyes.pupil * (1 + 0.6 * wide)).clamp(0.16, 0.66))


def _folds(controllers: Tensor) -> Tensor:
    """(B, 4) how deep forehead, glabella, eye corners and nose-to-mouth fold now."""

    def mean(*names: str) -> Tensor:
        return torch.stack(
            [controllers[:, names_of.INDEX[f"{name}_{side}"]] for name in names for side in ("left", "right")]
        ).mean(0)

    return torch.stack(
        (
            (mean("brow_inner_up") + mean("brow_outer_up") + mean("forehead_raise")) * 0.55,
            (mean("brow_inner_down") + mean("brow_squeeze")) * 0.6,
            mean("cheek_raise") * 0.5 + mean("squint_outer") * 0.5,
            mean("mouth_smile") * 0.7 + mean("upper_lip_raise", "nostril_raise") * 0.6,
        ),
        1,
    )


def _scalp_shade(people: People) -> Tensor:
    length = people.grades[:, INDEX["hair_length"]]
    style = people.hair_style
    thinned = torch.sigmoid(style.get("recede")[:, 0] - 1.5).maximum((style.get("crown")[:, 0] > 0).float())
    return (0.35 + 1.6 * length).clamp(0, 0.95) * (length > 0.05) * (1 - 0.9 * thinned)


def _hair(head: Head, people: People, posed: Posed, fineness: tuple[int, int]) -> Growth | None:
    """Hair of a whole batch; fewer strands are as much wider."""
    roots = find_roots(head, posed.upright, fineness[0])
    strands = grow(people.hair_style, roots, people.hair, people.seeds, fineness[1])
    strands = replace(strands, width=strands.width * math.sqrt(FULL[0] / fineness[0]))
    pivot = posed.vertices.new_tensor(NECK_METRES)

    def turned(points: Tensor) -> Tensor:
        flat = points.flatten(1, 2)
        return ((flat - pivot) @ posed.turn.transpose(1, 2) + pivot).reshape(points.shape)

    centre = turned(torch.zeros_like(strands.points[:, :1, :1]) + pivot.new_tensor([0.0, 0.05, -0.005]))
    points = turned(press_under_hat(strands.points, people.wear))
    outward = F.normalize(points - centre, dim=-1)
    return Growth(replace(strands, points=points), outward)
