"""A found head as a record: its codes and the camera of its portrait; kept as JSON, moved by look, expression and place."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from core.facefield.camera import Camera
from core.facefield.codes import LOOK_WIDTH, SHAPE_WIDTH
from core.facefield.residue import Residue
from core.image import Pixels

Numbers = npt.NDArray[np.float32]
FORMAT = "likeness face code 1"
LARGEST = 12.0
"""A code's numbers are draws from N(0, 1); beyond this it is no code."""


@dataclass(frozen=True)
class FaceCode:
    """A head: z_s says its shape, z_a how it looks, the camera where its portrait was taken from."""

    shape: Numbers
    """(SHAPE_WIDTH,)"""
    look: Numbers
    """(LOOK_WIDTH,)"""
    camera: Camera
    difference: float | None = None
    """Mean absolute difference of what the codes draw from the photo, of 255; None where there was none."""
    residue: Residue | None = None
    """What the photo shows beyond that; None where there was no photo, or the look is another's."""

    def __post_init__(self) -> None:
        for name, values, width in (("shape", self.shape, SHAPE_WIDTH), ("look", self.look, LOOK_WIDTH)):
            if values.shape != (width,):
                raise ValueError(f"A face code's {name} is {width} numbers, not {values.shape}.")
            if not np.isfinite(values).all() or np.abs(values).max() > LARGEST:
                raise ValueError(f"A face code's {name} holds numbers from -{LARGEST:g} to {LARGEST:g} only.")

    def to_json(self) -> str:
        """The code as text."""
        held = {"format": FORMAT, "shape": _plain(self.shape), "look": _plain(self.look), "camera": asdict(self.camera)}
        held |= {} if self.residue is None else {"residue": self.residue.hold()}
        return json.dumps({**held, "difference": self.difference}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> FaceCode:
        """The code read back; what is wrong with a text is said."""
        try:
            held = json.loads(text)
            if not isinstance(held, dict) or held.get("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT!r}")
            shape, look = (np.asarray(held[name], np.float32) for name in ("shape", "look"))
            camera = Camera(**{key: float(value) for key, value in held["camera"].items()})
            difference = None if held.get("difference") is None else float(held["difference"])
            residue = None if held.get("residue") is None else Residue.held(held["residue"])
            if residue is not None and residue.shape.shape != shape.shape:
                raise ValueError("its residue was found with another kind of shape")
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
            raise ValueError(f"This is not a face code that this version can read ({error}).") from error
        return cls(shape, look, camera, difference, residue)


@dataclass(frozen=True)
class View:
    """A head seen from somewhere."""

    pixels: Pixels
    depth_metres: Numbers
    """(S, S) along the camera's axis; 0 where nothing is."""
    opacity: Numbers
    """(S, S) 0..1."""


@dataclass(frozen=True)
class Verdict:
    """Whether two heads are one person's."""

    score: float
    """Chance that they are, 0..1."""
    same: bool
    error_rate: float
    """How often verdicts were wrong on the validation band."""


@dataclass(frozen=True)
class Effort:
    """How long a photo is looked at after the encoder's first guess."""

    steps: int = 30
    """Steps along rays."""
    whole_steps: int = 10
    """Steps on the whole picture."""
    rate: float = 0.04
    near: float = 0.03
    """Weight that holds the codes near the encoder's guess."""

    def __post_init__(self) -> None:
        if min(self.steps, self.whole_steps) < 0 or not 0 < self.rate <= 1:
            raise ValueError(f"An effort wants steps of 0 or more and a rate up to 1, not {self}.")


def _plain(values: Numbers) -> list[float]:
    return [round(float(value), 5) for value in values]


def swing(camera: Camera, yaw_degrees: float, pitch_degrees: float) -> Camera:
    """The camera moved about the head: to the person's left, and up."""
    if not math.isfinite(yaw_degrees) or not math.isfinite(pitch_degrees):
        raise ValueError(f"A view is turned by degrees, not by {yaw_degrees} and {pitch_degrees}.")
    pitch = min(max(camera.pitch_degrees + pitch_degrees, -85.0), 85.0)
    return Camera(
        camera.yaw_degrees + yaw_degrees, pitch, camera.roll_degrees, camera.distance_metres, camera.lens,
        camera.across, camera.down,
    )  # fmt: skip
