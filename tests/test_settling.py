"""When a run has converged: the band that a loss stays in, in the one loop and after a resume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import Shapes

from training.recipe import Phase
from training.run import RunFolder
from training.settling import UNKNOWN, Settling
from training.spec import RunSpec, write_request
from training.trainer import Trainer


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tell(settling: Settling, losses: list[float], first: int = 0) -> list[float]:
    return [float(settling.note(first + at, torch.tensor(loss))) for at, loss in enumerate(losses)]


def test_a_loss_that_falls_is_restless_and_one_that_stays_in_its_band_is_not() -> None:
    falling = tell(Settling(4, 3), [10.0 * 0.9**step for step in range(40)])
    assert falling[:12] == [UNKNOWN] * 12
    assert min(falling) > 0.3
    noisy = [3.0 + 0.06 * (-1) ** step for step in range(40)]
    assert tell(Settling(4, 3), noisy)[-1] < 0.01
    jumping = tell(Settling(4, 3), [3.0] * 20 + [4.0] * 20)
    assert jumping[19] == 0
    assert max(jumping[24:]) > 0.2
    assert jumping[-1] == 0


def test_what_it_remembers_travels_with_the_training_state() -> None:
    losses = [5.0 - 0.1 * step for step in range(30)]
    whole, first, second = Settling(3), Settling(3), Settling(3)
    told = tell(whole, losses)
    tell(first, losses[:17])
    second.load_state_dict(first.state_dict())
    assert tell(second, losses[17:], 17) == told[17:]


def test_a_band_of_no_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="two reports"):
        Settling(0)


class Settled(Shapes):
    """The tests' own system, told how restless it is; it learns nothing, so it is calm from the first full band on."""

    def __init__(self, request: RunSpec) -> None:
        super().__init__(replace(request, options={"rate": 0.0}))
        self.settling = self.modules["settling"] = Settling(4, 3)
        self.phases = (Phase("net", ("net",), 0.0),)

    def losses(self, phase: Phase, batch: dict[str, torch.Tensor], step: int) -> dict[str, Any]:
        terms = super().losses(phase, batch, step)
        return {**terms, "restless": self.settling.note(step, torch.stack(list(terms.values())).sum())}


def test_a_run_ends_once_its_loss_stays_in_the_band_and_not_before(tmp_path: Path) -> None:
    for band, ends in ((0.2, True), (1e-9, False)):
        folder = tmp_path / str(band)
        request = RunSpec("tiny", "shapes", preset="tiny", steps=70, stop_below={"restless": band}, save_every=1000)
        write_request(folder, request)
        trainer = Trainer(Settled(request), RunFolder(folder), torch.device("cpu"))
        assert trainer.run() == "done"
        assert (trainer.step < 70) == ends
        assert trainer.step >= 12
