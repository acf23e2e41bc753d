"""The 130 expression controllers: names, parts, which mirrors which, and the fixed linear map to ARKit's 52 names.

A controller is a number in 0..1. ``left`` is the person's own left (+x). What each moves is fitted in the head model.
"""

from __future__ import annotations

import functools
from typing import Literal

import torch
from torch import Tensor

PARTS = ("forehead", "brows", "eyes", "gaze", "nose", "cheeks", "mouth", "jaw", "tongue")

_SIDED = "*"  # stands for _left and _right
_TABLE = {
    "forehead": "forehead_raise* forehead_centre_raise forehead_lower scalp_back temple_tense* glabella_furrow",
    "brows": "brow_inner_down* brow_outer_down* brow_inner_up* brow_middle_up* brow_outer_up* brow_squeeze* "
    "brow_tail_drop* brow_bulge*",
    "eyes": "eye_blink* eye_closed* upper_lid_raise_inner* upper_lid_raise_outer* lower_lid_drop* squint_inner* "
    "squint_outer* eye_corner_out* eye_bag* lid_fold_drop*",
    "gaze": "gaze_up* gaze_down* gaze_in* gaze_out* pupil_dilate* pupil_constrict*",
    "nose": "nose_wrinkle* nostril_raise* nostril_flare* nostril_compress* nose_tip_up nose_tip_down nose_tip*",
    "cheeks": "cheek_puff_upper* cheek_puff_lower* cheek_suck* cheek_raise* cheek_squint* "
    "nasolabial_deepen* cheek_back*",
    "mouth": "mouth_smile* mouth_frown* mouth_dimple* mouth_stretch* mouth_press* upper_lip_raise* lower_lip_drop* "
    "mouth* mouth_funnel_upper mouth_funnel_lower mouth_pucker lip_roll_upper lip_roll_lower lip_shrug_upper "
    "lip_shrug_lower mouth_close mouth_grin mouth_pout",
    "jaw": "jaw_open jaw_forward jaw_back jaw* jaw_clench* chin_raise chin_drop throat_swallow neck_tense*",
    "tongue": "tongue_out tongue_up tongue_down tongue* tongue_wide tongue_narrow "
    "tongue_tip_up tongue_back tongue_curl",
}


def _expand(words: str) -> list[str]:
    names: list[str] = []
    for word in words.split():
        stem = word.removesuffix(_SIDED)
        names += [f"{stem}_left", f"{stem}_right"] if word.endswith(_SIDED) else [word]
    return names


PART_OF: dict[str, str] = {name: part for part, words in _TABLE.items() for name in _expand(words)}
NAMES: tuple[str, ...] = tuple(PART_OF)
INDEX: dict[str, int] = {name: place for place, name in enumerate(NAMES)}
assert len(NAMES) == 130, len(NAMES)

CLOSES_EYE = tuple(name for name in NAMES if name.startswith(("eye_blink", "eye_closed")))


def swap_side(name: str) -> str:
    """The controller that does the same on the other side; one in the middle is its own."""
    if name.endswith("_left"):
        return name.removesuffix("_left") + "_right"
    return name.removesuffix("_right") + "_left" if name.endswith("_right") else name


MIRROR: tuple[int, ...] = tuple(INDEX[swap_side(name)] for name in NAMES)
"""For each controller the place of its mirror image: a mirrored face has ``controllers[..., MIRROR]``."""


def places(part: str) -> list[int]:
    """Where the controllers of one part stand among the 130."""
    if part not in PARTS:
        raise ValueError(f"There is no part {part!r}; the parts are {', '.join(PARTS)}.")
    return [INDEX[name] for name, of in PART_OF.items() if of == part]


Standing = Literal["driven", "approximated", "absent"]

_ARKIT_SIDED = {
    "EyeBlink": ("driven", {"eye_blink": 1.0, "eye_closed": 1.0}),
    "EyeLookDown": ("driven", {"gaze_down": 1.0}),
    "EyeLookIn": ("driven", {"gaze_in": 1.0}),
    "EyeLookOut": ("driven", {"gaze_out": 1.0}),
    "EyeLookUp": ("driven", {"gaze_up": 1.0}),
    "EyeSquint": ("driven", {"squint_inner": 0.5, "squint_outer": 0.5}),
    "EyeWide": ("driven", {"upper_lid_raise_inner": 0.5, "upper_lid_raise_outer": 0.5}),
    "MouthSmile": ("driven", {"mouth_smile": 1.0}),
    "MouthFrown": ("driven", {"mouth_frown": 1.0}),
    "MouthDimple": ("driven", {"mouth_dimple": 1.0}),
    "MouthStretch": ("driven", {"mouth_stretch": 1.0}),
    "MouthPress": ("driven", {"mouth_press": 1.0}),
    "MouthLowerDown": ("driven", {"lower_lip_drop": 1.0}),
    "MouthUpperUp": ("driven", {"upper_lip_raise": 1.0}),
    "BrowDown": ("driven", {"brow_inner_down": 0.5, "brow_outer_down": 0.5}),
    "BrowOuterUp": ("driven", {"brow_outer_up": 1.0}),
    "CheekSquint": ("driven", {"cheek_squint": 0.5, "cheek_raise": 0.5}),
    "NoseSneer": ("driven", {"nose_wrinkle": 0.5, "nostril_raise": 0.5}),
}
_ARKIT_PLAIN = {
    "JawForward": ("driven", {"jaw_forward": 1.0}),
    "JawRight": ("driven", {"jaw_right": 1.0}),
    "JawLeft": ("driven", {"jaw_left": 1.0}),
    "JawOpen": ("driven", {"jaw_open": 1.0}),
    "MouthClose": ("approximated", {"mouth_close": 1.0}),
    "MouthFunnel": ("driven", {"mouth_funnel_upper": 0.5, "mouth_funnel_lower": 0.5}),
    "MouthPucker": ("driven", {"mouth_pucker": 1.0}),
    "MouthRight": ("driven", {"mouth_right": 1.0}),
    "MouthLeft": ("driven", {"mouth_left": 1.0}),
    "MouthRollLower": ("driven", {"lip_roll_lower": 1.0}),
    "MouthRollUpper": ("driven", {"lip_roll_upper": 1.0}),
    "MouthShrugLower": ("driven", {"lip_shrug_lower": 1.0}),
    "MouthShrugUpper": ("driven", {"lip_shrug_upper": 1.0}),
    "BrowInnerUp": ("driven", {"brow_inner_up_left": 0.5, "brow_inner_up_right": 0.5}),
    "CheekPuff": (
        "approximated",
        {f"cheek_puff_{half}_{side}": 0.25 for half in ("upper", "lower") for side in ("left", "right")},
    ),
    "TongueOut": ("driven", {"tongue_out": 1.0}),
}


def _arkit_table() -> dict[str, tuple[str, dict[str, float]]]:
    sided = {
        f"{name}{side}": (standing, {f"{ours}_{side.lower()}": weight for ours, weight in weights.items()})
        for name, (standing, weights) in _ARKIT_SIDED.items()
        for side in ("Left", "Right")
    }
    return {**sided, **_ARKIT_PLAIN}


ARKIT: dict[str, tuple[str, dict[str, float]]] = _arkit_table()
"""ARKit name -> (driven, approximated or absent; our controllers and their weights). ``MouthClose`` is approximated
because ours also presses the lips when the jaw is shut; ``CheekPuff`` because ours has four halves."""
ARKIT_NAMES: tuple[str, ...] = tuple(sorted(ARKIT))
assert len(ARKIT_NAMES) == 52, len(ARKIT_NAMES)


@functools.cache
def arkit_matrix() -> Tensor:
    """52 x 130, rows in the order of ``ARKIT_NAMES``."""
    matrix = torch.zeros(len(ARKIT_NAMES), len(NAMES))
    for row, name in enumerate(ARKIT_NAMES):
        for ours, weight in ARKIT[name][1].items():
            matrix[row, INDEX[ours]] = weight
    return matrix


def to_arkit(controllers: Tensor) -> Tensor:
    """Controllers (..., 130) as ARKit's 52 (..., 52), in the order of ``ARKIT_NAMES``, each 0..1."""
    return (controllers @ arkit_matrix().to(controllers).T).clamp(0.0, 1.0)


def from_arkit(weights: Tensor) -> Tensor:
    """ARKit's 52 (..., 52) as controllers (..., 130): each drives what it is made of; the rest stays at rest."""
    spread = (arkit_matrix() > 0).to(weights)
    spread[ARKIT_NAMES.index("EyeBlinkLeft"), INDEX["eye_closed_left"]] = 0.0
    spread[ARKIT_NAMES.index("EyeBlinkRight"), INDEX["eye_closed_right"]] = 0.0
    return (weights @ spread).clamp(0.0, 1.0)
