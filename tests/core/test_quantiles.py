"""Quantiles of the normal and of Student's t distribution."""

from __future__ import annotations

import pytest

from brickprof.core.quantiles import normal_quantile, t_quantile


@pytest.mark.parametrize(
    ("p", "degrees", "value"),
    [  # NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
        (0.975, 1, 12.706),
        (0.975, 2, 4.303),
        (0.975, 3, 3.182),
        (0.975, 4, 2.776),
        (0.95, 5, 2.015),
        (0.999, 7, 4.785),
        (0.99, 30, 2.457),
        (0.995, 100, 2.626),
    ],
)
def test_t_is_that_of_tables(p: float, degrees: int, value: float) -> None:
    assert t_quantile(p, degrees) == pytest.approx(value, abs=0.002)


def test_t_of_many_samples_is_normal() -> None:
    assert normal_quantile(0.975) == pytest.approx(1.95996, abs=1e-5)
    assert t_quantile(0.975, 1000) == pytest.approx(normal_quantile(0.975), abs=0.003)
    assert t_quantile(0.5, 3) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("p", [0.49, 1.0, -1.0])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="p must be at least"):
        t_quantile(p, 3)
    with pytest.raises(ValueError, match="p must be between"):
        normal_quantile(1.0)
    with pytest.raises(ValueError, match="degrees must be"):
        t_quantile(0.9, 0)
