"""Bolometric corrections and G_RVS: the Sun, Vega's colours, hot stars, bad tables."""

import numpy as np
import pytest
from pygaia.photometry.transformations import grvs_from_gmingrp

from discatlas.errors import DiscatlasError
from discatlas.photometry import (
    BANDS,
    absolute_magnitudes,
    grvs_magnitude,
    read_bolometric_corrections,
)
from discatlas.streams import stream_generator
from places import ROOT

CORRECTIONS = ROOT / "resources" / "mist_bolometric_corrections.csv"


@pytest.fixture(scope="module")
def corrections():
    return read_bolometric_corrections(CORRECTIONS)


def magnitudes(corrections, log_luminosity, teff, logg, feh):
    table, n_beyond = absolute_magnitudes(corrections, log_luminosity, teff, logg, feh)
    assert n_beyond == 0
    return {band: table[f"M_{band}_mag"] for band in BANDS}


def test_the_table_is_small_and_names_its_sources():
    text = CORRECTIONS.read_text(encoding="utf-8")
    assert text.startswith("#")
    assert "ApJ 823, 102" in text
    assert "MIT licence" in text
    assert CORRECTIONS.stat().st_size < 200_000


def test_the_sun(corrections):
    sun = magnitudes(corrections, 0.0, 5772.0, 4.438, 0.0)
    # Willmer 2018, ApJS 236, 47, Table 3: Gaia G 4.67, 2MASS J 3.67, H 3.32, Ks 3.27
    for band, published in (("G", 4.67), ("J", 3.67), ("H", 3.32), ("Ks", 3.27)):
        assert sun[band][0] == pytest.approx(published, abs=0.05)
    # Solar analogues have BP - RP = 0.818 +- 0.029 (Creevey et al. 2023, A&A 674, A39); MIST's Sun is bluer, 0.789
    assert abs(sun["BP"][0] - sun["RP"][0] - 0.818) < 2 * 0.029


def test_a_star_like_vega_has_no_colour(corrections):
    """Teff 9,550 K, log g 3.95, [Fe/H] -0.5 (Castelli & Kurucz 1994): the zero point of the system."""
    vega = magnitudes(corrections, 0.0, 9550.0, 3.95, -0.5)
    assert np.ptp([vega[band][0] for band in BANDS]) < 0.03


def test_a_b0_dwarf(corrections):
    """30,000 K, log L 4.6: blue, with a bolometric correction of about -2.9 in V and G (Pecaut & Mamajek 2013)."""
    hot = magnitudes(corrections, 4.6, 30000.0, 4.1, 0.0)
    assert hot["G"][0] == pytest.approx(4.74 - 2.5 * 4.6 + 2.85, abs=0.1)
    assert hot["BP"][0] - hot["RP"][0] == pytest.approx(-0.47, abs=0.05)
    assert hot["J"][0] - hot["Ks"][0] == pytest.approx(-0.22, abs=0.04)  # Pecaut & Mamajek 2013, Table 5: -0.23


def test_a_clump_giant(corrections):
    """The red clump has M_G 0.495 and M_Ks -1.606 (Ruiz-Dern et al. 2018, A&A 609, A116), so G - Ks = 2.10."""
    giant = magnitudes(corrections, 1.75, 4850.0, 2.45, 0.0)
    assert giant["G"][0] - giant["Ks"][0] == pytest.approx(2.10, abs=0.1)
    assert giant["Ks"][0] == pytest.approx(-1.61, abs=0.1)


def test_cooler_stars_are_redder(corrections):
    teff = np.geomspace(3500, 49_000, 400)
    stars = magnitudes(corrections, 0.0, teff, 4.5, 0.0)
    assert (np.diff(stars["BP"] - stars["RP"]) < 0).all()
    assert (np.diff(stars["G"] - stars["Ks"]) < 0).all()
    brighter = magnitudes(corrections, 1.0, teff, 4.5, 0.0)
    for band in BANDS:
        np.testing.assert_allclose(stars[band] - brighter[band], 2.5, rtol=0, atol=1e-12)


def test_interpolation_is_exact_on_nodes_and_linear_between(corrections):
    i, j, k = 2, 20, 9
    at = [
        axis[n]
        for axis, n in zip((corrections.feh_dex, corrections.log_teff, corrections.logg_dex), (i, j, k), strict=True)
    ]
    node = magnitudes(corrections, 0.0, 10 ** at[1], at[2], at[0])
    assert [4.74 - node[band][0] for band in BANDS] == pytest.approx(corrections.values[i, j, k], abs=1e-9)
    middle = magnitudes(corrections, 0.0, 10 ** at[1], at[2], at[0] + 0.25)
    expected = corrections.values[i : i + 2, j, k].mean(axis=0)
    assert [4.74 - middle[band][0] for band in BANDS] == pytest.approx(expected, abs=1e-9)


def test_stars_beyond_the_table_get_its_edge_and_are_counted(corrections):
    teff, logg, feh = [2000.0, 60_000.0, 5000.0, 5000.0, 5000.0], [4.5, 4.5, -0.9, 4.5, 4.5], [0.0, 0.0, 0.0, -2.0, 0.0]
    beyond, n_beyond = absolute_magnitudes(corrections, 0.0, teff, logg, feh)
    edge, n_edge = absolute_magnitudes(
        corrections,
        0.0,
        [2500.0, 50_000.0, 5000.0, 5000.0, 5000.0],
        [4.5, 4.5, -0.5, 4.5, 4.5],
        [0.0, 0.0, 0.0, -1.0, 0.0],
    )
    assert (n_beyond, n_edge) == (4, 0)
    for name, values in beyond.items():
        np.testing.assert_allclose(values, edge[name], rtol=0, atol=1e-12)
    missing, n_beyond = absolute_magnitudes(corrections, 0.0, [np.nan, 5000.0], 4.5, 0.0)
    assert np.isnan(missing["M_G_mag"]).tolist() == [True, False]
    assert n_beyond == 0


def test_grvs_is_that_of_pygaia_and_holds_beyond():
    G = stream_generator(1, "test_photometry").uniform(6, 16, 1000)
    colour = np.linspace(-0.15, 1.7, 1000)
    np.testing.assert_allclose(
        grvs_magnitude(G, G - colour), G - colour + grvs_from_gmingrp(colour), rtol=0, atol=1e-12
    )
    assert grvs_magnitude(10.0, 8.0) - 8.0 == pytest.approx(grvs_magnitude(10.0, 8.3) - 8.3, abs=1e-12)
    assert np.isnan(grvs_magnitude(10.0, np.nan))
    # the Sun has G - RP = 0.49 (G 4.67, RP 4.18): its G_RVS is brighter than RP by 0.2
    assert grvs_magnitude(4.67, 4.18) == pytest.approx(3.98, abs=0.02)


def test_bad_tables_say_what_is_wrong(tmp_path):
    with pytest.raises(DiscatlasError, match="no such file"):
        read_bolometric_corrections(tmp_path / "none.csv")
    lines = CORRECTIONS.read_text(encoding="utf-8").splitlines()
    head = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    n_nodes = len(lines) - head - 1
    path = tmp_path / "x.csv"
    for changed, message in (
        ([line.replace("BC_G_mag", "BC_g_mag") for line in lines], "no column 'BC_G_mag'"),
        (
            [*lines[: head + 1], lines[head + 1].replace("-2.6344", "bad"), *lines[head + 2 :]],
            "column 'BC_G_mag' holds 'bad', expected a number",
        ),
        (
            lines[:-1],
            f"{n_nodes - 1:,} rows for {n_nodes:,} nodes of feh_dex, teff_K, logg_dex; expected each node once",
        ),
        ([*lines, lines[-1]], f"{n_nodes + 1:,} rows for {n_nodes:,} nodes"),
        (lines[:head], "no column 'feh_dex'"),
    ):
        path.write_text("\n".join(changed), encoding="utf-8")
        with pytest.raises(DiscatlasError, match=message):
            read_bolometric_corrections(path)
