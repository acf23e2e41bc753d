"""The fixed table of what can be said of a face: 26 attributes, each graded 0 to 1.

How a grade is drawn is the engine's business, how it is said is the captions'. The order is part of every checkpoint: only
ever add at the end. A presence under grade 0.2 is not there at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Attribute:
    """One row of the table."""

    key: str
    english: str
    chinese: str
    part: str
    zero: str
    """What grade 0 looks like."""
    one: str
    """What grade 1 looks like."""
    identity: bool = False
    """Bound to who the person is: changing it changes the person."""
    kind: Literal["range", "presence"] = "range"
    """A range has an ordinary middle and two notable ends; a presence is ordinary when absent (grade 0)."""


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("eye_size", "eye size", "眼睛大小", "eyes", "small eyes", "big eyes"),
    Attribute("eye_openness", "eye openness", "眼睛睁开程度", "eyes", "closed", "wide open"),
    Attribute("brow_thickness", "brow thickness", "眉毛粗细", "brows", "thin, sparse brows", "thick, bushy brows"),
    Attribute("brow_height", "brow height", "眉毛高低", "brows", "brows low over the eyes", "brows high, raised"),
    Attribute("nose_width", "nose width", "鼻子宽窄", "nose", "narrow nose", "wide nose", identity=True),
    Attribute("nose_length", "nose length", "鼻子长短", "nose", "short nose", "long nose", identity=True),
    Attribute("face_width", "face width", "脸的宽窄", "face", "narrow face", "wide face", identity=True),
    Attribute("chin_length", "chin length", "下巴长短", "chin", "short chin", "long chin", identity=True),
    Attribute(
        "cheek_fullness", "cheek fullness", "脸颊丰满度", "cheeks", "hollow cheeks", "full cheeks", identity=True
    ),
    Attribute("lip_fullness", "lip fullness", "嘴唇厚薄", "lips", "thin lips", "full lips", identity=True),
    Attribute("mouth_width", "mouth width", "嘴巴宽窄", "mouth", "narrow mouth", "wide mouth", identity=True),
    Attribute("smile", "smile", "笑容", "mouth", "no smile", "broad smile", kind="presence"),
    Attribute("mouth_open", "mouth open", "张嘴", "mouth", "lips together", "mouth wide open", kind="presence"),
    Attribute("hair_length", "hair length", "头发长短", "hair", "bald", "below the shoulders"),
    Attribute("hair_curl", "hair curl", "头发卷曲", "hair", "straight", "tight curls"),
    Attribute("fringe", "fringe", "刘海", "hair", "forehead free", "fringe down to the brows", kind="presence"),
    Attribute("hair_lightness", "hair lightness", "发色深浅", "hair", "black", "white or platinum"),
    Attribute("hair_redness", "hair redness", "头发红色", "hair", "no red", "bright red", kind="presence"),
    Attribute("beard", "beard", "胡须", "beard", "clean chin and jaw", "full beard", kind="presence"),
    Attribute("moustache", "moustache", "八字胡", "beard", "clean upper lip", "thick moustache", kind="presence"),
    Attribute("glasses", "glasses", "眼镜", "glasses", "none", "heavy dark frames", kind="presence"),
    Attribute("hat", "hat", "帽子", "hat", "none", "big hat", kind="presence"),
    Attribute("make_up", "make-up", "妆容", "skin", "none", "heavy make-up", kind="presence"),
    Attribute("skin_tone", "skin tone", "肤色", "skin", "very light skin", "very dark skin", identity=True),
    Attribute("age", "age", "年龄", "face", "18 years", "80 years", identity=True),
    Attribute("head_turn", "head turn", "转头", "head", "turned to their right", "turned to their left"),
)
KEYS: tuple[str, ...] = tuple(attribute.key for attribute in ATTRIBUTES)
INDEX: dict[str, int] = {key: place for place, key in enumerate(KEYS)}
ASKABLE: tuple[str, ...] = tuple(key for key in KEYS if key not in {"skin_tone", "head_turn"})
"""What a text may ask for, in the table's order."""

YOUNGEST, OLDEST = 18, 80
NOTABLE_MARGIN = 0.2
"""A range is notable within this of either end."""
PRESENT = 0.4
"""A presence is notable from this grade on."""


def is_notable(key: str, grade: float) -> bool:
    """Whether people would mention it: either end of a range, a presence that is clearly there."""
    if ATTRIBUTES[INDEX[key]].kind == "presence":
        return grade >= PRESENT
    return grade < NOTABLE_MARGIN or grade >= 1.0 - NOTABLE_MARGIN


def extremeness(key: str, grade: float) -> float:
    """0 (ordinary) to 1 (the end of the scale): what is said first."""
    return grade if ATTRIBUTES[INDEX[key]].kind == "presence" else abs(2.0 * grade - 1.0)


def age_grade(years: float) -> float:
    """The grade of an age in years, held within the table's ends."""
    return min(max((years - YOUNGEST) / (OLDEST - YOUNGEST), 0.0), 1.0)


def age_years(grade: float) -> float:
    """The age in years of a grade."""
    return YOUNGEST + grade * (OLDEST - YOUNGEST)


@dataclass(frozen=True)
class Attributes:
    """The grades of one face, in the table's order."""

    grades: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.grades) != len(KEYS):
            raise ValueError(
                f"A face has {len(KEYS)} attributes in a fixed order, {len(self.grades)} grades were given."
            )
        wrong = [key for key, grade in zip(KEYS, self.grades, strict=True) if not 0.0 <= grade <= 1.0]
        if wrong:
            raise ValueError(f"Grades lie in 0 to 1; {wrong[0]!r} is {self[wrong[0]]}.")

    def __getitem__(self, key: str) -> float:
        return self.grades[INDEX[key]]

    @classmethod
    def from_vector(cls, vector: Sequence[float]) -> Attributes:
        """From grades in the table's order (a row of a tensor's ``tolist()``), held within 0 to 1 against rounding."""
        return cls(tuple(min(max(float(grade), 0.0), 1.0) for grade in vector))

    @classmethod
    def from_dict(cls, grades: Mapping[str, float]) -> Attributes:
        """From all 26 grades by key."""
        unknown, missing = sorted(set(grades) - set(KEYS)), [key for key in KEYS if key not in grades]
        if unknown or missing:
            raise ValueError(f"Attributes want exactly the {len(KEYS)} keys; unknown: {unknown}, missing: {missing}.")
        return cls(tuple(float(grades[key]) for key in KEYS))

    def as_dict(self) -> dict[str, float]:
        """Grades by key, in the table's order."""
        return dict(zip(KEYS, self.grades, strict=True))

    def replace(self, **grades: float) -> Attributes:
        """The same face with some grades changed."""
        return Attributes.from_dict({**self.as_dict(), **grades})

    def notable(self) -> tuple[str, ...]:
        """Askable attributes that people would mention, the most extreme first."""
        found = [key for key in ASKABLE if is_notable(key, self[key])]
        return tuple(sorted(found, key=lambda key: -extremeness(key, self[key])))
