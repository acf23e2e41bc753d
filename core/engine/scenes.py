"""Clips of places that do not exist, with exact depth, camera path, lens, masks of what moves, and flow.

``scene(7)`` is a function of the seed alone; ``SceneChoices(frames=(10, 13))`` draws three frames of the same clip and
nothing else. Depth is metres along z and 0 where there is sky; poses are camera-to-world, x right, y down, z forward.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import Intrinsics, invert_pose, pixel_grid
from core.engine import camera_paths, rooms, streets
from core.engine.camera_paths import CameraPath, clearance
from core.engine.cars import driving_car
from core.engine.dice import Dice
from core.engine.footage import pick_video_camera, record
from core.engine.frames import Seen, Set
from core.engine.kits import Kit
from core.engine.movers import Mover
from core.engine.places import Place
from core.engine.solids import Floats
from core.engine.walkers import (
    Body,
    build_person,
    hand_in_view,
    line_track,
    loop_track,
    standing_person,
    walking_person,
)

PLACES = (*rooms.KINDS, *streets.KINDS)
CAMERAS = camera_paths.KINDS
RATES = (10, 12, 15, 20, 24, 25, 30)
LONGEST_SECONDS = 8.0
_DRIVEN = ("street", "parking")
_CAMERA_SHARES = {"street": (0.3, 0.45), "parking": (0.4, 0.3), "square": (0.65, 0.0)}
"""Hand-held and driving shares by place; what is left hangs in a corner. Rooms: 0.75 and none."""


@dataclass(frozen=True)
class SceneChoices:
    """What a caller fixes of a clip; None leaves it to the seed."""

    place: str | None = None
    camera: str | None = None
    frames: tuple[int, int] | None = None
    """First frame and the one after the last, of the whole clip: only these are drawn."""
    frame_count: int | None = None
    """Length of the whole clip."""
    frames_per_second: int | None = None
    people: bool | None = None
    """False: nothing moves by itself; True: at least one person, car or hand does."""
    sensor: bool = True
    """False: no blur, grain, colour cast or compression."""
    supersample: int = 2

    def __post_init__(self) -> None:
        if self.place is not None and self.place not in PLACES:
            raise ValueError(f"There is no place called {self.place!r}; choose one of {', '.join(PLACES)}.")
        if self.camera is not None and self.camera not in CAMERAS:
            raise ValueError(f"There is no camera called {self.camera!r}; choose one of {', '.join(CAMERAS)}.")
        if self.camera == "driving" and self.place not in (None, *_DRIVEN):
            raise ValueError(f"Nobody drives through a {self.place}; a driving camera wants {' or '.join(_DRIVEN)}.")
        if self.frame_count is not None and self.frame_count < 2:
            raise ValueError(f"A clip wants at least 2 frames, not {self.frame_count}.")
        if self.frames_per_second is not None and not 1 <= self.frames_per_second <= 60:
            raise ValueError(f"A clip has 1 to 60 frames a second, not {self.frames_per_second}.")
        if not 1 <= self.supersample <= 4:
            raise ValueError(f"Supersampling is 1 to 4, not {self.supersample}.")


@dataclass(frozen=True)
class Clip:
    """Frames ``first`` and on of a clip, with labels."""

    frames: Tensor
    """(T, 3, H, W) in [-1, 1]."""
    depth: Tensor
    """(T, H, W) metres along z, 0 where there is none (sky)."""
    poses: Tensor
    """(T, 4, 4) camera-to-world."""
    calibration: Tensor
    """(3, 3)."""
    moving: Tensor
    """(T, H, W) bool: what moves by itself."""
    flow: Tensor
    """(T - 1, H, W, 2): columns and rows that the seen point moves to the next frame."""
    flow_valid: Tensor
    """(T - 1, H, W) bool: the point is seen in the next frame as well."""
    frames_per_second: int
    kind: str
    camera_kind: str
    seed: int
    first: int
    frame_count: int
    """Length of the whole clip."""


def scene(seed: int, size: tuple[int, int] = (256, 320), choices: SceneChoices | None = None) -> Clip:
    """The clip of a seed, (height, width) in pixels."""
    choices = choices or SceneChoices()
    _check(seed, size)
    whole = _plan(seed, choices.place, choices.camera, choices.people, choices.frame_count, choices.frames_per_second)
    first, stop = choices.frames if choices.frames is not None else (0, whole.frame_count)
    if not 0 <= first < stop <= whole.frame_count:
        raise ValueError(f"Frames {first} to {stop} are not within the {whole.frame_count} frames of clip {seed}.")
    with torch.no_grad():
        return _draw(whole, size, choices, range(first, stop))


def scenes(
    seeds: Sequence[int], size: tuple[int, int] = (256, 320), choices: SceneChoices | None = None
) -> Iterator[Clip]:
    """The clips of seeds, one after the other."""
    for seed in seeds:
        yield scene(int(seed), size, choices)


def frame_count(seed: int, choices: SceneChoices | None = None) -> int:
    """How many frames the whole clip of a seed has, without building it."""
    choices = choices or SceneChoices()
    return _length(Dice(seed), choices.frame_count, choices.frames_per_second)[1]


def _check(seed: int, size: tuple[int, int]) -> None:
    if seed < 0:
        raise ValueError(f"A seed is 0 or more, not {seed}.")
    if min(size) < 16 or max(size) > 2048:
        raise ValueError(f"A clip is 16 to 2048 pixels high and wide, not {size[0]} x {size[1]}.")


@dataclass(frozen=True)
class _Whole:
    """A clip before it is drawn."""

    seed: int
    dice: Dice
    set: Set
    path: CameraPath
    rate: int
    frame_count: int
    light: float
    """Mean light of the clip, for the exposure."""

    def pose(self, frame: int) -> Tensor:
        return torch.from_numpy(self.path.pose(frame / self.rate))


def _length(dice: Dice, count: int | None, rate: int | None) -> tuple[int, int]:
    """Frames per second and number of frames; 3 to 8 s."""
    chosen = rate or dice.pick("rate", RATES)
    return chosen, count or max(2, round(chosen * dice.uniform("seconds", 3.0, LONGEST_SECONDS)))


@functools.lru_cache(maxsize=3)
def _plan(
    seed: int, place: str | None, camera: str | None, people: bool | None, count: int | None, rate: int | None
) -> _Whole:
    dice = Dice(seed)
    kind = place or dice.pick("place", _DRIVEN if camera == "driving" else PLACES)
    camera_kind = camera or pick_camera(kind, dice)
    chosen_rate, frames = _length(dice, count, rate)
    built = (
        rooms.build_room(kind, dice.child(kind)) if kind in rooms.KINDS else streets.build_open(kind, dice.child(kind))
    )
    seconds = max(frames - 1, 1) / chosen_rate
    path = camera_paths.plan_path(camera_kind, built, dice.child("path"), max(seconds, 0.5))
    movers = [] if people is False else _Cast(built, path, dice.child("cast"), seconds, people is True).all()
    ready = Set(built, movers, dice)
    with torch.no_grad():
        light = _measure_light(ready, path, seconds)
    return _Whole(seed, dice, ready, path, chosen_rate, frames, light)


def forget() -> None:
    """Lets go of the places kept ready for drawing more of the same clips."""
    _plan.cache_clear()


def pick_camera(place: str, dice: Dice) -> str:
    """The kind of camera that a seed has at a place."""
    held, driven = _CAMERA_SHARES.get(place, (0.75, 0.0))
    share = dice.share("camera")
    return "handheld" if share < held else "driving" if share < held + driven else "surveillance"


def _measure_light(ready: Set, path: CameraPath, seconds: float) -> float:
    """What an exposure meter says of two small pictures of the clip."""
    lens = Intrinsics.from_equivalent_focal(path.focal_mm, 60, 48)
    found = [ready.light_of(torch.from_numpy(path.pose(at * seconds)), lens, at * seconds, 1) for at in (0.2, 0.8)]
    return float(torch.stack(found).clamp(0.002, 1.6).log().mean().exp())


@dataclass(frozen=True)
class _Cast:
    """Who and what moves in a clip."""

    place: Place
    path: CameraPath
    dice: Dice
    seconds: float
    wanted: bool

    def all(self) -> list[Mover]:
        kit = Kit(self.dice.child("kit"), self.place.stock)
        found = [*self._cars(kit), *self._people(kit)]
        hand = self.path.kind == "handheld" and self.dice.chance("hand", 0.25)
        if hand or (self.wanted and not found):
            found.append(hand_in_view(kit, self.dice.child("hand"), self.path.pose))
        return found

    def _cars(self, kit: Kit) -> list[Mover]:
        found: list[Mover] = []
        speed = 7.0 if self.place.kind == "street" else 2.5
        eye = self.path.pose(0.0)[:3, 3]
        for number, lane in enumerate(self.place.lanes):
            own_lane = self.path.kind == "driving" and number == 0
            for at in range(1 if own_lane else self.dice.whole(f"cars {number}", 0, 2)):
                dice = self.dice.child(f"car {number}", at)
                if own_lane:
                    if not dice.chance("ahead", 0.65):
                        continue
                    gone = float(self.path.pose(self.seconds)[2, 3] - eye[2]) / max(self.seconds, 0.1)
                    start, own_speed = (
                        float(eye[2]) + dice.uniform("gap", 9, 20),
                        gone * dice.uniform("own", 0.95, 1.25),
                    )
                else:
                    # one speed a lane, so that nobody drives into another
                    own_speed = speed * self.dice.uniform(f"speed {number}", 0.6, 1.4)
                    first = self.dice.uniform(f"start {number}", -14, 8) + (18 if lane.direction < 0 else 0)
                    start = float(eye[2]) + lane.direction * 13 * at + first
                mover = driving_car(kit, dice, lane, start, own_speed)
                if self._keeps_off(mover, 1.6):
                    found.append(mover)
        return found

    def _people(self, kit: Kit) -> list[Mover]:
        found: list[Mover] = []
        most = 6 if self.place.outdoors else 2
        count = self.dice.whole("people", 0 if not self.wanted else 1, most)
        if self.path.kind == "surveillance":
            count = max(count, 1)
        for number in range(count):
            body = build_person(kit, f"person {number}", self.dice.child("looks", number))
            for attempt in range(6):
                mover = self._person(body, number, self.dice.child(f"person {number}", attempt))
                if self._keeps_off(mover, 0.8) and self._keeps_clear(mover):
                    found.append(mover)
                    break
        return found

    def _person(self, body: Body, number: int, dice: Dice) -> Mover:
        if number == 0 and self.path.kind == "handheld" and dice.chance("close", 0.5):
            pose = self.path.pose(self.seconds / 2)
            ahead, aside = dice.uniform("ahead", 1.1, 2.6), dice.uniform("aside", -0.5, 0.5)
            way = pose[:3, 2] * [1, 0, 1] / max(float(np.hypot(pose[0, 2], pose[2, 2])), 1e-3)
            x, _, z = pose[:3, 3] + ahead * way + aside * pose[:3, 0]
            return standing_person(
                body, dice, (float(x), float(z)), math.atan2(-way[0], -way[2]) + dice.normal("turn") * 0.4
            )
        areas = self.place.paths or self.place.free
        area = areas[dice.whole("area", 0, len(areas) - 1)]
        if dice.chance("stands", 0.25):
            spot = (dice.uniform("x", area[0], area[2]), dice.uniform("z", area[1], area[3]))
            return standing_person(body, dice, spot, dice.uniform("yaw", 0, 6.28))
        if self.place.outdoors:
            pose = self.path.pose(self.seconds / 2)
            ahead = pose[:3, 3] + pose[:3, 2] * dice.uniform("ahead", 3.0, 16.0)
            long_z = area[3] - area[1] >= area[2] - area[0]
            return walking_person(
                body, dice, line_track(area, dice, float(ahead[2 if long_z else 0]), 0.6 * self.seconds)
            )
        return walking_person(body, dice, loop_track(area, dice))

    def _moments(self) -> Floats:
        return np.linspace(0, self.seconds, 13).astype(np.float32)

    def _keeps_off(self, mover: Mover, metres: float) -> bool:
        """Whether something never comes this near to the camera."""
        for at in self._moments():
            bone, eye = mover.motion(float(at))[0], self.path.pose(float(at))[:3, 3]
            local = (eye - bone[:3, 3]) @ bone[:3, :3]
            long = mover.shade[0] if mover.shade is not None and metres > 1 else 0.0
            if math.hypot(local[0], max(abs(local[2]) - 1.25 * long, 0.0)) < metres:
                return False
        return True

    def _keeps_clear(self, mover: Mover) -> bool:
        """Whether someone never walks into things."""
        places = [mover.motion(float(at))[0, :3, 3] for at in self._moments()]
        return all(clearance(self.place.solid.boxes, float(x), float(z)) > 0.22 for x, _, z in places)


def _draw(whole: _Whole, size: tuple[int, int], choices: SceneChoices, frames: range) -> Clip:
    height, width = size
    lens = Intrinsics.from_equivalent_focal(whole.path.focal_mm, width, height)
    camera = pick_video_camera(
        whole.dice.child("video"), (0.17 if whole.set.place.outdoors else 0.22) / whole.light, choices.sensor
    )
    pictures, seen = [], []
    for frame in frames:
        now, later = frame / whole.rate, (frame + 1) / whole.rate
        seen.append(whole.set.see(whole.pose(frame), lens, now, later))
        light = whole.set.light_of(whole.pose(frame), lens, now, choices.supersample)
        pictures.append(record(light, camera, frame, _shift(whole, lens, frame, seen[-1])))
    flows = [
        _flow(one, two, whole.pose(frame + 1), lens)
        for one, two, frame in zip(seen[:-1], seen[1:], frames, strict=False)
    ]
    poses = torch.stack([whole.pose(frame) for frame in frames])
    empty = (torch.zeros(0, height, width, 2), torch.zeros(0, height, width, dtype=torch.bool))
    return Clip(
        torch.stack(pictures),
        torch.stack([one.depth for one in seen]),
        poses,
        lens.matrix(),
        torch.stack([one.thing >= 2 for one in seen]),
        torch.stack([flow for flow, _ in flows]) if flows else empty[0],
        torch.stack([valid for _, valid in flows]) if flows else empty[1],
        whole.rate,
        whole.set.place.kind,
        whole.path.kind,
        whole.seed,
        frames.start,
        whole.frame_count,
    )


def _shift(whole: _Whole, lens: Intrinsics, frame: int, seen: Seen) -> tuple[float, float]:
    """How far the middle of the picture moves to the next frame, pixels."""
    pose = whole.pose(frame)
    near = seen.depth[seen.depth > 0]
    metres = float(near.median()) if len(near) else 100.0
    point = pose[:3, 3] + metres * pose[:3, 2]
    later = invert_pose(whole.pose(frame + 1))
    local = later[:3, :3] @ point + later[:3, 3]
    if local[2] < 0.1:
        return 0.0, 0.0
    return float(lens.focal_x * local[0] / local[2]), float(lens.focal_y * local[1] / local[2])


def _flow(now: Seen, later: Seen, pose: Tensor, lens: Intrinsics) -> tuple[Tensor, Tensor]:
    """Flow (H, W, 2) to the next frame and whether each point is seen there."""
    back = invert_pose(pose)
    sky = now.thing == 0
    local = now.next_points @ back[:3, :3].T + torch.where(sky[..., None], torch.zeros(3), back[:3, 3])
    depth = local[..., 2]
    safe = depth.clamp_min(0.02)
    column = local[..., 0] / safe * lens.focal_x + lens.centre_x
    row = local[..., 1] / safe * lens.focal_y + lens.centre_y
    flow = torch.stack((column, row), -1) - pixel_grid(lens.width, lens.height)
    inside = (depth > 0.06) & (column > 0) & (column < lens.width) & (row > 0) & (row < lens.height)
    padded_thing = F.pad(later.thing[None, None].float(), (1, 1, 1, 1), mode="replicate")[0, 0]
    padded_depth = F.pad(later.depth[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    left = (column + 0.5).clamp(0, lens.width + 0.99).long()
    upper = (row + 0.5).clamp(0, lens.height + 0.99).long()
    met = torch.zeros_like(sky)
    for step_row in (0, 1):
        for step_column in (0, 1):
            at = ((upper + step_row).clamp_max(lens.height + 1), (left + step_column).clamp_max(lens.width + 1))
            near = (padded_depth[at] - depth).abs() < 0.03 * depth + 0.02
            met |= (padded_thing[at] == now.thing) & (near | sky)
    return flow, inside & met
