"""What there is to speak of on a face, and which quality of which thing is which attribute. Tables only."""

from __future__ import annotations

from core.engine.wishes import Degree

PRESENCES: dict[str, tuple[str, ...]] = {
    "smile": ("smile",),
    "fringe": ("fringe",),
    "beard": ("beard",),
    "moustache": ("moustache",),
    "facial_hair": ("beard", "moustache"),
    "glasses": ("glasses",),
    "hat": ("hat",),
    "make_up": ("make_up",),
    "curls": ("hair_curl",),
    "wrinkles": ("age",),
}
"""Things that can be there or not, and the attributes that say so."""

QUALITIES: dict[tuple[str, str], tuple[str, int]] = {
    ("eyes", "size"): ("eye_size", 1),
    ("eyes", "round"): ("eye_size", 1),
    ("eyes", "open"): ("eye_openness", 1),
    ("eyes", "shut"): ("eye_openness", 1),
    ("eyes", "width"): ("eye_openness", 1),
    ("eyes", "length"): ("eye_openness", -1),
    ("eyes", "thick"): ("eye_openness", 1),
    ("brows", "thick"): ("brow_thickness", 1),
    ("brows", "full"): ("brow_thickness", 1),
    ("brows", "strong"): ("brow_thickness", 1),
    ("brows", "width"): ("brow_thickness", 1),
    ("brows", "size"): ("brow_thickness", 1),
    ("brows", "light"): ("brow_thickness", -1),
    ("brows", "high"): ("brow_height", 1),
    ("nose", "width"): ("nose_width", 1),
    ("nose", "size"): ("nose_width", 1),
    ("nose", "thick"): ("nose_width", 1),
    ("nose", "full"): ("nose_width", 1),
    ("nose", "length"): ("nose_length", 1),
    ("face", "width"): ("face_width", 1),
    ("face", "size"): ("face_width", 1),
    ("face", "thick"): ("face_width", 1),
    ("face", "round"): ("face_width", 1),
    ("face", "length"): ("face_width", -1),
    ("face", "point"): ("face_width", -1),
    ("face", "full"): ("cheek_fullness", 1),
    ("face", "years"): ("age", 1),
    ("jaw", "width"): ("face_width", 1),
    ("jaw", "size"): ("face_width", 1),
    ("jaw", "round"): ("face_width", 1),
    ("jaw", "strong"): ("face_width", 1),
    ("jaw", "length"): ("chin_length", 1),
    ("jaw", "point"): ("chin_length", 1),
    ("chin", "length"): ("chin_length", 1),
    ("chin", "size"): ("chin_length", 1),
    ("chin", "point"): ("chin_length", 1),
    ("chin", "strong"): ("chin_length", 1),
    ("cheeks", "full"): ("cheek_fullness", 1),
    ("cheeks", "round"): ("cheek_fullness", 1),
    ("cheeks", "size"): ("cheek_fullness", 1),
    ("cheeks", "width"): ("cheek_fullness", 1),
    ("cheeks", "thick"): ("cheek_fullness", 1),
    ("lips", "full"): ("lip_fullness", 1),
    ("lips", "thick"): ("lip_fullness", 1),
    ("lips", "size"): ("lip_fullness", 1),
    ("lips", "width"): ("mouth_width", 1),
    ("lips", "open"): ("mouth_open", 1),
    ("lips", "shut"): ("mouth_open", 1),
    ("mouth", "width"): ("mouth_width", 1),
    ("mouth", "size"): ("mouth_width", 1),
    ("mouth", "length"): ("mouth_width", 1),
    ("mouth", "round"): ("mouth_open", 1),
    ("mouth", "open"): ("mouth_open", 1),
    ("mouth", "shut"): ("mouth_open", 1),
    ("mouth", "full"): ("lip_fullness", 1),
    ("mouth", "thick"): ("lip_fullness", 1),
    ("hair", "length"): ("hair_length", 1),
    ("hair", "curl"): ("hair_curl", 1),
    ("hair", "light"): ("hair_lightness", 1),
    ("hair", "red"): ("hair_redness", 1),
    ("hair_colour", "light"): ("hair_lightness", 1),
    ("hair_colour", "red"): ("hair_redness", 1),
    ("curls", "length"): ("hair_length", 1),
    ("curls", "light"): ("hair_lightness", 1),
    ("curls", "red"): ("hair_redness", 1),
    ("years", "years"): ("age", 1),
    ("years", "size"): ("age", 1),
    ("years", "high"): ("age", 1),
}
"""(thing, dimension) -> the attribute it speaks of, and whether more of the one is more of the other."""

AMOUNTS = {"size", "length", "thick", "full", "width", "strong", "light", "wide_smile", "open", "high", "any"}
"""Dimensions that make a presence stronger or weaker: "a big beard", "thin glasses"."""
MIDDLES = {
    "eyes": "eye_size", "nose": "nose_width", "face": "face_width", "chin": "chin_length", "lips": "lip_fullness",
    "mouth": "mouth_width", "hair": "hair_length", "cheeks": "cheek_fullness", "brows": "brow_thickness",
    "years": "age", "jaw": "face_width",
}  # fmt: skip
ALONE = {"curl": "hair_curl", "years": "age", "wide_smile": "smile"}
"""Qualities that need no thing beside them."""
OF_HAIR = {"length": "hair_length", "light": "hair_lightness", "red": "hair_redness"}
"""Qualities that are taken to be the hair's where nothing else is near."""
HOMES = {"hair_length": "hair", "hair_curl": "hair", "hair_lightness": "hair", "hair_redness": "hair", "age": "face",
         "eye_openness": "eyes", "face_width": "face", "lip_fullness": "lips", "mouth_width": "mouth",
         "cheek_fullness": "cheeks", "brow_thickness": "brows", "beard": "beard", "glasses": "glasses", "hat": "hat",
         "moustache": "moustache", "smile": "smile", "make_up": "make_up", "fringe": "fringe"}  # fmt: skip
EMPHATIC_SHUT: Degree = "strong"
"""Eyes that are "closed" are closed, not merely narrow."""
