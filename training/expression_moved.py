"""Faces that move otherwise than they were drawn: skin is pushed to where another expression would have it.

A reader that meets a face again soon knows by heart what it does. In most faces each controller is moved by chance, whatever the
others do, so that some may be drawn anew as often as a face is met, and its picture warped to match: brows and the skin about
them slide over the skull, which leaves light, hair and what is behind much as they were. What swells, opens or shuts stays.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import pixel_grid
from core.engine.attributes import INDEX
from core.engine.controllers import MIRROR, NAMES, PART_OF, places
from core.engine.head import Head, load_head
from core.engine.moments import EXPRESSIONS
from training.expression_surface import place_on_screen, vertices
from training.face_data import extents

SLIDING = (
    *("forehead_raise", "forehead_centre_raise", "forehead_lower", "nose_wrinkle", "cheek_raise", "cheek_squint"),
    *("brow_inner_down", "brow_outer_down", "brow_inner_up", "brow_middle_up", "brow_outer_up", "brow_squeeze"),
    *("brow_tail_drop", "nose_tip_up", "nose_tip_down", "nose_tip"),
)
"""What moves skin along itself."""
SLIDING_SHUT = (
    *("mouth", "mouth_smile", "mouth_frown", "mouth_stretch", "mouth_dimple", "mouth_press", "chin_raise", "jaw"),
    *("lip_shrug_upper", "lip_shrug_lower"),
)
"""The same where nothing shows between the lips."""
OPENING = (
    *("jaw_open", "upper_lip_raise", "lower_lip_drop", "mouth_funnel_upper", "mouth_funnel_lower", "mouth_grin"),
    *("mouth_pucker", "tongue_out"),
)
ANEW = 0.6
"""How many of these are drawn anew."""
MOVED = ("pixels", "controllers", "landmarks")
"""What of a labelled picture changes."""
FREE_EACH, NEAR_SHARE, NEAR_CHANCE, NEAR_SIZE = 2.2, 0.25, 0.12, 0.35
"""As core/engine/moments.py draws: of free mixes, how many controllers of a part move and how much of a face near rest is added;
of faces near rest, how many controllers move and how far."""
LEAST_ALONE = 0.5
"""What moves alone moves so far at least."""
LEAST, ENOUGH = 0.02, 4
"""What is less than this, or moves fewer controllers, may be anything."""
VOXEL = 0.007
"""Metres between the vertices that carry a picture along."""
CELL, REACH, NOWHERE = 4, 0.015, 0.01
"""Pixels between which a warp is straight; how far a vertex carries, in faces, and how little carries nothing."""
FACING, BEHIND, BELOW = 0.15, -0.02, -0.12
"""What is turned away, or lies behind the ears or below the chin, carries nothing."""


@functools.cache
def named(stems: tuple[str, ...]) -> Tensor:
    """(130) which controllers have these names, on either side."""
    names = {name for stem in stems for name in (stem, f"{stem}_left", f"{stem}_right")}
    return torch.tensor([name in names for name in NAMES])


def sliding(controllers: Tensor) -> Tensor:
    """(N, 130) which controllers of faces may be drawn anew."""
    shut = (controllers * named(OPENING)).amax(1, keepdim=True) < LEAST
    return named(SLIDING) | (named(SLIDING_SHUT) & shut)


@functools.lru_cache(maxsize=1)
def _together() -> Tensor:
    """(31 x 31, 130) what no two known expressions move."""
    table = torch.zeros(len(EXPRESSIONS), len(NAMES), dtype=torch.bool)
    for row, weights in enumerate(EXPRESSIONS.values()):
        table[row] = named(tuple(weights))
    return ~(table[:, None] | table[None]).flatten(0, 1)


@functools.lru_cache(maxsize=1)
def _by_itself() -> Tensor:
    """(130) whether a controller is only ever moved by what the face does: eyes that look about and tire move many."""
    looking = ("gaze", "pupil", "eye_blink")
    return torch.tensor([not name.startswith(looking) for name in NAMES])


def can_be_moved(found: dict[str, Tensor]) -> Tensor:
    """(N) which labelled faces may be: those ``drawn_by_chance``, and those who slide one controller alone, if they wear no
    glasses, whose frames would bend."""
    moved = found["controllers"]
    one = _alone(moved) & ((moved > 0) & sliding(moved)).any(1)
    return (drawn_by_chance(moved) | one) & (found["attributes"][:, INDEX["glasses"]] == 0)


def drawn_by_chance(controllers: Tensor) -> Tensor:
    """(N) whether in faces (N, 130) every controller is moved by chance and by itself: free mixes and faces near rest, and not
    those who wear one or two known expressions."""
    shown = _shown(controllers)
    known = ((shown > LEAST).float() @ _together().float().T == 0).any(1)
    return ((shown > LEAST).sum(1) >= ENOUGH) & ~known


def draw_anew(controllers: Tensor, draw: torch.Generator) -> Tensor:
    """Faces that can be moved (N, 130) in which some of the sliding controllers are others, of the same chances; what is even
    stays so. Who moves one controller alone moves another one."""
    mirror, shown = torch.tensor(MIRROR), _shown(controllers)
    first = torch.minimum(torch.arange(len(NAMES)), mirror)
    even = (shown == shown[:, mirror]).all(1, keepdim=True)
    every = torch.rand(3, *controllers.shape, generator=draw)
    each, size, anew = (torch.where(even, some[:, first], some) for some in every)
    near = (each < NEAR_CHANCE) * NEAR_SIZE * size
    odds = torch.tensor([FREE_EACH / len(places(PART_OF[name])) for name in NAMES])
    free = (each < odds) * size**0.8 + NEAR_SHARE * near
    moved = torch.where(shown.amax(1, keepdim=True) > NEAR_SIZE, free, near).clamp(0.0, 1.0)
    mixed = torch.where(sliding(controllers) & (anew < ANEW), moved, controllers)
    other = torch.multinomial(sliding(controllers).float(), 1, generator=draw)
    strength = LEAST_ALONE + (1 - LEAST_ALONE) * torch.rand(other.shape, generator=draw)
    return torch.where(_alone(controllers)[:, None], torch.zeros_like(mixed).scatter(1, other, strength), mixed)


def _alone(controllers: Tensor) -> Tensor:
    return (controllers > 0).sum(1) == 1


def _shown(controllers: Tensor) -> Tensor:
    return torch.where(_by_itself(), controllers, 0.0)


@dataclass(frozen=True)
class Carriers:
    """A thinned head, and which of its vertices carry a picture along, are landmarks, and are those of ``vertices``."""

    head: Head
    carrying: Tensor
    landmarks: Tensor
    asked: Tensor
    outward: Tensor
    """(V, 3) normals of the mean head where it carries."""


@functools.lru_cache(maxsize=1)
def _carriers() -> Carriers:
    """Evenly spread over the face; eyeballs, which stay, among them."""
    head = load_head(torch.device("cpu"))
    front = (head.neutral[:, 2] > BEHIND) & (head.neutral[:, 1] > BELOW)
    seen = torch.nonzero(front & ((head.part == 0) | (head.part >= head.part_names.index("eye_left"))))[:, 0]
    cells = torch.unique((head.neutral[seen] / VOXEL).round().long(), dim=0, return_inverse=True)[1]
    first = torch.full((int(cells.max()) + 1,), len(cells)).scatter_reduce(0, cells, torch.arange(len(cells)), "amin")
    carrying = seen[first]
    thin, there = head.thinned(torch.cat((carrying, head.landmarks, vertices()[0])))
    carries, landmarks, asked = there.split([len(carrying), len(head.landmarks), len(vertices()[0])])
    return Carriers(thin, carries, landmarks, asked, head.normals(head.neutral[None])[0, carrying])


def move_skin(found: dict[str, Tensor], moved: Tensor) -> Tensor:
    """Labelled pictures are changed (``MOVED``) to what other controllers (N, 130) would make of them, as far as those slide
    skin; their points of ``vertices`` in pixels, N x K x 2."""
    carriers = _carriers()
    before, after = (place_on_screen(found, carriers.head, some) for some in (found["controllers"], moved))
    turn = found["pose"][:, :3, :3]
    towards = F.normalize(found["camera"][:, :3, 3] - found["pose"][:, :3, 3], dim=1)
    seen = (carriers.outward @ turn.transpose(1, 2) @ towards[:, :, None])[:, :, 0] > FACING
    pushed = after[:, carriers.carrying]
    reach = REACH * extents(found["landmarks"])[1]
    found["pixels"] = pull(
        found["pixels"], pushed, (before[:, carriers.carrying] - pushed) * seen[..., None], seen, reach
    )
    found["landmarks"] = found["landmarks"] + (after - before)[:, carriers.landmarks]
    found["controllers"] = moved
    return after[:, carriers.asked]


def pull(pictures: Tensor, places: Tensor, away: Tensor, counted: Tensor, reach: Tensor) -> Tensor:
    """Pictures N x C x S x S that show at places (N, V, 2), in pixels, what lay so far ``away`` (N, V, 2), and between them the
    mean of what those (N, V) that are ``counted`` within reach (N) say, each by how near it is."""
    side = pictures.shape[-1]
    middles = (torch.arange(side // CELL) + 0.5) * CELL
    near = [(-0.5 * ((places[..., axis, None] - middles) / reach[:, None, None]).square()).exp() for axis in (0, 1)]
    heaped = torch.cat((away, torch.ones_like(away[..., :1])), 2) * counted[..., None]
    columns = (heaped[..., None] * near[0][:, :, None]).flatten(2)
    summed = (near[1].transpose(1, 2) @ columns).unflatten(2, (3, -1)).transpose(1, 2)
    flow = F.interpolate(summed[:, :2] / (summed[:, 2:] + NOWHERE), (side, side), mode="bilinear")
    grid = (pixel_grid(side, side) + flow.permute(0, 2, 3, 1)) * (2 / side) - 1
    return F.grid_sample(pictures, grid, "bicubic", "border", align_corners=False).clamp(-1.0, 1.0)
