"""The next batch is made while the present one is learned from: networks need not wait for pictures to be cut."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Batch = TypeVar("Batch")


class Ahead(Generic[Batch]):
    """A function of the step alone, with the step after the one asked for already under way in a thread."""

    def __init__(self, make: Callable[[int], Batch]) -> None:
        self._make = make
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="next-batch")
        self._next: tuple[int, Future[Batch]] | None = None

    def take(self, step: int) -> Batch:
        """What the function makes of this step."""
        if self._next is not None and self._next[0] == step:
            batch = self._next[1].result()
        else:
            batch = self._thread.submit(self._make, step).result()
        self._next = step + 1, self._thread.submit(self._make, step + 1)
        return batch
