"""How the judges' own scores are found."""

import numpy as np
import pytest

from training.measure import Row
from training.measure_judge import _correlation, _mean_correlation


def test_a_group_in_which_nothing_varies_has_no_correlation_and_no_part_in_the_mean() -> None:
    pairs = np.stack((np.arange(6.0), 2 * np.arange(6.0)), 1)
    constant = np.stack((np.arange(6.0), np.ones(6)), 1)
    assert _correlation(pairs) == pytest.approx(1.0)
    assert np.isnan(_correlation(constant))
    assert _mean_correlation(np.stack((pairs, constant), 1).reshape(6, -1)) == pytest.approx(1.0)
    assert Row(constant, 0.0, "high", _correlation).score() is None
    assert Row(pairs, 0.0, "high", _correlation).score(np.array([True] * 3 + [False] * 3)) == pytest.approx(1.0)
