"""Every page of a posterior of spiral modes passes the audit and shows what the tables hold; so do the tables to publish."""

import csv
import json

import numpy as np
import pytest
from matplotlib.colors import to_hex

import plot_spiral_posterior
import tabulate_spiral_posterior
from discatlas.bar_spirals.posterior_pages import POSTERIOR_PAGES
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting.audit import audit_figure, is_colour_bar
from discatlas.plotting.bar_posterior import DIMENSIONLESS, PosteriorFit, draw_posterior_page
from discatlas.tables import write_table

# name, unit, mean, standard deviation, prior
PARAMETERS = [
    ("amplitude_2_percent", "percent", 0.09, 0.02, [0.0, 0.2]),
    ("pitch_2_deg", "deg", 9.0, 1.2, [6.0, 30.0]),
    ("phase_2_deg", "deg", 3.0, 8.0, [0.0, 180.0]),
    ("Omega_2_kms_kpc", "km / (s kpc)", 12.6, 0.5, [10.0, 14.0]),
    ("amplitude_3_percent", "percent", 0.1, 0.03, [0.0, 0.2]),
    ("pitch_3_deg", "deg", 17.0, 3.0, [6.0, 30.0]),
    ("phase_3_deg", "deg", 88.0, 10.0, [0.0, 120.0]),
    ("Omega_3_kms_kpc", "km / (s kpc)", 17.0, 2.0, [10.0, 37.0]),
]
REFERENCES = {"pitch_2_deg": 8.1, "phase_2_deg": 178.0, "Omega_3_kms_kpc": 16.4}
ENDS = {"median": 50.0, "lo": 15.87, "hi": 84.13, "lo_95": 2.28, "hi_95": 97.72}


def made_draws(n=3000):
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(mean, sd, n) for name, _, mean, sd, _ in PARAMETERS}
    columns["Omega_3_kms_kpc"] += 1.5 * (columns["pitch_3_deg"] - 17.0) / 3.0
    columns["amplitude_3_percent"] = np.abs(columns["amplitude_3_percent"])
    return columns


def records(draws, shift=0.0):
    out = {}
    for name, unit, _, _, prior in PARAMETERS:
        values = draws[name] + shift
        out[name] = {
            "unit": unit,
            "prior": prior,
            "at_bound": [],
            "mean": float(values.mean()),
            "sd": float(values.std()),
        }
        out[name] |= {end: float(np.percentile(values, at)) for end, at in ENDS.items()}
    return out


def made_summary(draws):
    names = [row[0] for row in PARAMETERS]
    matrix = np.corrcoef([draws[name] for name in names])
    pairs = [
        {"x": names[i], "y": names[j], "correlation": float(matrix[i, j]), "slope": 1.0, "kept": 0.9}
        for i in range(8)
        for j in range(i + 1, 8)
    ]
    rounds = [{"round": k, "rms_kms": 2.0 / (k + 1), "rms_flatter_kms": 2.5 / (k + 1) if k else None} for k in range(5)]
    tied = records(draws, 0.1)
    del tied["amplitude_3_percent"]
    return {
        "parameters": records(draws),
        "variants": {"all_cells": {"parameters": records(draws, 0.3)}, "tied": {"parameters": tied}},
        "contrasts": {"contrast_2": {"lo": 0.1, "median": 0.15, "hi": 0.21}, "contrast_3": {"lo": 0.05, "median": 0.08, "hi": 0.1}},
        "degeneracies": sorted(pairs, key=lambda pair: -abs(pair["correlation"])),
        "fit": {"n_cells": 480, "rms_v_R_kms": 5.43, "rms_residual_kms": 4.32, "explained_variance": 0.21},
        "floor": {"mean_kms": 3.9, "mean_length_kpc": 1.2},
        "ln_evidence": -1234.5,
        "ln_likelihood_of": {"zero": -1250.0, "bar_only": -1248.0, "fit": -1240.0},
        "validation": {
            "n": 20, "emulator_rms_kms": 0.21, "n_full": 5, "bias_rms_kms": 0.07, "bias_rms_after_correction_kms": 0.03,
            "importance_effective_share": 0.93,
        },
        "rounds": rounds,
        "n_models": 1234,
        "settings": {"R_limits_kpc": [5.0, None], "target_rms_kms": 0.3},
    }  # fmt: skip


def made_map(counts=True):
    x, y = (
        values.ravel() for values in np.meshgrid(np.arange(4.0, 12.1, 0.5), np.arange(-4.0, 4.1, 0.5), indexing="ij")
    )
    rng, R = np.random.default_rng(1), np.hypot(x, y)
    model = 4 * np.cos(R)
    data = model + rng.normal(0, 3, R.size)
    sd = 0.5 + 0.1 * rng.random(R.size)
    columns = {"cell": np.arange(R.size), "X_kpc": -x, "Y_kpc": y, "R_kpc": R, "phi_deg": np.degrees(np.arctan2(y, x))}
    columns |= {"n_stars": rng.integers(30, 900, R.size)} if counts else {}
    return columns | {
        "used": R > 5.0, "is_node": np.arange(R.size) % 7 == 0, "v_R_kms": data, "error_kms": np.ones(R.size),
        "interpolation_kms": 0.1 * np.ones(R.size), "model_kms": model, "model_sd_kms": sd,
        "predictive_sd_kms": np.sqrt(sd**2 + 10), "residual_kms": data - model,
    }  # fmt: skip


def made_validation(n=20, k=12):
    rng = np.random.default_rng(2)
    coarse = rng.normal(2, 4, (n, k))
    full = np.full((n, k), np.nan)
    full[:5] = coarse[:5] + rng.normal(0, 0.05, (5, k))
    columns = {"model": np.repeat(np.arange(n), k), "node": np.tile(np.arange(k), n)}
    columns |= {"R_kpc": np.full(n * k, 8.0), "phi_deg": np.zeros(n * k)}
    emulated = coarse + rng.normal(0, 0.2, (n, k))
    return columns | {"emulated_kms": emulated.ravel(), "coarse_kms": coarse.ravel(), "full_kms": full.ravel()}


def make(**changes):
    draws = made_draws()
    parts = {
        "draws": draws, "predictive_map": made_map(), "validation": made_validation(), "summary": made_summary(draws),
        "references": REFERENCES, "fitted": {"pitch_2_deg": 9.5, "phase_2_deg": 175.0}, "R0_kpc": 8.275, "z_sun_kpc": 0.02,
        "title": "a made posterior", "objects": "giants", "percentile": 98.0, "where": "made.parquet",
    }  # fmt: skip
    return PosteriorFit(**parts | changes)


@pytest.fixture(scope="module")
def figures():
    return {page: draw_posterior_page(page, make()) for page in POSTERIOR_PAGES}


def words(figure):
    return " ".join(text.get_text() for text in figure.texts)


@pytest.mark.parametrize("page", POSTERIOR_PAGES)
def test_every_page_passes_the_audit(figures, page):
    assert audit_figure(figures[page], DIMENSIONLESS) == []
    assert max(figures[page].get_size_inches()) < 10.5
    for part in ("480 cells from R = 5 kpc", "3.9 km/s", "\N{MINUS SIGN}1234.5"):
        assert part in words(figures[page])


def test_angles_are_drawn_about_their_median(figures):
    """Published 178 deg and fitted 175 deg lie at -2 and -5 deg beside a posterior at 3 +- 8 deg."""
    n = len(PARAMETERS)
    panel = figures["corner"].axes[2 * n - n - (n - 1) + 0]  # the panels of the upper half are gone
    diagonal = [ax for ax in figures["corner"].axes if ax.get_title()][2]
    assert panel in figures["corner"].axes
    low, high = diagonal.get_xlim()
    assert -30 < low < -2
    assert high < 40
    at = {to_hex(line.get_color()): line.get_xdata()[0] for line in diagonal.lines}
    assert at["#0b6b3a"] == pytest.approx(-2.0)
    assert at["#b5321f"] == pytest.approx(-5.0)


def test_the_maps_hold_the_tables(figures):
    panels = [ax for ax in figures["maps"].axes if not is_colour_bar(ax)]
    chart = made_map()
    for panel, name in zip(
        panels, ("v_R_kms", "model_kms", "residual_kms", "model_sd_kms", "predictive_sd_kms"), strict=False
    ):
        values = [artist.get_array() for artist in panel.collections if artist.get_array() is not None][-1]
        np.testing.assert_allclose(np.sort(np.ma.compressed(values)), np.sort(chart[name]))
    assert len(panels) == 7
    without = draw_posterior_page("maps", make(predictive_map=made_map(counts=False)))
    assert len([ax for ax in without.axes if not is_colour_bar(ax)]) == 6
    assert audit_figure(without, DIMENSIONLESS) == []


def test_the_matrix_of_correlations(figures):
    panel = next(ax for ax in figures["degeneracies"].axes if not is_colour_bar(ax))
    texts = [text.get_text() for text in panel.texts]
    strongest = made_summary(made_draws())["degeneracies"][0]
    assert len(texts) == 8 * 7
    assert texts.count(f"{strongest['correlation']:.2f}".replace("-", "\N{MINUS SIGN}")) >= 2


def test_an_unknown_page_or_summary_is_refused():
    with pytest.raises(DiscatlasError, match="nearest: 'corner'"):
        draw_posterior_page("corners", make())
    with pytest.raises(DiscatlasError, match="no 'rounds'"):
        make(summary={k: v for k, v in made_summary(made_draws()).items() if k != "rounds"})


def test_the_scripts(tmp_path):
    draws = made_draws()
    table = {
        name: np.clip(values, *prior) for (name, _, _, _, prior), values in zip(PARAMETERS, draws.values(), strict=True)
    }
    n = len(draws["pitch_2_deg"])
    table |= {"floor_kms": np.ones(n), "floor_length_kpc": np.ones(n), "ln_likelihood": np.zeros(n)}
    files = {"draws": table, "predictive_map": made_map(), "validation": made_validation()}
    contracts = {
        "draws": "spiral_posterior",
        "predictive_map": "spiral_posterior_map",
        "validation": "spiral_validation",
    }
    paths = {name: tmp_path / f"{name}.parquet" for name in files} | {
        "summary": tmp_path / "s.json",
        "fit": tmp_path / "f.json",
    }
    for name, columns in files.items():
        write_table(paths[name], load_contract(contracts[name]), columns, {})
    paths["summary"].write_text(json.dumps(made_summary(draws)), encoding="utf-8")
    paths["fit"].write_text(json.dumps({"parameters": {"pitch_2_deg": {"best": 9.5}}}), encoding="utf-8")
    pages = ["degeneracies", "variants"]
    outputs = {kind: [tmp_path / f"{page}.{kind}" for page in pages] for kind in ("pdf", "png")}
    options = {"references": REFERENCES, "R0_kpc": 8.275, "z_sun_kpc": 0.02, "title": "made", "objects": "giants"}
    plot_spiral_posterior.run(**paths, **outputs, pages=pages, **options, percentile=98.0, dpi=50)
    assert all(path.stat().st_size > 1000 for path in (*outputs["pdf"], *outputs["png"]))
    tables = {"csv": tmp_path / "t.csv", "degeneracies": tmp_path / "d.csv", "tex": tmp_path / "t.tex"}
    tabulate_spiral_posterior.run(summary=paths["summary"], **tables, title="map of gaia_radial")
    rows = list(csv.DictReader(tables["csv"].read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 8 + 8 + 7
    assert float(rows[1]["median"]) == pytest.approx(np.median(draws["pitch_2_deg"]), rel=1e-4)
    pairs = list(csv.DictReader(tables["degeneracies"].read_text(encoding="utf-8").splitlines()))
    assert len(pairs) == 28
    text = tables["tex"].read_text(encoding="utf-8")
    assert r"gaia\_radial" in text
    assert r"$p_\mathrm{2}$" in text
