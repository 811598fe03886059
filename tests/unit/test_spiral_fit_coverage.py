"""Coverage of the intervals of the spiral fit: stars of a linear response, windows that overlap, the fit.

The truths are drawn from the priors, so that right intervals cover them with exactly their nominal probability. The study is
that of the calibration (`discatlas.calibration.spiral_fit`), with fewer maps.
"""

import pytest

from discatlas.calibration import spiral_fit as study
from discatlas.calibration.coverage import join, summarise
from discatlas.calibration.study import Key
from discatlas.runtime import use_threads
from discatlas.streams import stream_generator

N_MAPS = 260


@pytest.fixture(scope="module")
def covered():
    """Intervals of smoothed maps, four of each: truths from the priors, stars, windows, bootstraps and the fit."""
    use_threads(1)
    rows = {}
    for k in range(N_MAPS):
        for key, found in study.draw(stream_generator(20260101, "test", f"map {k}"), ("pooled", "diagonal")).items():
            rows.setdefault(key, []).append(found)
    use_threads(2)
    return {key: join(parts) for key, parts in rows.items()}


def test_intervals_of_overlapping_windows_cover_what_they_must(covered):
    """More than 1,000 intervals; the binomial interval takes them as independent, the four of one map nearly are."""
    names = list(study.NAMES.values())
    pooled = [covered[Key("spiral fit, pooled", name)] for name in names]
    row = summarise(join(pooled))
    assert row["n_intervals"] == 4 * N_MAPS > 1000
    assert row["verdict"] == "pass", row
    for name, each in zip(names, pooled, strict=True):
        assert summarise(each)["verdict"] == "pass", name


def test_windows_taken_as_independent_fail(covered):
    for name in study.NAMES.values():
        row = summarise(covered[Key("spiral fit, diagonal", name)])
        assert row["verdict"] == "fail"
        assert row["coverage"] < 0.55
    density = summarise(covered[Key("spiral fit, diagonal", "surface density")])
    assert 0.3 < density["error_ratio"] < 0.6  # windows of 6.25 cells: 0.4


def test_errors_wrong_by_a_fifth_fail(covered):
    pooled = join([covered[Key("spiral fit, pooled", name)] for name in study.NAMES.values()])
    for factor in (0.8, 1.25):
        assert summarise(pooled.scaled(factor))["verdict"] == "fail"
