"""Spectral classes and the cells of the Kiel diagram: limits, groups, cuts of the background, missing values."""

import json

import numpy as np
import polars as pl
import pytest
from astropy.table import Table

import tabulate_spectral_classes
from discatlas.errors import DiscatlasError
from discatlas.spectral_classes import CLASSES, class_counts
from discatlas.tables import read_columns

CUTS = [
    {"name": "precision", "expression": "parallax > 0 and parallax_error / parallax < 0.2"},
    {"name": "hot", "expression": "teff_K > 10000"},
    {"name": "near", "expression": "distance_kpc < 5 and parallax > 0"},
    {"name": "dwarfs", "expression": "ruwe < 1.4 and logg_dex > 2"},
]


def test_limits_belong_to_the_hotter_class_and_every_star_has_one():
    limits = [31_900, 17_000, 10_400, 7_400, 6_050]
    assert class_counts(np.array(limits, float)).tolist() == [1, 1, 1, 1, 1, 0]
    assert class_counts(np.array(limits, float) - 1e-6).tolist() == [0, 1, 1, 1, 1, 1]
    teff = np.append(np.random.default_rng(1).uniform(0, 60_000, 1000), [np.nan, 0.0])
    counts = class_counts(teff)
    assert counts.sum() == 1001
    for spectral, n in zip(CLASSES, counts, strict=True):
        assert n == np.sum((teff >= spectral.teff_min_K) & (teff < spectral.teff_max_K))
    assert class_counts(np.empty(0)).tolist() == [0] * 6


def made_catalogue(path, n=3000):
    rng = np.random.default_rng(2)
    frame = pl.DataFrame(
        {
            "source_id": np.arange(n),
            "teff_K": 10 ** rng.normal(4.05, 0.15, n),
            "logg_dex": rng.normal(4.0, 0.3, n),
            "parallax": rng.normal(0.5, 0.3, n),
            "parallax_error": np.full(n, 0.05),
            "ruwe": np.full(n, 2.0),
        }
    )
    frame = frame.with_columns(
        teff_K=pl.when(pl.col("source_id") % 10 == 0).then(None).otherwise("teff_K"),
        logg_dex=pl.when(pl.col("source_id") % 15 == 1).then(None).otherwise("logg_dex"),
    )
    frame.write_parquet(path)
    return frame


def tabulate(folder, sample, background, **setting):
    names = {"classes": "c.parquet", "kiel": "k.parquet", "csv": "c.csv", "tex": "c.tex", "summary": "c.json"}
    setting = {"cuts": CUTS, "log_teff_bin_dex": 0.01, "logg_bin_dex": 0.04, "published": None} | setting
    files = {name: folder / file for name, file in names.items()}
    words = {"title": "hot & young stars", "background_title": "targets"}
    tabulate_spectral_classes.run(sample=sample, background=background, **files, **words, **setting)
    return read_columns(files["classes"]), read_columns(files["kiel"]), json.loads(files["summary"].read_text())


def test_both_groups_are_counted_with_the_cuts_that_let_temperature_free(tmp_path):
    frame = made_catalogue(tmp_path / "all.parquet")
    good = frame.filter((pl.col("parallax") > 0) & (pl.col("parallax_error") / pl.col("parallax") < 0.2))
    hot = good.filter((pl.col("teff_K") > 10_000) & (pl.col("logg_dex") > 2))
    hot.with_columns(distance_kpc=1.0).write_parquet(tmp_path / "hot.parquet")
    published = {"A": 33_309, "O": 213}
    table, cells, record = tabulate(tmp_path, tmp_path / "hot.parquet", tmp_path / "all.parquet", published=published)
    for group, stars in (("sample", hot), ("background", good)):
        mine = table["group"] == group
        np.testing.assert_array_equal(table["n_stars"][mine], class_counts(stars["teff_K"].drop_nulls().to_numpy()))
        assert table["share"][mine].sum() == pytest.approx(1.0)
        both = stars.drop_nulls(["teff_K", "logg_dex"])
        here = cells["group"] == group
        assert cells["n_stars"][here].sum() == both.height
        # one cell against a count of its own
        k = np.flatnonzero(here)[np.argmax(cells["n_stars"][here])]
        log_teff, logg = np.log10(both["teff_K"].to_numpy()), both["logg_dex"].to_numpy()
        inside = (log_teff >= cells["log_teff_low_dex"][k]) & (log_teff < cells["log_teff_high_dex"][k])
        inside &= (logg >= cells["logg_low_dex"][k]) & (logg < cells["logg_high_dex"][k])
        assert inside.sum() == cells["n_stars"][k]
    assert record["cuts_left_out"] == ["hot", "near", "dwarfs"]
    assert record["cuts_of_background"] == [CUTS[0]["expression"]]
    counts = record["n_stars"]["background"]
    assert counts["rows"] == 3000
    assert counts["stars"] == good.height
    assert counts["without_temperature"] == good["teff_K"].null_count()
    assert counts["without_both"] == good.height - good.drop_nulls(["teff_K", "logg_dex"]).height
    back = Table.read((tmp_path / "c.csv").read_text(), format="ascii.csv")
    assert back["n_stars"].tolist() == table["n_stars"].tolist()
    assert back["teff_min_K"].mask.tolist() == ([False] * 5 + [True]) * 2
    tex = (tmp_path / "c.tex").read_text()
    assert r"Spectral classes of the hot \& young stars." in tex
    assert r"33\,309" in tex
    assert tex.count("B9 to B3") == 1


def test_sample_alone(tmp_path):
    made_catalogue(tmp_path / "all.parquet")
    table, cells, record = tabulate(tmp_path, tmp_path / "all.parquet", None)
    assert set(table["group"]) == set(cells["group"]) == {"sample"}
    assert record["cuts_of_background"] == []
    assert np.isnan(table["n_published"]).all()


def test_errors_name_what_is_wrong(tmp_path):
    frame = made_catalogue(tmp_path / "all.parquet")
    with pytest.raises(DiscatlasError, match=r"no class 'earlB' \(nearest: 'early B'\)"):
        tabulate(tmp_path, tmp_path / "all.parquet", None, published={"earlB": 3})
    frame.drop("logg_dex").write_parquet(tmp_path / "less.parquet")
    with pytest.raises(DiscatlasError, match="no column 'logg_dex'"):
        tabulate(tmp_path, tmp_path / "all.parquet", tmp_path / "less.parquet")
    frame.with_columns(teff_K=pl.lit(None, pl.Float64)).write_parquet(tmp_path / "cold.parquet")
    cuts = [{"name": "bright", "expression": "g_mag < 9"}]
    with pytest.raises(DiscatlasError, match="g_mag"):
        tabulate(tmp_path, tmp_path / "all.parquet", tmp_path / "all.parquet", cuts=cuts)
    with pytest.raises(DiscatlasError, match="none of 3,000 rows passes the cuts and has a temperature"):
        tabulate(tmp_path, tmp_path / "cold.parquet", None)
