"""Colour maps of distance: from near to far in even steps of 1 / distance, as 256 colours each."""

from __future__ import annotations

import numpy as np

from core.depth.clip import DepthClip
from core.depth_files import colour_depth

_STOPS = {
    "grey": ("ffffff", "000000"),
    "sea": ("fde725", "7ad151", "22a884", "2a788e", "414487", "440154"),
    "rainbow": ("a01c12", "ef5a11", "fbb938", "a2fc3c", "24eca6", "3aa3fb", "4145ab", "30123b"),
}
MAPS = ("ember", *_STOPS)
"""The first is the one of films and of the engine's pictures."""
STEPS = 256


def colour_range(clip: DepthClip) -> tuple[float, float]:
    """Metres of the nearest and the furthest colour, one pair for all frames; outliers do not decide."""
    near, far = (float(one) for one in np.quantile(clip.metres[:, ::2, ::2], (0.01, 0.95)))
    return near, max(far, near * 1.01)


def table(name: str) -> np.ndarray:
    """The 256 colours (256, 3) of a map, the nearest first."""
    if name == "ember":
        ramp = np.linspace(1.0, 0.5, STEPS)  # 1 / distance of a scene from 1 m to 2 m
        return colour_depth((1 / ramp)[None], 1.0, 2.0)[0]
    stops = np.array([[int(stop[at : at + 2], 16) for at in (0, 2, 4)] for stop in _STOPS[name]], np.float64)
    places = np.linspace(0, len(stops) - 1, STEPS)
    known = np.arange(len(stops))
    return np.rint(np.stack([np.interp(places, known, stops[:, at]) for at in range(3)], 1)).astype(np.uint8)
