"""Rank correlations between measures, against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from senet_viz.errors import ArgumentError
from senet_viz.stats.tables import correlate_measures


@pytest.fixture
def table() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    first = generator.normal(size=40)
    return pd.DataFrame(
        {
            "omega_squared": first,
            "between_sd": np.round(first + generator.normal(size=40), 1),  # with ties
            "auc": np.where(np.arange(40) < 5, np.nan, -np.exp(first)),
            "d_prime": np.full(40, 0.5),
        }
    )


def test_rho_is_scipys_on_channels_that_have_both(table: pd.DataFrame) -> None:
    found = correlate_measures(table, ["omega_squared", "between_sd", "auc"])
    assert found.values[0, 1] == pytest.approx(stats.spearmanr(table["omega_squared"], table["between_sd"]).statistic)
    assert found.values[0, 2] == pytest.approx(-1)
    assert found.channels[0, 2] == 35
    np.testing.assert_array_equal(found.values, found.values.T)
    np.testing.assert_allclose(np.diag(found.values), 1)
    assert found.table()["channels"].tolist() == [40, 35, 35]


def test_what_does_not_vary_or_is_too_few_has_none(table: pd.DataFrame) -> None:
    found = correlate_measures(table, ["omega_squared", "d_prime"])
    assert np.isnan(found.values[0, 1])
    assert np.isnan(correlate_measures(table[:2], ["omega_squared", "between_sd"]).values).all()


def test_a_missing_measure_is_named(table: pd.DataFrame) -> None:
    with pytest.raises(ArgumentError, match="'information'"):
        correlate_measures(table, ["omega_squared", "information"])
