"""The displacement of every controller on the source mesh: its shapes split by smooth masks, and local ones of our own.

Only the left and the middle are written down; the right is the mirror image. Lengths are centimetres; +x is their left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.engine.controllers import NAMES, swap_side
from training.headfit.regions import bump, smooth

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """What the shapes are cut from."""

    neutral: Floats
    shapes: dict[str, Floats]
    """The source's own expression shapes, by name."""
    partner: Integers
    """Mirror map."""
    skin: npt.NDArray[np.bool_]
    tongue: npt.NDArray[np.bool_]
    normals: Floats
    eye_centre: Floats
    """Of the left eye."""
    eye_radius: float

    def local(self, centre: tuple[float, float, float], radius: float, move: tuple[float, float, float]) -> Floats:
        """A soft push of the skin around a place."""
        return (bump(self.neutral, centre, radius) * self.skin)[:, None] * np.asarray(move)

    def masked(self, name: str, mask: Floats) -> Floats:
        return self.shapes[name] * mask[:, None]

    def mirrored(self, delta: Floats) -> Floats:
        return delta[self.partner] * [-1.0, 1.0, 1.0]


def controller_shapes(source: Source) -> dict[str, Floats]:
    """Displacements by controller name (all 130; gaze only moves lids here: eyeballs turn in the head model)."""
    made: dict[str, Floats] = {}
    for build in (_forehead_and_brows, _eyes_and_gaze, _nose, _cheeks, _mouth_sided, _mouth_whole, _jaw, _tongue):
        made.update(build(source))
    for name in NAMES:
        if name not in made:
            made[name] = source.mirrored(made[swap_side(name)])
    return {name: made[name] for name in NAMES}


def _forehead_and_brows(source: Source) -> dict[str, Floats]:
    x, y, _ = source.neutral.T
    inner, upper = smooth(np.abs(x), 4.3, 2.7), smooth(y, 5.6, 7.6)
    both_up = source.shapes["browInnerUp_L"] + source.shapes["browOuterUp_L"]
    squeeze = source.local((0.0, 5.3, 10.7), 1.1, (0.0, 0.0, 0.14))
    squeeze[:, 0] -= 0.32 * bump(source.neutral, (0.0, 5.3, 10.7), 1.1) * np.clip(x, -0.8, 0.8) * source.skin
    return {
        "forehead_raise_left": 0.5 * both_up * upper[:, None] + source.local((3.2, 8.4, 9.2), 1.7, (0.0, 0.5, 0.05)),
        "forehead_centre_raise": source.local((0.0, 8.4, 10.2), 1.5, (0.0, 0.5, 0.05)),
        "forehead_lower": source.local((0.0, 8.6, 9.9), 3.0, (0.0, -0.45, 0.04)),
        "scalp_back": source.local((0.0, 13.0, 3.0), 4.6, (0.0, 0.1, -0.6)),
        "temple_tense_left": source.local((6.4, 5.4, 5.4), 1.3, (-0.4, 0.05, 0.0)),
        "glabella_furrow": squeeze,
        "brow_inner_down_left": source.masked("browDown_L", inner),
        "brow_outer_down_left": source.masked("browDown_L", 1 - inner),
        "brow_inner_up_left": source.shapes["browInnerUp_L"],
        "brow_middle_up_left": source.local((3.7, 6.0, 9.8), 1.05, (0.0, 0.62, 0.04)),
        "brow_outer_up_left": source.shapes["browOuterUp_L"],
        "brow_squeeze_left": source.local((1.9, 5.6, 10.4), 0.95, (-0.5, -0.05, 0.1)),
        "brow_tail_drop_left": source.local((5.7, 5.2, 8.0), 1.05, (0.05, -0.55, 0.05)),
        "brow_bulge_left": source.local((3.1, 5.5, 9.9), 1.05, (0.0, -0.08, 0.36)),
    }


def _eyes_and_gaze(source: Source) -> dict[str, Floats]:
    neutral, shapes = source.neutral, source.shapes
    x = neutral[:, 0]
    medial = smooth(x, 3.6, 2.7)
    lids = {f"gaze_{way.lower()}_left": shapes[f"eyeLook{way}_L"] for way in ("Up", "Down", "In", "Out")}
    still = {f"pupil_{way}_left": np.zeros_like(neutral) for way in ("dilate", "constrict")}
    return {
        "eye_blink_left": shapes["eyeBlink_L"],
        "eye_closed_left": _closed(source),
        "upper_lid_raise_inner_left": 1.15 * source.masked("eyeWide_L", medial),
        "upper_lid_raise_outer_left": 1.15 * source.masked("eyeWide_L", 1 - medial),
        "lower_lid_drop_left": source.local((3.2, 2.95, 9.4), 0.62, (0.0, -0.3, -0.02)),
        "squint_inner_left": 1.3 * source.masked("eyeSquint_L", medial),
        "squint_outer_left": 1.3 * source.masked("eyeSquint_L", 1 - medial),
        "eye_corner_out_left": source.local((4.5, 3.42, 8.65), 0.7, (0.3, -0.04, -0.16)),
        "eye_bag_left": source.local((3.2, 2.0, 9.5), 0.62, (0.0, 0.02, 0.28)),
        "lid_fold_drop_left": source.local((3.5, 4.75, 9.75), 0.5, (0.0, -0.36, 0.14)),
        **lids,
        **still,
    }


def _closed(source: Source) -> Floats:
    """Both lids meet between the two: the upper comes most of the way, the lower comes to meet it."""
    neutral = source.neutral
    blink = source.shapes["eyeBlink_L"]
    margin_line = np.array([[1.84, 3.25], [2.75, 3.08], [3.86, 3.07], [4.46, 3.43]])
    top_line = np.array([[1.84, 3.25], [2.3, 3.75], [2.78, 3.94], [3.87, 3.87], [4.46, 3.43]])
    opening = np.interp(neutral[:, 0], *top_line.T) - np.interp(neutral[:, 0], *margin_line.T)
    below = np.interp(neutral[:, 0], *margin_line.T) - neutral[:, 1]
    near = smooth(below, 0.85, 0.02) * smooth(below, -0.25, -0.05)
    near *= source.skin * (np.linalg.norm(neutral - source.eye_centre, axis=1) < source.eye_radius + 0.7)
    near *= (neutral[:, 0] > 1.8) & (neutral[:, 0] < 4.5) & (neutral[:, 2] > 8.0)
    return (
        0.64 * blink
        + 0.45 * source.shapes["eyeSquint_L"]
        + (near * 0.36 * np.clip(opening, 0, None))[:, None] * np.array([0.0, 1.0, 0.08])
    )


def _nose(source: Source) -> dict[str, Floats]:
    x, y, _ = source.neutral.T
    upper = smooth(y, 0.3, 1.9)
    wing = (1 - upper) * smooth(np.abs(x), 3.4, 2.2) * smooth(y, -3.2, -1.7)
    narrow = source.local((1.5, -0.75, 11.0), 0.62, (-0.3, 0.0, 0.03))
    narrow *= smooth(x, 0.5, 1.1)[:, None]
    return {
        "nose_wrinkle_left": source.masked("noseSneer_L", upper * smooth(np.abs(x), 4.5, 2.5)),
        "nostril_raise_left": 1.2 * source.masked("noseSneer_L", wing),
        "nostril_flare_left": source.local((1.75, -0.45, 10.9), 0.75, (0.36, 0.05, 0.0)),
        "nostril_compress_left": narrow,
        "nose_tip_up": source.local((0.0, 0.2, 12.8), 1.2, (0.0, 0.42, -0.12)),
        "nose_tip_down": source.local((0.0, 0.0, 12.6), 1.35, (0.0, -0.42, -0.04)),
        "nose_tip_left": source.local((0.0, 0.1, 12.6), 1.3, (0.4, 0.0, 0.0)),
    }


def _cheeks(source: Source) -> dict[str, Floats]:
    y = source.neutral[:, 1]
    upper = smooth(y, -4.3, -2.4)
    # the source moves the whole head a little: only the cheek's own part is kept
    own = smooth(source.neutral[:, 0], -1.8, 0.8) * smooth(
        np.linalg.norm(source.neutral - [4.5, 0.0, 8.5], axis=1), 10.0, 6.0
    )
    fold = sum(
        (
            source.local(place, 0.6, (-0.05, -0.03, -0.26))
            for place in ((2.2, -0.6, 10.6), (2.8, -1.9, 10.3), (3.2, -3.1, 9.7))
        ),
        np.zeros_like(source.neutral),
    )
    return {
        "cheek_puff_upper_left": source.masked("cheekPuff_L", upper),
        "cheek_puff_lower_left": source.masked("cheekPuff_L", 1 - upper),
        "cheek_suck_left": source.local((4.8, -2.7, 7.9), 1.8, (-0.65, 0.0, -0.3)),
        "cheek_raise_left": source.shapes["cheekRaiser_L"],
        "cheek_squint_left": 1.2 * source.masked("cheekSquint_L", own * smooth(y, -1.2, 1.2)),
        "nasolabial_deepen_left": fold,
        "cheek_back_left": source.local((4.4, -1.2, 9.0), 1.9, (0.25, 0.0, -0.55)),
    }


def _mouth_sided(source: Source) -> dict[str, Floats]:
    sources = {
        "mouth_smile": "mouthSmile",
        "mouth_frown": "mouthFrown",
        "mouth_dimple": "mouthDimple",
        "mouth_stretch": "mouthStretch",
        "mouth_press": "mouthPress",
        "upper_lip_raise": "mouthUpperUp",
        "lower_lip_drop": "mouthLowerDown",
    }
    sided = {f"{ours}_left": source.shapes[f"{theirs}_L"] for ours, theirs in sources.items()}
    return {
        **sided,
        "mouth_left": source.shapes["mouthLeft"],
        "mouth_right": source.mirrored(source.shapes["mouthLeft"]),
    }


def _mouth_whole(source: Source) -> dict[str, Floats]:
    neutral, shapes = source.neutral, source.shapes
    upper = smooth(neutral[:, 1], -3.62, -3.12)
    inside = neutral[:, 2] < 10.0  # lips turn inwards here: split where they meet, not by height alone
    upper = np.where(inside, smooth(neutral[:, 1], -3.5, -3.3), upper)
    bare = shapes["mouthUpperUp_L"] + shapes["mouthUpperUp_R"] + shapes["mouthLowerDown_L"] + shapes["mouthLowerDown_R"]
    wide = shapes["mouthStretch_L"] + shapes["mouthStretch_R"]
    around_lips = smooth(np.linalg.norm(neutral - [0.0, -3.4, 11.0], axis=1), 5.2, 3.0)
    pout = source.local((0.0, -4.15, 11.4), 1.25, (0.0, 0.16, 0.5))
    pout += source.local((0.0, -5.6, 10.8), 1.2, (0.0, 0.3, -0.02))
    seal = upper[:, None] * source.local((0.0, -3.0, 11.4), 0.9, (0.0, -0.1, -0.16))
    seal += (1 - upper)[:, None] * source.local((0.0, -3.9, 11.2), 0.9, (0.0, 0.14, -0.16))
    return {
        "mouth_funnel_upper": source.masked("mouthFunnel", upper),
        "mouth_funnel_lower": source.masked("mouthFunnel", 1 - upper),
        "mouth_pucker": shapes["mouthPucker"],
        "lip_roll_upper": shapes["mouthRollUpper"],
        "lip_roll_lower": shapes["mouthRollLower"],
        "lip_shrug_upper": shapes["mouthShrugUpper"],
        "lip_shrug_lower": shapes["mouthShrugLower"],
        "mouth_close": seal,
        "mouth_grin": (0.85 * bare + 0.45 * wide) * around_lips[:, None],
        "mouth_pout": pout,
    }


def _jaw(source: Source) -> dict[str, Floats]:
    shapes = source.shapes
    y = source.neutral[:, 1]
    jaw_left = 0.5 * (shapes["jawLeft"] + source.mirrored(shapes["jawRight"]))
    swallow = source.local((0.0, -10.8, 4.9), 1.5, (0.0, 0.55, 0.15))
    cord = source.local((2.7, -11.5, 3.6), 1.3, (0.12, 0.0, 0.5)) * smooth(y, -8.4, -9.6)[:, None]
    return {
        "jaw_open": shapes["jawOpen"],
        "jaw_forward": shapes["jawForward"],
        "jaw_back": -0.45 * shapes["jawForward"] + source.local((0.0, -7.3, 10.2), 1.6, (0.0, -0.12, 0.0)),
        "jaw_left": jaw_left,
        "jaw_right": source.mirrored(jaw_left),
        "jaw_clench_left": source.local((6.3, -4.0, 4.6), 1.5, (0.4, 0.05, 0.05)),
        "chin_raise": source.local((0.0, -6.6, 10.9), 1.2, (0.0, 0.4, 0.12)),
        "chin_drop": source.local((0.0, -7.2, 10.5), 1.4, (0.0, -0.42, 0.02)),
        "throat_swallow": swallow,
        "neck_tense_left": cord,
    }


def _tongue(source: Source) -> dict[str, Floats]:
    """Moves grow from the root (still) to the tip."""
    points, tongue = source.neutral, source.tongue
    centre = points[tongue].mean(0)
    tip = smooth(points[:, 2], points[tongue, 2].min() + 1.5, points[tongue, 2].max()) * tongue
    aside = (points - centre) * tongue[:, None]

    def move(weight: Floats, way: tuple[float, float, float]) -> Floats:
        return weight[:, None] * np.asarray(way)

    curl = move(tip**2, (0.0, 0.9, -0.5))
    wide, narrow = np.zeros_like(points), np.zeros_like(points)
    wide[:, 0], narrow[:, 0] = 0.32 * aside[:, 0], -0.38 * aside[:, 0]
    narrow[:, 1] = 0.15 * tip
    return {
        "tongue_out": move(tip, (0.0, 0.0, 3.0)),
        "tongue_up": move(np.minimum(tip * 1.6, 1.0), (0.0, 0.9, 0.0)),
        "tongue_down": move(np.minimum(tip * 1.6, 1.0), (0.0, -0.6, 0.1)),
        "tongue_left": move(tip, (1.1, 0.0, 0.0)),
        "tongue_wide": wide,
        "tongue_narrow": narrow,
        "tongue_tip_up": move(tip**4, (0.0, 1.0, 0.05)),
        "tongue_back": move(tip, (0.0, 0.1, -1.2)),
        "tongue_curl": curl,
    }


EXTRA_NAMES = (
    "face_width", "jaw_width", "cheek_fullness", "cheekbone", "chin_length", "chin_forward", "nose_width",
    "nose_length", "nose_bridge", "nose_tip_size", "eye_size", "eye_tilt", "lip_fullness_upper", "lip_fullness_lower",
    "mouth_width", "brow_ridge", "forehead_height", "ear_size", "neck_width", "sagging",
)  # fmt: skip
"""Shape modes of our own beside the fitted ones; at 1 each is a strong but human departure."""


def extra_modes(source: Source) -> dict[str, Floats]:
    """Symmetric shape modes, displacements at coefficient 1."""
    points, skin = source.neutral, source.skin
    x, y, z = points.T
    side, face = np.sign(x), skin * smooth(y, -13.0, -8.5)
    made = {name: np.zeros_like(points) for name in EXTRA_NAMES}

    def pair(centre: tuple[float, float, float], radius: float, move: tuple[float, float, float]) -> Floats:
        left = source.local(centre, radius, move)
        return left + source.mirrored(left)

    made["face_width"][:, 0] = 0.035 * x * face
    made["jaw_width"] = pair((5.8, -4.6, 5.2), 2.4, (0.5, 0.0, 0.0))
    made["cheek_fullness"] = pair((4.9, -2.2, 8.0), 2.0, (0.34, -0.06, 0.26)) + pair(
        (3.0, -8.0, 7.0), 1.8, (0.1, -0.3, 0.1)
    )
    made["cheekbone"] = pair((5.6, 1.2, 7.4), 1.5, (0.3, 0.05, 0.16))
    made["chin_length"] = source.local((0.0, -7.2, 9.6), 2.4, (0.0, -0.5, 0.0))
    made["chin_forward"] = source.local((0.0, -6.6, 10.6), 1.7, (0.0, 0.0, 0.4))
    made["nose_width"] = pair((1.7, -0.5, 10.9), 0.95, (0.24, 0.0, 0.0))
    made["nose_length"] = source.local((0.0, -0.3, 12.2), 1.8, (0.0, -0.36, 0.05))
    made["nose_bridge"] = source.local((0.0, 2.6, 11.4), 1.3, (0.0, 0.0, 0.26))
    made["nose_tip_size"] = _swell(source, (0.0, 0.1, 12.3), 1.0, 0.16)
    made["eye_size"] = _opening(source)
    made["eye_tilt"] = pair((4.5, 3.45, 8.7), 1.0, (0.0, 0.2, 0.0)) + pair((1.8, 3.25, 9.2), 0.6, (0.0, -0.07, 0.0))
    made["lip_fullness_upper"] = source.local((0.0, -2.75, 11.6), 1.0, (0.0, 0.14, 0.16))
    made["lip_fullness_lower"] = source.local((0.0, -4.1, 11.4), 1.0, (0.0, -0.14, 0.18))
    made["mouth_width"] = pair((2.35, -3.5, 10.3), 1.0, (0.24, 0.0, -0.04))
    made["brow_ridge"] = pair((2.6, 5.4, 10.2), 1.4, (0.0, -0.05, 0.22))
    made["forehead_height"] = source.local((0.0, 10.5, 7.0), 4.5, (0.0, 0.45, 0.1))
    ear = smooth(np.abs(x), 7.0, 8.2) * smooth(z, 4.0, 3.0) * skin * smooth(y, -5.0, -3.0)
    made["ear_size"] = ear[:, None] * (0.12 * (points - np.stack((7.4 * side, 0 * y + 1.0, 0 * z + 2.4), -1)))
    neck = skin * smooth(y, -4.5, -8.0) * smooth(y, -17.0, -13.0)
    made["neck_width"] = neck[:, None] * (0.08 * (points - [0.0, 0.0, 1.0])) * [1.0, 0.0, 1.0]
    made["sagging"] = pair((5.0, -5.6, 6.9), 1.6, (0.16, -0.4, 0.1)) + pair((3.9, 4.85, 9.5), 0.6, (0.0, -0.16, 0.06))
    made["sagging"] += pair((3.2, 1.9, 9.5), 0.6, (0.0, -0.03, 0.14)) + source.local(
        (0.0, -9.6, 8.2), 1.7, (0.0, -0.25, 0.15)
    )
    return made


def _swell(source: Source, centre: tuple[float, float, float], radius: float, amount: float) -> Floats:
    return source.normals * (amount * bump(source.neutral, centre, radius) * source.skin)[:, None]


def _opening(source: Source) -> Floats:
    """Larger eyes: the lid opening grows around its middle, the skin around gives way."""
    middle = np.array([3.15, 3.5, 9.3])
    weight = bump(source.neutral, (3.15, 3.5, 9.3), 1.35) * source.skin
    left = weight[:, None] * (source.neutral - middle) * np.array([0.1, 0.2, 0.0])
    return left + source.mirrored(left)
