"""An edit runs again what depends on it and nothing else: the exact set of rules, with the number of jobs."""

import os
from contextlib import contextmanager

import pytest
from harness import alone, overlay, planned

LIBRARY = "code/workflow/scripts/discatlas"
FIELD_PLOTS = {"plot_velocity_field": 1, "plot_rotation_curve": 1}
FIT = {"fit_velocity_field": 1, "fit_rotation_curve": 1, "check_velocity_field": 1, "check_atlas": 1} | FIELD_PLOTS
FIELD = {"bin_phase_space_cells": 1} | FIT  # of the analytic disc, which alone has one here
CURVE = {"fit_rotation_curve": 1, "plot_rotation_curve": 1}
ARM_PLOTS = {
    "plot_map": 8, "plot_azimuthal_variation": 1, "plot_metallicity_residual": 1, "plot_overdensity_comparison": 1,
    "plot_smoothed_map": 1,
}  # fmt: skip
SPIRAL_PLOTS = {"plot_spiral_response": 1, "plot_spiral_scan": 1}
ALL_PLOTS = (
    {"plot_cut_flow": 6, "plot_profile": 2, "plot_survey": 5, "plot_galaxy": 2, "plot_metallicity_gradient": 3}
    | {"plot_gradient_comparison": 1}
    | ARM_PLOTS
    | SPIRAL_PLOTS
    | FIELD_PLOTS
)
FROM_FILE = {"convert_phase_space": 1, "bin_map": 1, "plot_map": 1}
FROM_FILE_SAMPLE = {"clean_sample": 1, "plot_cut_flow": 1} | FROM_FILE
TRUTHS = {"check_truth": 4, "check_map_truth": 3, "check_gradient_truth": 2}
SURVEY = dict.fromkeys(("simulate_survey", "clean_catalogue", "clean_sample", "plot_cut_flow", "plot_survey"), 1)
# of the giants two gradients, of the hot stars one and the azimuthal variation, of the analytic disc the spiral
RESIDUALS = dict.fromkeys(
    ("predict_metallicity_residual", "plot_metallicity_residual", "compare_overdensity", "plot_overdensity_comparison"),
    1,
)
OF_GIANTS = (
    {
        "estimate_membership": 1,
        "fit_metallicity_gradient": 2,
        "plot_metallicity_gradient": 2,
        "plot_gradient_comparison": 1,
    }
    | {"tabulate_metallicity_gradient": 2, "check_metallicity_gradient": 1}
    | RESIDUALS
)
CHEMISTRY = (
    {
        "estimate_membership": 2,
        "fit_metallicity_gradient": 3,
        "plot_metallicity_gradient": 3,
        "plot_gradient_comparison": 1,
    }
    | {"tabulate_metallicity_gradient": 3, "check_metallicity_gradient": 2}
    | {"fit_azimuthal_variation": 1, "plot_azimuthal_variation": 1, "smooth_overdensity": 1}
    | RESIDUALS
)
SPIRAL_FITS = {"fit_spiral_response": 1, "fit_spiral_scan": 1, "predict_spiral_response": 1, "tabulate_spiral_scan": 1}
SPIRALS = {"smooth_map": 1, "plot_smoothed_map": 1} | SPIRAL_FITS | SPIRAL_PLOTS
FROM_APOGEE = (
    OF_GIANTS | SURVEY | {"convert_phase_space": 1, "bin_map": 2, "plot_map": 2, "check_truth": 1, "check_map_truth": 1}
)
FROM_ANALYTIC = (
    SPIRALS | SURVEY | {"convert_phase_space": 1, "bin_map": 1, "plot_map": 2, "check_mean_field": 2} | FIELD
)
FROM_MILKY_WAY = (
    dict.fromkeys((*SURVEY, "convert_phase_space"), 4)
    | {"simulate_galaxy": 1, "plot_galaxy": 1, "simulate_visits": 1, "bin_map": 8, "plot_map": 5, "plot_profile": 2}
    | {"tabulate_profile": 2, "check_statistic": 1, "check_atlas": 1}
    | TRUTHS
    | CHEMISTRY
)
MAP_CHECKS = {"check_map_truth": 3, "check_gradient_truth": 2, "check_mean_field": 2, "check_atlas": 1}
ALL_MAPS = {"bin_map": 10, "plot_map": 8, "plot_profile": 2, "tabulate_profile": 2} | MAP_CHECKS

CONFIG_EDITS = {
    # one plan for all of them: a set of edits runs nothing again only if none of them does
    "nothing, defaults, an unused solar set, cores, downloads, calibration": (
        "samples: {gaia_rvs: {errors: linear}}\nsun: {gravity2019: {R0_kpc: 8.3}}\nthreads: 1\n"
        "downloads: {attempts: 2}\ncalibration: {n_intervals: 20}\n",
        {},
    ),
    "resolution": ("figures: {dpi: 61}", ALL_PLOTS),
    "arms": ("figures: {arms: false}", ARM_PLOTS),
    "one map": ("maps: {meridional: {min_stars: 7}}", {"bin_map": 1, "plot_map": 1}),
    "shared map": (
        "maps: {face_on: {min_stars: 7}}",
        {"bin_map": 2, "plot_map": 2, "check_map_truth": 1, "check_atlas": 1},
    ),
    "density behind a profile": (
        "maps: {rotation_density: {cell_size: [0.4, 10.0]}}",
        {"bin_map": 1, "plot_profile": 1},
    ),
    "one cut": ("samples: {tiny_file: {cuts: [{name: all, expression: is_known(pmra)}]}}", FROM_FILE_SAMPLE),
    "draws": ("samples: {tiny_file: {n_draws: 201}}", FROM_FILE),
    "solar set of one sample": ("sun: {zari2025: {R0_kpc: 8.21}}", FROM_FILE),
    "title": ("samples: {tiny_file: {title: another}}", {"plot_cut_flow": 1, "plot_map": 1}),
    "tolerance": ("checks: {truths: {gaia_rvs: {bias_tolerance: 0.21}}}", {"check_truth": 1, "check_atlas": 1}),
    "limit of a survey": ("surveys: {apogee: {h_limit_mag: 12.7}}", FROM_APOGEE | {"check_atlas": 1}),
    "dust": ("galaxies: {analytic: {extinction: {A_V_mag_per_kpc: 0.1}}}", FROM_ANALYTIC),
    "mean field": ("galaxies: {analytic: {v_c_kms: 229.0}}", {"simulate_galaxy": 1, "plot_galaxy": 1} | FROM_ANALYTIC),
    "spiral": ("spirals: {khalil2025_m3: {pitch_deg: 14.0}}", FROM_MILKY_WAY),
    "nodes of the potential": ("potentials: {khalil2025: {n_R: 121}}", {"tabulate_potential": 1} | FROM_MILKY_WAY),
    "unit of a column": ("catalogues: {tiny_file: {date: '2026'}}", {"clean_catalogue": 1} | FROM_FILE_SAMPLE),
    "edge of the cells of the velocity field": ("velocity_fields: {taylor: {cell_kpc: 0.25}}", FIELD),
    "width of the bins of the rotation curve": ("velocity_fields: {taylor: {R_step_kpc: 0.25}}", CURVE),
    "bins of a gradient": (
        "metallicity_gradients: {plane: {edges_kpc: [0.0, 0.6]}}",
        {"fit_metallicity_gradient": 1, "plot_metallicity_gradient": 1, "tabulate_metallicity_gradient": 1} | RESIDUALS,
    ),
    "prior of a spiral": ("spiral_responses: {between: {pitch_deg: [5.0, 30.0]}}", SPIRAL_FITS | SPIRAL_PLOTS),
    "gallery of a spiral": (
        "spiral_responses: {between: {degeneracy_points: 13}}",
        {"predict_spiral_response": 1, "plot_spiral_response": 1},
    ),
    "fewer samples": ("atlas: {samples: [tiny_file]}", {"check_atlas": 1}),
}


@pytest.mark.parametrize("name", CONFIG_EDITS)
def test_config_edit(baseline, tmp_path, name):
    folder, options = baseline
    text, expected = CONFIG_EDITS[name]
    assert planned(folder / "atlas", overlays=[overlay(tmp_path / "edit.yaml", text)], **options) == expected


@contextmanager
def edited(folder, text, *names):
    """Append `text` to files of the baseline, and put contents and times back afterwards."""
    with alone(folder):
        before = {path: (path.read_bytes(), path.stat()) for path in (folder / name for name in names)}
        try:
            for path, (content, _) in before.items():
                path.write_bytes(content + text.encode())
            yield
        finally:
            for path, (content, times) in before.items():
                path.write_bytes(content)
                os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


EVERYTHING_CLEANED = (
    {"clean_sample": 6, "plot_cut_flow": 6, "plot_survey": 5, "convert_phase_space": 6, "check_statistic": 1}
    | TRUTHS
    | ALL_MAPS
    | FIELD
    | CHEMISTRY
    | SPIRALS
)
LIBRARY_EDITS = {
    "plotting/style.py": ALL_PLOTS,
    "plotting/cut_flow.py": {"plot_cut_flow": 6},
    "plotting/profiles.py": {"plot_profile": 2},
    "publish.py": {"tabulate_profile": 2, "tabulate_metallicity_gradient": 3, "tabulate_spiral_scan": 1},
    "maps/likelihood.py": ALL_MAPS | CURVE | RESIDUALS,
    "velocity_field/oort.py": FIT,
    "velocity_field/rotation.py": CURVE,
    "plotting/field_profiles.py": {"plot_velocity_field": 1},
    "truth.py": TRUTHS | {"check_metallicity_gradient": 2, "check_atlas": 1},
    "cleaning.py": EVERYTHING_CLEANED,
    # surveys put in the systematic errors that the corrections take out
    "velocities.py": EVERYTHING_CLEANED | {"simulate_survey": 5, "simulate_visits": 1, "clean_catalogue": 5},
    "simulation/surveys/footprints.py": {
        "simulate_survey": 5, "simulate_visits": 1, "clean_catalogue": 5, "clean_sample": 5, "plot_cut_flow": 5,
        "plot_survey": 5, "convert_phase_space": 5, "bin_map": 9, "plot_map": 7, "plot_profile": 2, "tabulate_profile": 2,
        "check_statistic": 1,
    } | TRUTHS | MAP_CHECKS | FIELD | CHEMISTRY | SPIRALS,
    "gradients/likelihood.py": {
        "fit_metallicity_gradient": 3, "plot_metallicity_gradient": 3, "tabulate_metallicity_gradient": 3,
        "plot_gradient_comparison": 1, "check_metallicity_gradient": 2, "check_atlas": 1,
    } | RESIDUALS,
    "spiral_fit/likelihood.py": SPIRAL_FITS | SPIRAL_PLOTS,
}  # fmt: skip


@pytest.mark.parametrize("module", LIBRARY_EDITS)
def test_library_edit(baseline, module):
    folder, options = baseline
    with edited(folder, "\n# an edit\n", f"{LIBRARY}/{module}"):
        assert planned(folder / "atlas", **options) == LIBRARY_EDITS[module]


def test_edits_that_reach_no_rule(baseline):
    folder, options = baseline
    with edited(folder, "\n# an edit\n", f"{LIBRARY}/downloads.py", f"{LIBRARY}/config.py"):
        assert planned(folder / "atlas", **options) == {}


def test_nothing_is_left_to_do_after_the_edits(baseline):
    folder, options = baseline
    assert planned(folder / "atlas", **options) == {}


def test_contract_edit(baseline):
    folder, options = baseline
    with edited(folder, "# an edit\n", "code/workflow/schemas/tables/cut_flow.yaml"):
        assert planned(folder / "atlas", **options) == EVERYTHING_CLEANED


def test_script_edit(baseline):
    folder, options = baseline
    with edited(folder, "\n# an edit\n", "code/workflow/scripts/plot_profile.py"):
        assert planned(folder / "atlas", **options) == {"plot_profile": 2}


def test_input_file_edit_and_touch(baseline):
    folder, options = baseline
    path = folder / "data/messy.csv"
    last = path.read_text(encoding="utf-8").splitlines()[-1].replace("star", "another star")
    with edited(folder, last + "\n", "data/messy.csv"):
        assert planned(folder / "atlas", **options) == {"clean_catalogue": 1} | FROM_FILE_SAMPLE
    path.touch()
    assert planned(folder / "atlas", **options) == {}
