"""Labels, colour limits and colour maps."""

import matplotlib as mpl
import numpy as np
import pytest

from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting import labels, limits, style


def test_labels_have_symbols_and_units():
    assert labels.axis_label("X_kpc") == "$X$ [kpc]"
    assert labels.mean_label("v_R_kms") == r"$\langle v_R \rangle$ [km s$^{-1}$]"
    assert labels.dispersion_label("v_phi_kms") == r"$\sigma_{\varphi}$ [km s$^{-1}$]"
    assert labels.axis_label("L_z_kpc_kms") == "$L_Z$ [kpc km s$^{-1}$]"
    assert labels.mean_label("feh_dex") == r"$\langle [\mathrm{Fe/H}] \rangle$ [dex]"


def test_unknown_columns_keep_their_name_and_the_unit_of_the_contract():
    assert labels.axis_label("my_index_mag") == r"$\mathrm{my\_index}$ [mag]"
    assert labels.column_unit("parallax") == load_contract("catalogue").column("parallax").unit == "mas"
    assert labels.axis_label("chi") == r"$\mathrm{chi}$"
    assert labels.axis_label("chi") in labels.dimensionless_labels("chi")
    assert labels.unit_label("1 / um") == r"$\mathrm{\mu m^{-1}}$"


def test_colour_limits_hold_the_stated_share_however_few_the_cells():
    rng = np.random.default_rng(1)
    for n in (3, 10, 49, 100, 2500):
        values = rng.standard_t(2, size=n)
        low, high = limits.central_range(values, 98.0)
        assert np.mean((values < low) | (values > high)) <= 0.02
        norm = limits.linear_norm(values, 98.0, centred=True)
        assert norm.vmin == -norm.vmax
        assert np.mean(np.abs(values) > norm.vmax) <= 0.02


def test_colour_limits_of_odd_data():
    assert limits.central_range(np.array([np.nan])) == (0.0, 1.0)
    assert limits.central_range(np.array([10.0, 10.0])) == (9.5, 10.5)
    with pytest.raises(DiscatlasError, match="percentile 90: expected 96 to 100"):
        limits.central_range(np.arange(5.0), 90)
    assert limits.extension(np.array([-2.0, 0.0]), mpl.colors.Normalize(-1, 1)) == "min"


def to_lab(srgb):
    """CIE L*a*b* (D65), after the definitions of IEC 61966-2-1 and CIE 15."""
    linear = np.where(srgb > 0.04045, ((srgb + 0.055) / 1.055) ** 2.4, srgb / 12.92)
    matrix = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    f = np.cbrt(linear @ np.transpose(matrix) / [0.95047, 1.0, 1.08883])
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def test_diverging_map_is_even_and_balanced():
    lab = to_lab(style.diverging_map().colors)
    half = len(lab) // 2
    assert lab[half, 0] == lab[:, 0].max() == pytest.approx(94, abs=0.1)
    assert np.max(np.abs(lab[:, 0] - lab[::-1, 0])) < 0.3  # both signs weigh the same
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.35  # equal steps of the data are equal steps to the eye
    assert lab[0, 2] < -20 and lab[-1, 1] > 20  # blue is negative, red positive
    assert np.linalg.norm(lab[half] - [100, 0, 0]) > 10  # zero is not the white of an empty cell
