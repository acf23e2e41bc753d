"""Counter-based random numbers: each number is a hash of a seed and of where it is used.

There is no state, so every picture is a function of its seed alone, in any order and any batch, on CPU and CUDA alike
(integers exactly, floats to the last bit or two).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_WORD = 0xFFFFFFFF
_GOLDEN = 0x9E3779B9
"""Odd constant near 2**32 / golden ratio: keeps small counters from meeting small seeds."""


def stream(name: str) -> int:
    """A counter for a named use ("brow colour"), so that two uses never share their numbers."""
    word = 0x811C9DC5  # FNV-1a
    for byte in name.encode():
        word = ((word ^ byte) * 0x01000193) & _WORD
    return word


def scramble_integer(word: int) -> int:
    """32-bit finaliser (the two-multiply form found by Wellons' hash search, 2018)."""
    word ^= word >> 16
    word = (word * 0x7FEB352D) & _WORD
    word ^= word >> 15
    word = (word * 0x846CA68B) & _WORD
    return word ^ (word >> 16)


def hash_integers(seed: int, *counters: int) -> int:
    """The same 32-bit number as ``hash_words`` gives, for plain integers."""
    word = scramble_integer((seed & _WORD) ^ scramble_integer((seed >> 32) & _WORD))
    for counter in counters:
        word = scramble_integer((word * _GOLDEN + (counter & _WORD)) & _WORD)
    return word


def _scramble(word: Tensor) -> Tensor:
    word = word ^ (word >> 16)
    word = (word * 0x7FEB352D) & _WORD
    word = word ^ (word >> 15)
    word = (word * 0x846CA68B) & _WORD
    return word ^ (word >> 16)


def hash_words(seeds: Tensor, *counters: Tensor | int) -> Tensor:
    """Hash int64 seeds with counters (ints or int64 tensors; all broadcast) to int64 values in 0 .. 2**32 - 1."""
    assert seeds.dtype == torch.int64, f"seeds are {seeds.dtype}, wanted int64"
    word = _scramble((seeds & _WORD) ^ _scramble((seeds >> 32) & _WORD))
    for counter in counters:
        # int64 products wrap, which leaves the low 32 bits right
        word = _scramble((word * _GOLDEN + (counter & _WORD)) & _WORD)
    return word


def uniform(seeds: Tensor, *counters: Tensor | int) -> Tensor:
    """Float32 in [0, 1), 24 bits, of the broadcast shape of seeds and counters."""
    return (hash_words(seeds, *counters) >> 8).to(torch.float32) * (1.0 / (1 << 24))


def normal(seeds: Tensor, *counters: Tensor | int) -> Tensor:
    """Float32 standard normal (Box and Muller 1958)."""
    first = hash_words(seeds, *counters, 1)
    second = hash_words(seeds, *counters, 2)
    radius = torch.sqrt(-2.0 * torch.log(((first >> 8).to(torch.float32) + 0.5) * (1.0 / (1 << 24))))
    return radius * torch.cos((second >> 8).to(torch.float32) * (2.0 * math.pi / (1 << 24)))


def pick_integer(count: int, seed: int, *counters: int) -> int:
    """One of 0 .. count - 1."""
    return (hash_integers(seed, *counters) * count) >> 32
