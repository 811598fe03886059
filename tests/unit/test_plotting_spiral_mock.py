"""Figures of the spiral mock and of the reduction of a warm disc's response show what their tables hold."""

import numpy as np
import pytest

import plot_spiral_mock
import plot_spiral_reduction
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.frames import cylindrical_position
from discatlas.plotting import spiral_mock, spiral_reduction
from discatlas.plotting.audit import audit_figure, is_colour_bar
from discatlas.plotting.spiral_mock import draw_mock_figure, mock_cells, mock_facts
from discatlas.plotting.spiral_reduction import chosen_values, draw_reduction_figure
from discatlas.spiral_response import cored_frequencies, spiral_response
from discatlas.tables import write_table

MODEL = {"v_c_kms": 229.0, "core_kpc": 0.1, "R0_kpc": 8.122, "engine": "kernel", "amplitude": 0.1, "sigma_R_kms": 0.0}
MODEL |= {"n_particles": 4000, "n_outputs": 9, "growth_Gyr": 6.0}
MODEL["spiral"] = {"m": 2, "pattern_speed_kms_kpc": 12.0, "pitch_deg": 12.66, "surface_density_msun_kpc2": 6e6}
MODEL["spiral"] |= {"scale_length_kpc": 11.36, "scale_height_kpc": 1.0, "normalisation": "exponential"}
MODEL["spiral"] |= {"pivot_kpc": 11.36, "phase_deg": 0.0}


def facts():
    return mock_facts({"model": MODEL}, "annuli.parquet")


def made_particles(n=60_000):
    """Particles whose v_R is that of the linear response, all over the disc."""
    rng = np.random.default_rng(8)
    R, phi = np.sqrt(rng.uniform(6.0**2, 20.0**2, n)), rng.uniform(-180, 180, n)
    X, Y = -R * np.cos(np.radians(phi)), R * np.sin(np.radians(phi))
    v_R = spiral_response(facts().spiral, R, phi, *cored_frequencies(R, 229.0, 0.1)).v_R_kms
    return {"X_kpc": X, "Y_kpc": Y, "v_R_kms": v_R}


def made_annuli():
    R = np.arange(6.5, 20.0)
    near = np.abs(R - 12.3) < 0.9
    ratio = np.where(near, 1.2, 1.0 + 0.005 * np.sin(R))
    return {
        "R_kpc": R,
        "n": np.full(R.size, 4000),
        "amplitude_kms": 3.0 * ratio,
        "phase_deg": np.zeros(R.size),
        "model_amplitude_kms": np.full(R.size, 3.0),
        "model_phase_deg": np.zeros(R.size),
        "ratio": ratio,
        "phase_error_deg": np.where(near, -12.0, 0.2 * np.cos(R)),
        "valid": ~near,
        "sin_only_ratio": np.linspace(2.2, 1.1, R.size),
        "sin_only_phase_error_deg": np.linspace(62.0, 20.0, R.size),
    }


@pytest.fixture(scope="module")
def figure():
    return draw_mock_figure(made_annuli(), made_particles(), facts(), "a made mock", 96.0)


def panels(figure):
    return [ax for ax in figure.axes if not is_colour_bar(ax)]


def points(ax, marker, filled):
    shown = [line for line in ax.lines if line.get_marker() == marker]
    return next(line.get_xydata() for line in shown if (line.get_markerfacecolor() != "white") == filled)


def test_the_mock_passes_the_audit_with_trusted_annuli_filled_and_others_open(figure):
    assert audit_figure(figure, spiral_mock.DIMENSIONLESS) == []
    axes, annuli = panels(figure), made_annuli()
    assert len(axes) == 8
    valid, deviation = annuli["valid"], 100 * (annuli["ratio"] - 1)
    for ax, values in zip(axes, (annuli["ratio"], deviation, *2 * [annuli["phase_error_deg"]]), strict=False):
        np.testing.assert_allclose(points(ax, "o", filled=True)[:, 1], values[valid])
        np.testing.assert_allclose(points(ax, "o", filled=False)[:, 1], values[~valid])
        low, high = ax.get_ylim()
        assert low < values[valid].min() < values[valid].max() < high
    np.testing.assert_allclose(points(axes[0], "s", filled=True)[:, 1], annuli["sin_only_ratio"])
    assert len(axes[1].get_ylim()) == 2
    assert axes[1].get_ylim()[1] < 5.0  # enlarged: the annuli at the resonance are cut


def test_shaded_radii_are_those_near_the_resonances(figure):
    R = np.array([patch.get_extents().intervalx for patch in panels(figure)[0].patches])
    drift = 12.0 - 229.0 / np.hypot(R, 0.1)
    nu = 2 * drift / (np.sqrt(2 * (1 + 0.01 / (R**2 + 0.01))) * 229.0 / np.hypot(R, 0.1))
    spans = panels(figure)[0].patches
    boxes = np.sort([[patch.get_xy()[0], patch.get_xy()[0] + patch.get_width()] for patch in spans], axis=0)
    assert len(boxes) == len(nu) == 2  # ILR, cut at the edge, and 4:1
    flat = 229.0 / 12.0
    # |nu + 1/2| < 0.08 about R = (1 + nu/sqrt 2) v_c/Omega_p
    np.testing.assert_allclose(boxes[1], flat * (1 + np.array([-0.58, -0.42]) / np.sqrt(2)), atol=0.02)
    np.testing.assert_allclose(boxes[0], [6.0, flat * (1 - 0.85 / np.sqrt(2))], atol=0.02)


def test_maps_show_the_particles_the_response_and_no_difference_between_them(figure):
    mock, model, difference, sine = (
        np.ma.masked_invalid(ax.collections[0].get_array()).filled(np.nan) for ax in panels(figure)[4:]
    )
    assert np.isfinite(mock).sum() > 1000
    known = np.isfinite(mock)
    np.testing.assert_allclose(difference[known], (mock - model)[known])
    assert np.nanstd(difference) < 0.35 * np.nanstd(mock)  # cells are 0.7 kpc wide
    assert np.corrcoef(mock[known], model[known])[0, 1] > 0.95 > np.corrcoef(mock[known], sine[known])[0, 1]
    scales = [ax.collections[0].get_clim() for ax in panels(figure)[4:]]
    assert scales[0] == scales[1] == scales[3]


def test_cells_hold_the_means_of_their_particles():
    rng = np.random.default_rng(2)
    X, Y = rng.uniform(-10, 10, (2, 20_000))
    grid, mean, (x, y) = mock_cells({"X_kpc": X, "Y_kpc": Y, "v_R_kms": 2 * X - 3 * Y}, 10.0)
    known = np.isfinite(mean)
    assert known.all()
    assert np.abs(mean - (2 * x - 3 * y)).max() < 2.5 * grid.spacing_kpc[0]
    k = 137
    inside = (np.abs(X - x[k]) <= grid.spacing_kpc[0] / 2) & (np.abs(Y - y[k]) <= grid.spacing_kpc[0] / 2)
    assert mean[k] == pytest.approx(np.mean(2 * X[inside] - 3 * Y[inside]))


def test_facts_scale_the_amplitude_and_bad_tables_say_why():
    assert facts().spiral.surface_density_msun_kpc2 == pytest.approx(6e5)
    for provenance in ({}, {"model": {"spiral": MODEL["spiral"]}}):
        with pytest.raises(DiscatlasError, match=r"annuli.parquet: its provenance holds no spiral mock"):
            mock_facts(provenance, "annuli.parquet")
    none = {name: column[:0] for name, column in made_annuli().items()}
    with pytest.raises(DiscatlasError, match="no annulus, or no particle"):
        draw_mock_figure(none, made_particles(100), facts(), "", 96.0)


def made_reduction(n_speeds=5):
    """Factors that fall with the dispersion; a radius in the middle is on a resonance, where the factor is wild."""
    axes = np.meshgrid(
        [20.0, 35.0, 50.0], [8.0, 12.66, 20.0], np.linspace(4, 20, n_speeds), np.arange(5.0, 20.0, 2.0), indexing="ij"
    )
    sigma, pitch, speed, R = (axis.ravel() for axis in axes)
    valid = R != 13.0
    factor = np.where(valid, np.exp(-sigma / 60) * (1 - 0.01 * pitch) + 0.01 * R, 9.0)
    lead = np.where(valid, 40.0 - 2 * R, 150.0)
    return {
        "sigma_R_kms": sigma,
        "pitch_deg": pitch,
        "pattern_speed_kms_kpc": speed,
        "R_kpc": R,
        "sigma_R_local_kms": sigma,
        "factor": factor,
        "phase_lead_deg": lead,
        "factor_real": factor * np.cos(np.radians(lead)),
        "factor_imag": factor * np.sin(np.radians(lead)),
        "tight_winding_factor": np.where(R > 17.0, np.nan, np.exp(-sigma / 50)),
        "valid": valid,
    }


def test_the_reduction_passes_the_audit_with_gaps_at_resonances():
    table = made_reduction()
    figure = draw_reduction_figure(table, 13.0, "a made disc", "reduction.parquet")
    assert audit_figure(figure, spiral_reduction.DIMENSIONLESS) == []
    axes = panels(figure)
    assert len(axes) == 6
    assert "Pitch angle 12.66 deg" in " ".join(text.get_text() for text in figure.texts)
    line = next(line for line in axes[0].lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 8)
    rows = (table["sigma_R_kms"] == 20.0) & (table["pitch_deg"] == 12.66) & (table["pattern_speed_kms_kpc"] == 4.0)
    np.testing.assert_array_equal(line.get_ydata(), np.where(table["valid"], table["factor"], np.nan)[rows])
    assert axes[0].get_ylim()[1] < 2.0  # the wild one does not set the scale
    texts = [ax.texts[0].get_text() for ax in axes[:3]]
    assert all(f"= {speed}$" in text for speed, text in zip((4, 12, 20), texts, strict=True))
    middle = draw_reduction_figure(table, None, "", "reduction.parquet")
    assert "12.66" in " ".join(text.get_text() for text in middle.texts)


def test_some_of_many_values_are_chosen_evenly():
    assert chosen_values(np.array([3.0, 1.0, 3.0]), 3) == [1.0, 3.0]
    assert chosen_values(np.arange(9.0), 3) == [0.0, 4.0, 8.0]


def test_a_reduction_without_a_valid_radius_says_why():
    table = made_reduction() | {"valid": np.zeros(360, bool)}
    with pytest.raises(
        DiscatlasError, match=r"reduction.parquet: no radius away from the Lindblad resonances.*see R_kpc"
    ):
        draw_reduction_figure(table, None, "", "reduction.parquet")


def test_the_scripts_write_both_figures(tmp_path):
    stars = made_particles(3000)
    R, phi = cylindrical_position(stars["X_kpc"], stars["Y_kpc"])
    stars |= {"R_kpc": R, "phi_deg": phi, "v_phi_kms": 229.0 + 0 * R, "output": np.zeros(R.size, np.int32)}
    write_table(tmp_path / "mock.parquet", load_contract("spiral_mock"), stars, {"model": MODEL})
    write_table(tmp_path / "annuli.parquet", load_contract("spiral_mock_annuli"), made_annuli(), {"model": MODEL})
    write_table(tmp_path / "reduction.parquet", load_contract("spiral_reduction"), made_reduction(), {})
    files = {"pdf": tmp_path / "a.pdf", "png": tmp_path / "a.png"}
    tables = {"particles": tmp_path / "mock.parquet", "annuli": tmp_path / "annuli.parquet"}
    plot_spiral_mock.run(**tables, **files, title="t", percentile=96.0, dpi=50)
    first = files["png"].read_bytes()
    plot_spiral_reduction.run(reduction=tmp_path / "reduction.parquet", **files, pitch_deg=None, title="t", dpi=50)
    assert first != files["png"].read_bytes()
