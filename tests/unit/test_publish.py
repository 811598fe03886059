"""Tables to publish: rounding to the error, missing values, and reading back."""

import doctest

import numpy as np
import pytest
from astropy.table import Table

from discatlas import publish
from discatlas.contracts import load_contract

ROUNDED = [
    ((231.2345, 1.234), r"$231.2 \pm 1.2$"),
    ((231.2345, 12.34), r"$231 \pm 12$"),
    ((-0.06789, 0.00123), r"$-0.0679 \pm 0.0012$"),
    ((15.0, 1.25, 2.5), r"$15.0_{-1.2}^{+2.5}$"),
    ((0.0, 0.0, 4.2), r"$0.0_{-0.0}^{+4.2}$"),
    ((np.nan, 1.0), r"\dots"),
]


@pytest.mark.parametrize(("arguments", "expected"), ROUNDED)
def test_values_are_rounded_to_two_digits_of_their_error(arguments, expected):
    assert publish.with_error(*arguments) == expected


@pytest.fixture
def profile():
    names = load_contract("map").expand(a=["R_kpc"], q=["v_phi_kms", "feh_dex"]).names
    columns = {name: np.array([1.0, 2.0, np.nan]) for name in names}
    columns |= {"cell": np.arange(3), "n_stars": np.array([6, 1234, 2]), "R_mean_kpc": np.array([7.1234, 8.0, 9.0])}
    return columns


def test_csv_reads_back(profile):
    back = Table.read(publish.to_csv(profile), format="ascii.csv")
    assert back.colnames == list(profile)
    assert back["n_stars"].tolist() == [6, 1234, 2]
    assert back["R_mean_kpc"][0] == pytest.approx(7.1234)
    assert back["v_phi_ml_mean_kms"].mask.tolist() == [False, False, True]


def test_latex_has_a_row_for_each_bin_and_units(profile):
    text = publish.profile_latex(profile, "R_kpc", ["v_phi_kms", "feh_dex"], "Hunt & Reffert, 5 %.")
    lines = text.splitlines()
    assert r"\caption{Hunt \& Reffert, 5 \%.}" in text
    assert lines[3].count("&") == lines[4].count("&") == 5
    assert "[kpc]" in lines[4]
    assert r"km\,s$^{-1}$" in lines[4]
    assert "[dex]" in lines[4]
    assert lines[5].startswith(r"7.123 & 6 & $1.0 \pm 1.0$")
    assert lines[7].count(r"\dots") == 4


def test_doctests():
    assert doctest.testmod(publish).failed == 0
