"""Tables of stars in common: counts, shares, chance, and the LaTeX table."""

import numpy as np
import polars as pl
import pytest
from astropy.table import Table

import tabulate_overlaps
from discatlas.errors import DiscatlasError
from discatlas.overlaps import overlaps_latex
from discatlas.tables import read_columns, read_provenance


def table(path, stars):
    """Stars are whole numbers: each has its own place, a minute of arc from the next."""
    stars = np.asarray(stars)
    place = {"ra": 10 + stars / 60, "dec": np.zeros(stars.size)}
    pl.DataFrame({"source_id": stars + len(path.name)} | place).write_parquet(path)
    return path


def overlap(folder, rows, columns, **setting):
    files = {"table": folder / "o.parquet", "csv": folder / "o.csv", "tex": folder / "o.tex"}
    setting = {"radius_arcsec": 1.0, "epoch_yr": 2016.0, "shift_arcsec": 20.0, "title": "Stars & more"} | setting
    tabulate_overlaps.run(rows=rows, columns=columns, **files, **setting, threads=1)
    return read_columns(folder / "o.parquet")


@pytest.fixture
def tables(tmp_path):
    stars = {"hss": range(100), "known": range(80, 120), "known_m": range(90, 110), "far": range(500, 510)}
    return {name: table(tmp_path / name, ids) for name, ids in stars.items()}


def test_counts_and_shares_of_every_pair(tmp_path, tables):
    rows = [("OB_stars", tables["known"], 2016.0), ("OB_stars M", tables["known_m"], 2016.0)]
    columns = [("HSS", tables["hss"], 2016.0), ("OB_stars", tables["known"], 2016.0), ("far", tables["far"], 2016.0)]
    found = overlap(tmp_path, rows, columns)
    assert found["row"].tolist() == ["OB_stars"] * 3 + ["OB_stars M"] * 3
    assert found["column"].tolist() == ["HSS", "OB_stars", "far"] * 2
    assert found["n_common"].tolist() == [20, 40, 0, 10, 20, 0]
    assert found["n_row"].tolist() == [40] * 3 + [20] * 3
    assert found["n_column"].tolist() == [100, 40, 10] * 2
    assert found["n_chance"].tolist() == [0.0] * 6
    np.testing.assert_allclose(found["share_row"], [0.5, 1, 0, 0.5, 1, 0])
    np.testing.assert_allclose(found["share_column"], [0.2, 1, 0, 0.1, 0.5, 0])
    assert read_provenance(tmp_path / "o.parquet")["columns"]["HSS"]["counts"]["stars"] == 100
    back = Table.read((tmp_path / "o.csv").read_text(), format="ascii.csv")
    assert back["n_common"].tolist() == found["n_common"].tolist()
    lines = (tmp_path / "o.tex").read_text().splitlines()
    assert r"\caption{Stars \& more}" in lines
    assert r"catalogue & HSS & OB\_stars & far \\" in lines
    assert r" & $N = 100$ & $N = 40$ & $N = 10$ \\" in lines
    assert r"OB\_stars, $N = 40$ & $20$ & $40$ & $0$ \\" in lines


def test_shifts_as_long_as_the_spacing_meet_the_next_star(tmp_path, tables):
    """A shift of 60 arcsec to the east or the west meets the neighbours, the other two meet nothing: half of all but one."""
    found = overlap(tmp_path, [("a", tables["hss"], 2016.0)], [("b", tables["hss"], 2016.0)], shift_arcsec=60.0)
    assert found["n_chance"].tolist() == [99 * 2 / 4]


def test_only_the_nearest_of_several_is_in_common(tmp_path):
    near = {"source_id": [1, 2], "ra": [50.0, 50.0 + 0.5 / 3600], "dec": [0.0, 0.0]}
    pl.DataFrame(near).write_parquet(tmp_path / "two")
    pl.DataFrame({name: values[:1] for name, values in near.items()}).write_parquet(tmp_path / "one")
    found = overlap(tmp_path, [("two", tmp_path / "two", 2016.0)], [("one", tmp_path / "one", 2016.0)])
    assert found["n_common"].tolist() == [1]


def test_thousands_are_set_apart():
    columns = {"row": ["a"], "column": ["b"], "n_row": [1234], "n_column": [1234567], "n_common": [1001]}
    text = overlaps_latex(columns, "")
    for number in (r"a, $N = 1\,234$", r"$N = 1\,234\,567$", r"$1\,001$"):
        assert number in text


def test_titles_must_differ(tmp_path, tables):
    twice = [("a", tables["hss"], 2016.0), ("a", tables["known"], 2016.0)]
    with pytest.raises(DiscatlasError, match=r"columns are .*each title once"):
        overlap(tmp_path, twice[:1], twice)
    with pytest.raises(DiscatlasError, match="rows are"):
        overlap(tmp_path, [], twice[:1])
