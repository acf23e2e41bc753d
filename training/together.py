"""Copies of a run that learn side by side, each on a processor core of its own and on pictures of its own; every few steps all
go on from the mean of their weights (local SGD, Stich 2019).

On a few cores it sees nearly as many times the pictures as there are copies: two threads in one copy gain a third at best.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, multiprocessing

from training.run import RunFolder

EVERY = 25
"""Steps between two meetings."""
PATIENCE_SECONDS = 3600.0
"""How long copies wait for one another: the first measures and saves meanwhile."""
APART = 7919
"""Seeds of copies differ by this."""


class LeftAlone(RuntimeError):
    """A copy that learned beside this one is gone."""


@dataclass
class Meeting:
    """Where copies meet; what is in here is shared among processes."""

    rows: Tensor
    """One for each copy, of all its weights."""
    told: Tensor
    """The first copy's step, and whether it goes on."""
    barrier: Any
    place: int = 0
    """Whose view this is."""

    @torch.no_grad()
    def meet(
        self, weights: Sequence[Tensor], step: int = 0, goes_on: bool = True, only_first: bool = False
    ) -> tuple[int, bool]:
        """Everybody's weights become their mean, or those of the first copy; what that says comes back."""
        self.rows[self.place].copy_(torch.cat([one.detach().flatten() for one in weights]))
        if self.place == 0:
            self.told.copy_(torch.tensor([step, int(goes_on)]))
        self._wait()
        parts = (self.rows[0] if only_first else self.rows.mean(0)).split([one.numel() for one in weights])
        for one, part in zip(weights, parts, strict=True):
            one.copy_(part.view(one.shape))
        said = int(self.told[0]), bool(self.told[1])
        self._wait()  # nobody writes before all have read
        return said

    def _wait(self) -> None:
        try:
            self.barrier.wait(PATIENCE_SECONDS)
        except threading.BrokenBarrierError as error:
            raise LeftAlone(
                "A copy that learned beside this one has ended; what was saved is kept. Go on with the run, or start it "
                "without the option copies."
            ) from error


class Copies:
    """The other copies of a run, as its first one sees them."""

    def __init__(self, folder: Path, count: int, weights: Sequence[Tensor]) -> None:
        context = multiprocessing.get_context("spawn")
        rows = torch.zeros(count, sum(one.numel() for one in weights)).share_memory_()
        self.meeting = Meeting(rows, torch.zeros(2, dtype=torch.int64).share_memory_(), context.Barrier(count))
        others = [replace(self.meeting, place=place) for place in range(1, count)]
        self._processes = [context.Process(target=learn_beside, args=(folder, other), daemon=True) for other in others]
        for process in self._processes:
            process.start()
            threading.Thread(target=self._watch, args=(process,), daemon=True).start()

    def _watch(self, process: Any) -> None:
        """Nobody waits for a copy that was killed."""
        process.join()
        if process.exitcode != 0:
            self.meeting.barrier.abort()

    def dismiss(self) -> None:
        """No copy is left when this returns."""
        self.meeting.barrier.abort()
        for process in self._processes:
            process.join(5)
            process.kill()


def learn_beside(folder: Path, meeting: Meeting) -> None:
    """What another process does: the steps of the folder's run on pictures of its own. It writes nothing."""
    from training.__main__ import make_recipe
    from training.trainer import Trainer

    threading.Thread(target=_leave_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    run = RunFolder(folder)
    run.request = replace(run.request, seed=run.request.seed + APART * meeting.place)
    try:
        trainer = Trainer(make_recipe(run.request), run, torch.device("cpu"))
        trainer.learn_beside(meeting)
    except LeftAlone:
        return
    except BaseException:
        meeting.barrier.abort()
        raise


def _leave_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
