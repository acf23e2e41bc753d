"""A character: the head's own vertices through a smooth map, with solid shapes that ride on them; same 130 controllers."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from core.engine import controllers as names_of
from core.engine.head import Head, gaze_rotation, load_head
from core.engine.sculpture import Solid, outward_normals
from core.engine.visibility import Visibility, find_visibility
from core.engine.warp import FittedWarp, Warp

MATERIALS = ("skin", "mouth", "gums", "tongue", "teeth", "eye_left", "eye_right", "hair", "cloth", "horn")
"""The head's own parts first; sockets are as the mouth."""


FRONT_DEGREES = 26.0
PUPIL_GROWTH = 0.45
"""By how much the middle of a pupil spreads at ``pupil_dilate`` 1, and draws together at ``pupil_constrict`` 1."""


@dataclass(frozen=True)
class EyeLook:
    """How a character's eyes are painted: linear colours, and sines of the angles off the eye's axis."""

    outer: tuple[float, float, float]
    inner: tuple[float, float, float]
    white: tuple[float, float, float]
    iris: float
    pupil: float
    slit: float = 1.0
    """How much narrower than tall the pupil is."""


@dataclass(frozen=True)
class Extra:
    """A solid shape of a character."""

    name: str
    solid: Solid
    material: str
    corners: Tensor | None = None
    """(E, 3) head vertices whose way each vertex goes; none: it moves with the skull."""
    weights: Tensor | None = None
    still: bool = False
    """Whether it stays with the shoulders when the head turns."""


@dataclass(frozen=True, eq=False)
class Character:
    """One character on one device; get it from ``load_character``."""

    name: str
    head: Head
    warp: FittedWarp
    eyes: EyeLook
    ease: Tensor
    """(130) where each controller of the head stands when the character's is 0: wider eyes, a hint of a smile."""
    strength: Tensor
    """(130) where it stands when the character's is 1: drawn faces say things louder, and large lids go farther."""
    accent_places: Tensor
    accents: Tensor
    """(K) controllers that do more than on a person, and (K, 10387 x 3) what, metres on the mean head."""
    pupil_spread: Tensor
    """(2, E, 3) how far the vertices of each eye (in its own frame) go when the pupil is widest, metres on the mean head."""
    rest: Tensor
    """(V, 3) at rest, metres, the head's vertices first."""
    triangles: Tensor
    """(F, 3), the head's first, less those that clothes cover."""
    materials: Tensor
    """(F,) place in MATERIALS."""
    front: Tensor
    """(F,) whether a triangle can be seen while the head is turned by no more than FRONT_DEGREES."""
    colours: Tensor
    """(V, 3) linear, 0..1."""
    fibres: Tensor
    """(V, 3) which way hair runs; zero elsewhere, and on eyeballs the direction from their middle."""
    still: Tensor
    """(V) how far each vertex stays with the shoulders when the head turns, 0..1."""
    corners: Tensor
    weights: Tensor
    """(E, 3): what the extras ride on."""
    parts: dict[str, tuple[int, int]]
    """Extra's name to its first vertex and the one after its last."""
    rest_normals: Tensor
    visibility: Visibility

    def to(self, device: torch.device | str) -> Character:
        """The same on another device."""
        moved = {
            entry.name: value.to(device)
            for entry in fields(self)
            if isinstance(value := getattr(self, entry.name), Tensor | FittedWarp | Visibility)
        }
        return replace(self, **moved, head=load_head(device))

    @property
    def landmark_numbers(self) -> Tensor:
        """Which 68 vertices are the landmarks."""
        return self.head.landmarks

    def vertices(self, controllers: Tensor) -> Tensor:
        """Controllers (N, 130, each 0..1) to vertices (N, V, 3), metres: x to its left, y up, z forward."""
        eased = ease_in(self.ease, self.strength, controllers)
        plain = self.head.move(self.head.neutral.expand(len(controllers), -1, -1), eased)
        plain += (eased[:, self.accent_places] @ self.accents).reshape(plain.shape)
        self._widen_pupils(plain, controllers)
        return self.ride(self.warp.apply(plain))

    def ride(self, own: Tensor) -> Tensor:
        """The head's vertices (N, 10387, 3) with the extras that they carry (N, V, 3)."""
        count = own.shape[1]
        moved = own - self.rest[:count]
        carried = (moved[:, self.corners] * self.weights[None, :, :, None]).sum(2)
        return torch.cat((own, self.rest[count:] + carried), 1)

    def normals(self, vertices: Tensor) -> Tensor:
        """Unit normals (N, V, 3): the head's own follow its shape, those of the extras stay."""
        count = len(self.head.neutral)
        return torch.cat(
            (smooth_normals(self.head, vertices[:, :count]), self.rest_normals[count:].expand(len(vertices), -1, -1)), 1
        )

    def landmarks(self, controllers: Tensor) -> Tensor:
        """The 68 landmarks (N, 68, 3) in head space."""
        return self.vertices(controllers)[:, self.head.landmarks]

    def eye_axes(self, controllers: Tensor) -> Tensor:
        """(N, 2, 3, 3) how the left and the right eye are turned in the head."""
        return torch.stack([gaze_rotation(controllers, side) for side in ("left", "right")], 1)

    def _widen_pupils(self, plain: Tensor, controllers: Tensor) -> None:
        """The front of each eye spreads over the ball with its paint; nothing beyond the iris moves."""
        for number, side in enumerate(("left", "right")):
            wide, small = (controllers[:, names_of.INDEX[f"pupil_{way}_{side}"]] for way in ("dilate", "constrict"))
            spread = self.pupil_spread[number] @ gaze_rotation(controllers, side).transpose(1, 2)
            plain[:, self.head.eyes[number]] += (wide - small)[:, None, None] * spread


def make_pose(weights: Mapping[str, float]) -> Tensor:
    """Named controllers as (130): a name without its side sets both."""
    pose = torch.zeros(len(names_of.NAMES))
    for name, value in weights.items():
        places = [names_of.INDEX[full] for full in (name, f"{name}_left", f"{name}_right") if full in names_of.INDEX]
        if not places:
            raise ValueError(f"There is no controller {name!r}; see core/engine/controllers.py for the names.")
        pose[places] = value
    return pose


def ease_in(ease: Tensor, strength: Tensor, controllers: Tensor) -> Tensor:
    """Controllers (N, 130) of the head for those of a character: from its rest to its most, and lids that still shut."""
    made = ease + (strength - ease) * controllers
    for side in ("left", "right"):
        shut = controllers[:, [names_of.INDEX[f"{name}_{side}"] for name in ("eye_blink", "eye_closed")]].amax(1)
        for name in ("upper_lid_raise_inner", "upper_lid_raise_outer", "lower_lid_drop"):
            at = names_of.INDEX[f"{name}_{side}"]
            made[:, at] = made[:, at] - ease[at] * (1 - controllers[:, at]) * shut
    return made


@functools.lru_cache(maxsize=4)
def _vertex_sum(head: Head) -> Tensor:
    """Sparse (V, F): adds up the triangles of each vertex; a gather over padded lists is five times slower."""
    count = len(head.triangles)
    numbers = torch.arange(count, device=head.device).repeat_interleave(3)
    places = torch.stack((head.triangles.reshape(-1), numbers))
    ones = torch.ones(3 * count, device=head.device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch calls its CSR layout beta
        return torch.sparse_coo_tensor(places, ones, (len(head.neutral), count)).coalesce().to_sparse_csr()


def smooth_normals(head: Head, vertices: Tensor) -> Tensor:
    """As ``head.normals``: (N, V, 3), area-weighted."""
    first, second, third = (vertices[:, head.triangles[:, corner]] for corner in range(3))
    face = torch.linalg.cross(second - first, third - first, dim=-1)
    flat = face.permute(1, 0, 2).reshape(len(head.triangles), -1)
    total = (_vertex_sum(head) @ flat).reshape(-1, len(vertices), 3).permute(1, 0, 2)
    return total / total.norm(dim=-1, keepdim=True).clamp_min(1e-12)


@dataclass(frozen=True)
class Accent:
    """A soft push that a controller brings along: about a place of the mean head, metres; lips that meet go together."""

    controller: str
    centre: tuple[float, float, float]
    width: tuple[float, float, float]
    shift: tuple[float, float, float]

    def displacements(self, head: Head) -> Tensor:
        """(10387, 3); eyes and teeth stay."""
        arm = (head.neutral - head.neutral.new_tensor(self.centre)) / head.neutral.new_tensor(self.width)
        soft = (head.part == 0) | (head.part == head.part_names.index("mouth"))
        return (torch.exp(-arm.square().sum(1)) * soft)[:, None] * head.neutral.new_tensor(self.shift)


@dataclass(frozen=True)
class Look:
    """What makes a character out of the mean head."""

    name: str
    warp: Warp
    eyes: EyeLook
    ease: dict[str, float]
    """Resting controllers; without a side, both."""
    strength: dict[str, float]
    """What a full controller is, where it is not 1."""
    accents: Sequence[Accent]
    colours: Tensor
    """(10387, 3) linear."""
    extras: Sequence[Extra]
    hidden: Tensor
    """(10387) whether clothes cover the vertex: triangles wholly of such are left out."""


def assemble(head: Head, look: Look) -> Character:
    """The head and its extras as one character."""
    count = len(head.neutral)
    ease, strength = make_pose(look.ease).to(head.device), make_pose(look.strength).to(head.device)
    strength = torch.where(strength == 0, 1.0, strength)
    accents = torch.stack([accent.displacements(head).reshape(-1) for accent in look.accents])
    accent_places = torch.tensor([names_of.INDEX[accent.controller] for accent in look.accents], device=head.device)
    neutral = head.move(head.neutral[None], ease[None])[0] + (ease[accent_places] @ accents).reshape(-1, 3)
    own = look.warp.apply(neutral)
    solids = [extra.solid for extra in look.extras]

    def stacked(values: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.concatenate(values)).to(own)

    placed = stacked([solid.vertices for solid in solids])
    starts = np.cumsum([count] + [len(solid.vertices) for solid in solids]).tolist()
    shown = ~look.hidden[head.triangles].all(1)
    triangles = [head.triangles[shown]] + [
        torch.from_numpy(solid.triangles + start).to(own.device)
        for solid, start in zip(solids, starts[:-1], strict=True)
    ]
    kinds = [_head_materials(head)[shown]] + [
        torch.full((len(extra.solid.triangles),), MATERIALS.index(extra.material), device=own.device)
        for extra in look.extras
    ]
    normals = stacked([outward_normals(solid.vertices, solid.triangles) for solid in solids])
    rest_normals = torch.cat((smooth_normals(head, own[None])[0], normals))
    rest, joined = torch.cat((own, placed)), torch.cat(triangles)
    still = torch.cat(
        [head.fields["body"]] + [own.new_full((len(e.solid.vertices),), float(e.still)) for e in look.extras]
    )
    corners, weights = _bindings(own, look.extras)
    materials, visibility = torch.cat(kinds), find_visibility(rest, rest_normals, joined)
    everywhere = _seen_from(joined, materials, visibility, -1.0) | _moves(head, joined)
    joined, materials = joined[everywhere], materials[everywhere]
    return Character(
        name=look.name,
        head=head,
        warp=look.warp.fit(head.neutral),
        eyes=look.eyes,
        ease=ease,
        strength=strength,
        accent_places=accent_places,
        accents=accents,
        pupil_spread=_pupil_spread(head, look.eyes.iris),
        rest=rest,
        triangles=joined,
        materials=materials,
        front=_seen_from(joined, materials, visibility, 0.78) | _moves(head, joined),
        colours=torch.cat((look.colours, stacked([solid.colours for solid in solids]))),
        fibres=torch.cat((_eye_ways(head), stacked([solid.fibres for solid in solids]))),
        still=still,
        corners=corners,
        weights=weights,
        parts={extra.name: (starts[place], starts[place + 1]) for place, extra in enumerate(look.extras)},
        rest_normals=rest_normals,
        visibility=visibility,
    )


def _seen_from(triangles: Tensor, materials: Tensor, visibility: Visibility, least_forward: float) -> Tensor:
    """Which triangles are seen at rest from ways at least so far forward; what is inside always counts."""
    seen = visibility.seen[:, visibility.ways[:, 2] >= least_forward].amax(1) > 0.1
    outside = torch.isin(materials, materials.new_tensor([MATERIALS.index(name) for name in ("skin", "hair", "cloth")]))
    return ~outside | seen[triangles].any(1)


def _moves(head: Head, triangles: Tensor) -> Tensor:
    """Which triangles some controller moves by two millimetres."""
    far = torch.zeros(int(triangles.max()) + 1, dtype=torch.bool, device=triangles.device)
    far[: len(head.neutral)] = head.expression.norm(dim=-1).amax(0) > 2e-3
    return far[triangles].any(1)


def _bindings(own: Tensor, extras: Sequence[Extra]) -> tuple[Tensor, Tensor]:
    corners, weights = [], []
    for extra in extras:
        size = (len(extra.solid.vertices), 3)
        free = extra.corners is None or extra.weights is None
        corners.append(torch.zeros(size, dtype=torch.int64, device=own.device) if free else extra.corners)
        weights.append(own.new_zeros(size) if free else extra.weights)
    return torch.cat(corners), torch.cat(weights).to(own)


def _head_materials(head: Head) -> Tensor:
    part = head.part[head.triangles].amin(1)
    table = [MATERIALS.index("mouth" if name == "socket" else name) for name in head.part_names]
    return torch.tensor(table, device=head.device)[part]


def _eye_ways(head: Head) -> Tensor:
    ways = torch.zeros_like(head.neutral)
    for number, eye in enumerate(head.eyes):
        ways[eye] = head.eye_directions[number * len(eye) :][: len(eye)]
    return ways


def _pupil_spread(head: Head, iris: float) -> Tensor:
    """Along the ball, most half-way between the eye's axis and the iris' edge."""
    made = []
    for number, eye in enumerate(head.eyes):
        way = head.eye_directions[number * len(eye) :][: len(eye)]
        sine = way[:, :2].norm(dim=1, keepdim=True)
        wider = (sine * (1 + PUPIL_GROWTH * (1 - (sine / iris) ** 2).clamp_min(0.0))).clamp_max(1.0)
        flat = way[:, :2] / sine.clamp_min(1e-9) * wider
        ahead = torch.where(way[:, 2:] > 0, (1 - wider**2).clamp_min(0.0).sqrt(), way[:, 2:])
        centre, _ = head.eye_ball(head.neutral[None], number)
        reach = (head.neutral[eye] - centre[0]).norm(dim=1, keepdim=True)
        at = torch.where(way[:, 2:] > 0, torch.cat((flat, ahead), 1), way)
        made.append((at - way) * reach)
    return torch.stack(made)
