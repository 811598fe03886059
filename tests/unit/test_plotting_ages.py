"""Figures of ages: nothing is wrong with them, what they draw is in the tables, bad input."""

import numpy as np
import pytest

import plot_ages
import plot_cluster_ages
from discatlas.ages.grid import isochrone_lines
from discatlas.ages.posterior import log_age_prior, log_likelihood, normalise, summarise
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting import ages as figures
from discatlas.plotting.ages import AgeTables, draw_ages_figure, example_rows
from discatlas.plotting.audit import audit_figure, visible_texts
from discatlas.plotting.cluster_ages import draw_cluster_ages
from discatlas.streams import stream_generator
from discatlas.tables import write_table

NODES = np.round(np.arange(6.0, 9.01, 0.05), 9)
PROVENANCE = {
    "log_age": NODES.tolist(),
    "age_prior": "time",
    "observables": {"teff_K": {}, "logg_dex": {}},
    "metallicity": {"prior": "flat"},
    "imf_slope": 2.7,
    "grid": "lachesis",
}


def made_tables(n=500):
    rng = stream_generator(2, "test_plotting_ages")
    centre = rng.uniform(6.6, 8.2, n)
    sigma = rng.uniform(0.05, 0.4, n)
    likelihood = normalise(np.exp(-0.5 * ((NODES - centre[:, None]) / sigma[:, None]) ** 2), NODES).astype(np.float32)
    made = summarise(log_likelihood(likelihood), log_age_prior(NODES, "time"), NODES)
    ages = {f"log_age_{name}_dex": getattr(made, name) for name in ("p16", "p50", "p84", "mode")}
    ages |= {"log_age_dex": made.mean, "log_age_error_dex": 0.5 * (made.p84 - made.p16), "chi2_min": np.zeros(n)}
    flags = ("missing_input", "poor_fit", "at_young_edge", "at_old_edge", "unresolved", "metallicity_outside")
    is_poor = np.arange(n) % 10 == 0
    ages |= {f"is_{name}": np.zeros(n, bool) for name in flags} | {"is_poor_fit": is_poor, "is_good": ~is_poor}
    ages |= {name: np.zeros(n) for name in ("M_Ks_mag", "M_Ks_error_mag", "A_Ks_mag")}
    ages |= {"n_observables": np.full(n, 2, np.int32), "missing": np.full(n, None, dtype=object)}
    teff = 10.0 ** (4.0 + 0.2 * (8.2 - centre)) * rng.lognormal(0.0, 0.1, n)
    return AgeTables(teff, rng.normal(3.9, 0.2, n), ages | {"source_id": np.arange(n)}, likelihood)


@pytest.fixture(scope="module")
def isochrones():
    ages = [6.5, 7.0, 7.5, 8.0]
    return dict(zip(ages, isochrone_lines("lachesis", None, ages, 0.0), strict=True))


@pytest.mark.parametrize("many", [100, 3000])
def test_ages_figure_is_sound_and_counts_its_stars(isochrones, many, monkeypatch):
    monkeypatch.setattr(figures, "MANY", many)
    figure = draw_ages_figure(made_tables(), PROVENANCE, isochrones, "Ages", "stars")
    assert audit_figure(figure) == []
    texts = " ".join(text.get_text() for text in visible_texts(figure))
    assert "500 stars" in texts
    assert "450 of them without a flag" in texts
    assert "7.5" in texts


def test_distribution_is_the_sum_of_the_posteriors(isochrones):
    tables = made_tables()
    figure = draw_ages_figure(tables, PROVENANCE, {}, "Ages")
    (line,) = [line for ax in figure.axes for line in ax.lines if line.get_label() == "sum of posteriors"]
    x, y = line.get_data()
    assert np.trapezoid(y, x) == pytest.approx(450, rel=1e-3)


def test_examples_stand_at_the_percentiles_of_the_errors():
    error = np.arange(201.0)
    good = error != 10.0
    np.testing.assert_array_equal(error[example_rows(error, good)], [11.0, 101.0, 190.0])


def test_no_good_star_is_an_error(isochrones):
    tables = made_tables(20)
    tables.ages["is_good"][:] = False
    with pytest.raises(DiscatlasError, match="none of 20 stars has an age"):
        draw_ages_figure(tables, PROVENANCE, isochrones, "Ages")


def test_script_draws_both_files(tmp_path):
    tables = made_tables(200)
    ids = tables.ages["source_id"]
    sample = {"source_id": ids, "teff_K": tables.teff_K, "logg_dex": tables.logg_dex}
    write_table(tmp_path / "sample.parquet", load_contract("catalogue"), sample, {})
    write_table(tmp_path / "ages.parquet", load_contract("ages"), tables.ages, PROVENANCE)
    posteriors = {"source_id": ids, "likelihood": tables.likelihood}
    write_table(tmp_path / "posteriors.parquet", load_contract("age_posteriors"), posteriors, PROVENANCE)
    arguments = {name: tmp_path / f"{name}.parquet" for name in ("sample", "ages", "posteriors")}
    arguments |= {name: tmp_path / f"ages.{name}" for name in ("pdf", "png")}
    arguments |= {"grid_folder": None, "grid": "lachesis", "isochrone_log_ages": [7.0], "isochrone_feh_dex": 0.0}
    plot_ages.run(**arguments, title="Ages", objects="stars", dpi=60)
    assert (tmp_path / "ages.pdf").stat().st_size > 5000
    write_table(tmp_path / "sample.parquet", load_contract("catalogue"), sample | {"source_id": ids + 1}, {})
    with pytest.raises(DiscatlasError, match="not of the same stars"):
        plot_ages.run(**arguments, title="Ages", objects="stars", dpi=60)


def cluster_rows(n=25):
    rng = stream_generator(4, "test_plotting_ages")
    age = rng.uniform(6.8, 8.3, n)
    rows = {"cluster": np.array([f"C{k}" for k in range(n)], dtype=object), "n_matched": np.full(n, 40)}
    rows |= {"n_members": rng.integers(5, 40, n), "log_age_dex": age, "chi2_members": np.ones(n)}
    rows |= {f"log_age_p{p}_dex": age + shift for p, shift in ((16, -0.03), (50, 0.0), (84, 0.03))}
    rows |= {"log_age_error_dex": np.full(n, 0.03), "log_age_zari2025_error_dex": np.full(n, 0.03)}
    rows |= {"log_age_zari2025_dex": age + 0.05, "catalogue_log_age_dex": age + rng.normal(0, 0.15, n)}
    rows["catalogue_log_age_error_dex"] = np.where(np.arange(n) % 5 == 0, np.nan, 0.15)
    rows["catalogue_log_age_dex"][3] = np.nan
    return rows | {"deviation_dex": rows["log_age_p50_dex"] - rows["catalogue_log_age_dex"]}


def test_cluster_figure_is_sound(tmp_path):
    rows = cluster_rows()
    figure = draw_cluster_ages(rows, "Ages of clusters", "a catalogue")
    assert audit_figure(figure) == []
    texts = " ".join(text.get_text() for text in visible_texts(figure))
    assert "24 of 25 clusters" in texts
    assert "unknown for 5" in texts
    write_table(tmp_path / "clusters.parquet", load_contract("cluster_ages"), rows, {})
    pdf, png = (tmp_path / f"clusters.{kind}" for kind in ("pdf", "png"))
    plot_cluster_ages.run(
        table=tmp_path / "clusters.parquet", pdf=pdf, png=png, title="Ages", catalogue_title="a catalogue", dpi=60
    )
    assert png.stat().st_size > 5000
    with pytest.raises(DiscatlasError, match="the age of none of 25 clusters"):
        draw_cluster_ages(rows | {"catalogue_log_age_dex": np.full(25, np.nan)}, "t", "a catalogue")
    one = {name: column[:1] for name, column in rows.items()}
    assert audit_figure(draw_cluster_ages(one, "One", "a catalogue")) == []
