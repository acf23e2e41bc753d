"""What of a garment a caller may choose, and the sentences that answer a wrong request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.engine.cuts import KINDS
from core.engine.prints import PRINTS

SMALLEST, LARGEST = 32, 1024
LAST_SEED = 2**40
CHUNK_PIXELS = {"cpu": 4 * 256**2, "cuda": 64 * 256**2}
"""How many pixels are drawn at once: on a CPU what fits its cache, on a GPU what fills it."""


@dataclass(frozen=True)
class Choices:
    """What of a garment is not left to its own seed. All may be None."""

    outline_seeds: Sequence[int] | None = None
    """The cut: hold fixed to see one cut in many cloths."""
    cloth_seeds: Sequence[int] | None = None
    """Print, colours, fabric: hold fixed to see one cloth in many cuts."""
    lying_seeds: Sequence[int] | None = None
    """Folds, light and camera."""
    kind: str | Sequence[str] | None = None
    print: str | Sequence[str] | None = None
    """Names of KINDS and PRINTS, one for all or one for each."""
    cloth: Tensor | None = None
    """(N or 1, 3, H, W) in [-1, 1]: the caller's cloth, mirrored where it ends."""
    cloth_span_centimetres: float = 30.0
    """How wide the caller's cloth is."""
    print_scale: float = 1.0
    """Size of the print, the caller's cloth included."""
    print_turn_degrees: float = 0.0
    shadow: bool = False
    """Whether the garment casts a soft shadow on the ground."""
    supersample: float = 1.5


def numbers_of(names: str | Sequence[str], table: tuple[str, ...], like: Tensor) -> Tensor:
    """The places of these names in the table, one for each of ``like``."""
    given = [names] * len(like) if isinstance(names, str) else list(names)
    return torch.tensor([table.index(name) for name in given], device=like.device)


def choices_of(choices: Choices, start: int, stop: int, count: int) -> Choices:
    """The part of the choices that belongs to garments start to stop."""

    def part(given: Sequence[int] | None) -> Sequence[int] | None:
        return None if given is None else given[start:stop]

    def names(given: str | Sequence[str] | None) -> str | Sequence[str] | None:
        return given if given is None or isinstance(given, str) else given[start:stop]

    cloth = choices.cloth
    if cloth is not None and len(cloth) == count and count > 1:
        cloth = cloth[start:stop]
    seeds = {name: part(getattr(choices, name)) for name in ("outline_seeds", "cloth_seeds", "lying_seeds")}
    return replace(choices, kind=names(choices.kind), print=names(choices.print), cloth=cloth, **seeds)


def check_request(seeds: Sequence[int], device: torch.device | str, size: int, choices: Choices) -> torch.device:
    """The device, or a sentence on what is wrong."""
    if len(seeds) == 0:
        raise ValueError("No seed was given; wanted at least one, such as garments([7]).")
    lists = {
        "seed": seeds,
        "outline seed": choices.outline_seeds,
        "cloth seed": choices.cloth_seeds,
        "lying seed": choices.lying_seeds,
    }
    for what, given in lists.items():
        for seed in given if given is not None else ():
            if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < LAST_SEED:
                raise ValueError(f"The {what} {seed!r} is not one; wanted whole numbers from 0 to {LAST_SEED - 1:,}.")
        if given is not None and len(given) != len(seeds):
            raise ValueError(f"{len(given)} {what}s were given for {len(seeds)} garments; wanted one for each.")
    if not isinstance(size, int) or not SMALLEST <= size <= LARGEST:
        raise ValueError(
            f"A size of {size!r} was asked for; wanted a whole number from {SMALLEST} to {LARGEST} pixels."
        )
    _check_names("kind", choices.kind, KINDS, len(seeds))
    _check_names("print", choices.print, PRINTS, len(seeds))
    _check_cloth(choices, len(seeds))
    try:
        where = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"{device!r} names no device; wanted 'cpu' or 'cuda'.") from error
    if where.type not in CHUNK_PIXELS:
        raise ValueError(f"Garments are drawn on 'cpu' or 'cuda'; {device!r} was asked for.")
    if where.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("The device 'cuda' was asked for, but no GPU is to be had here; use device='cpu'.")
    return where


def _check_names(what: str, given: str | Sequence[str] | None, table: tuple[str, ...], count: int) -> None:
    if given is None:
        return
    names = [given] if isinstance(given, str) else list(given)
    if not isinstance(given, str) and len(names) != count:
        raise ValueError(
            f"{len(names)} {what}s were given for {count} garments; wanted one name for all or one for each."
        )
    for name in names:
        if name not in table:
            raise ValueError(f"There is no {what} called {name!r}; wanted one of: {', '.join(table)}.")


def _check_cloth(choices: Choices, count: int) -> None:
    if choices.cloth is not None:
        shape = tuple(choices.cloth.shape)
        if len(shape) != 4 or shape[1] != 3 or shape[0] not in (1, count) or min(shape[2:]) < 2:
            raise ValueError(
                f"The cloth is {shape}; wanted (1 or {count}, 3, height, width), at least 2 pixels each way."
            )
    for name in ("cloth_span_centimetres", "print_scale", "supersample"):
        value = getattr(choices, name)
        if not 0.05 <= value <= 500:
            raise ValueError(f"{name} is {value}; wanted a positive number of a sensible size, such as 1.")
