"""How the judges' own scores are found."""

import numpy as np
import pytest
import torch

from core.engine.attributes import INDEX, KEYS
from training.measure import Row
from training.measure_judge import _correlation, _mean_correlation
from training.measure_textedit import _Every


def test_a_group_in_which_nothing_varies_has_no_correlation_and_no_part_in_the_mean() -> None:
    pairs = np.stack((np.arange(6.0), 2 * np.arange(6.0)), 1)
    constant = np.stack((np.arange(6.0), np.ones(6)), 1)
    assert _correlation(pairs) == pytest.approx(1.0)
    assert np.isnan(_correlation(constant))
    assert _mean_correlation(np.stack((pairs, constant), 1).reshape(6, -1)) == pytest.approx(1.0)
    assert Row(constant, 0.0, "high", _correlation).score() is None
    assert Row(pairs, 0.0, "high", _correlation).score(np.array([True] * 3 + [False] * 3)) == pytest.approx(1.0)


def test_an_edit_seen_under_edits_of_other_attributes_is_chance() -> None:
    every = _Every()
    gone = torch.zeros(4, len(KEYS))
    gone[:, INDEX["beard"]] = torch.tensor([0.5, 0.5, 0.0, 0.0])
    every.add("hat", 1, gone)  # asking for a hat moved two beards of four up
    every.add("beard", 1, torch.zeros(3, len(KEYS)))
    every.add("beard", -1, torch.zeros(2, len(KEYS)))
    assert every.by_chance() == pytest.approx([0.0] * 4 + [0.5] * 3 + [0.0] * 2)
    alone = _Every()
    alone.add("hat", 1, gone)
    assert alone.by_chance() == [0.0] * 4
