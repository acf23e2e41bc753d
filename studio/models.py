"""Predictors that pages use: loaded once, shared, replaced when a checkpoint is published, kept when a new one is broken."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core import checkpoints
from core.checkpoints import CheckpointBroken, CheckpointMismatch, Found

T = TypeVar("T")
KEPT = 8
"""Predictors in memory; the one unused for longest goes first."""


@dataclass
class _Slot:
    predictor: Any
    digest: str


class Models:
    """The predictors in memory. A predictor holds weights only, never anything of a visitor."""

    def __init__(self, kept: int = KEPT) -> None:
        self._slots: OrderedDict[tuple[str, str, tuple[Path, ...], str], _Slot] = OrderedDict()
        self._lock = threading.RLock()
        self._kept = kept
        self.trouble: dict[tuple[str, str], str] = {}
        """Subject and name -> why the newest weights could not be taken; the ones before stay in service."""

    def get(self, subject: str, name: str, roots: tuple[Path, ...], make: Callable[[Found], T], manner: str = "") -> T:
        """The predictor of the weights in service for these roots; of weights that are used in several manners, this one's."""
        key = (subject, name, roots, manner)
        with self._lock:
            slot = self._slots.get(key)
            try:
                found = checkpoints.find(subject, name, roots)
                digest = "".join(shard.sha256 for shard in found.card.shards) + str(found.folder)
                if slot is None or slot.digest != digest:
                    slot = _Slot(make(found), digest)
                self.trouble.pop((subject, name), None)
            except (CheckpointBroken, CheckpointMismatch, OSError) as error:
                self.trouble[subject, name] = str(error)
                if slot is None:
                    slot = self._fall_back(subject, name, roots, make, error)
            self._slots[key] = slot
            self._slots.move_to_end(key)
            while len(self._slots) > self._kept:
                self._slots.popitem(last=False)
            return slot.predictor

    def forget(self, subject: str | None = None) -> None:
        """Give memory back: the predictors of a subject, or all."""
        with self._lock:
            for key in [key for key in self._slots if subject in (None, key[0])]:
                del self._slots[key]

    def _fall_back(
        self, subject: str, name: str, roots: tuple[Path, ...], make: Callable[[Found], Any], error: Exception
    ) -> _Slot:
        """Nothing in memory and the newest is broken: an older version, or what ships, serves."""
        for root in roots:
            for found in reversed(checkpoints.versions(subject, name, root)):
                try:
                    return _Slot(make(found), "fallback")
                except (CheckpointBroken, CheckpointMismatch):
                    continue
            shipped = root / subject / name
            if (shipped / checkpoints.CARD).is_file():
                try:
                    return _Slot(make(Found(shipped, checkpoints.read_card(shipped), root)), "fallback")
                except (CheckpointBroken, CheckpointMismatch):
                    continue
        raise error
