"""Figures of orbits: of a sample, of the Sun, and of associations traced back."""

import json

import numpy as np
import pytest

import plot_orbits
import plot_solar_orbit
import plot_trace
from discatlas.bar_spirals.trace import STAGES
from discatlas.contracts import load_contract
from discatlas.errors import DiscatlasError
from discatlas.plotting.audit import audit_figure, visible_texts
from discatlas.plotting.bar_orbits import ECCENTRICITY, count_orbits, draw_orbits_figure
from discatlas.plotting.bar_solar_orbit import draw_solar_orbit
from discatlas.plotting.bar_trace import draw_trace
from discatlas.tables import read_batches, write_table

N = 1500
ABOUT = {"duration_kpc_kms": 1.0}


def made_orbits(n=N):
    rng = np.random.default_rng(1)
    R, e = rng.uniform(5, 12, n), np.minimum(rng.rayleigh(0.15, n), 0.9)
    height = rng.exponential(0.4, n)
    columns = {name: np.zeros(n) for name in load_contract("orbits").names if "{" not in name}
    columns |= {"source_id": np.arange(n), "status": np.full(n, "bound", dtype=object), "R_guide_kpc": R}
    columns |= {"eccentricity": e, "J_phi_kpc_kms": 220 * R, "J_R_kpc_kms": 0.5 * 220 * R * e**2, "Z_max_kpc": height}
    columns |= {"r_apo_kpc": R * (1 + e), "Z_max_barred_kpc": 1.2 * height, "eccentricity_barred": e}
    columns["r_apo_barred_kpc"] = columns["r_apo_kpc"] + rng.normal(0.3, 0.2, n)
    columns["status"][:40] = "missing"
    for values in columns.values():
        if values.dtype == float:
            values[:40] = np.nan
    return columns


def made_solar_orbit(band=True):
    t = np.linspace(-0.4, 0.1, 501)
    wave = {"axisymmetric": np.cos(2 * np.pi * t / 0.158), "barred": 1.4 * np.cos(2 * np.pi * t / 0.151)}
    columns, summary = {"t_Gyr": t}, {"bar_height_kpc": None}
    for name, values in wave.items():
        columns |= {f"R_{name}_kpc": 8.6 + 0.4 * values, f"surface_density_{name}_msun_kpc2": 4.5e7 - 6e6 * values}
        columns |= {f"X_{name}_kpc": -8 + 0 * t, f"Y_{name}_kpc": 0 * t, f"v_R_{name}_kms": 0 * t}
        summary[name] = {"radial_period_Myr": 158.0, "density_period_Myr": None, "pericentres_Myr": [-79.0, 70.0]}
        summary[name] |= {"apocentres_Myr": [-158.0, 0.0], "density_maxima_Myr": [-79.0, 70.0]}
    if band:
        for key, factor in (("lo", 0.99), ("hi", 1.01)):
            columns[f"R_barred_{key}_kpc"] = factor * columns["R_barred_kpc"]
            columns[f"surface_density_barred_{key}_msun_kpc2"] = factor * columns["surface_density_barred_msun_kpc2"]
        summary["posterior"] = {"n_draws": 9, "radial_period_Myr": {"lo": 150.1, "median": 151, "hi": 152.2}}
    return columns, summary


def made_trace(n_associations=4, n_stars=5, n_times=6):
    rng = np.random.default_rng(2)
    rows, records = [], []
    for stage in STAGES:
        for k in range(n_times):
            for number in range(1, n_associations + 1):
                angle = 0.25 * k - 0.2 * number
                off = 0.15 * (n_times - 1 - k) / n_times if stage == "back_axisymmetric" else 0.0
                R = 5.0 + number + off + 0.002 * rng.standard_normal(n_stars)
                rows += [
                    (number, star + 1, stage, 0.01 * k, -r * np.cos(angle), r * np.sin(angle))
                    for star, r in enumerate(R)
                ]
    for number in range(1, n_associations + 1):
        shape = {"offset_pc": 125.0, "star_offset_pc": 125.0, "size_pc": 2.0, "axis_ratio": 0.9}
        record = {"association": number, "R_kpc": 5.0 + number, "phi_deg": 0.0, "size_at_birth_pc": 2.0}
        records.append(record | {"back_barred": shape | {"offset_pc": 0.0}, "back_axisymmetric": shape})
    names = ("association", "star", "stage", "t_Gyr", "X_kpc", "Y_kpc")
    columns = dict(zip(names, (np.array(values) for values in zip(*rows, strict=True)), strict=True))
    return columns | {"stage": columns["stage"].astype(object)}, records


def texts(figure):
    return [text.get_text() for text in visible_texts(figure)]


def test_the_page_of_orbits_is_sound():
    counts = count_orbits([made_orbits()])
    figure = draw_orbits_figure(counts, "Orbits of a made sample", "over 0.98 Gyr after today", "made")
    assert audit_figure(figure, (ECCENTRICITY,)) == []
    assert any("1,460 bound, 40 missing" in text for text in texts(figure))
    none = {name: values[:40] for name, values in made_orbits().items()}
    with pytest.raises(DiscatlasError, match="made: no star has a bound orbit"):
        draw_orbits_figure(count_orbits([none]), "", "", "made")


def test_batches_add_up():
    whole, parts = made_orbits(), made_orbits()
    halves = [{name: values[part] for name, values in parts.items()} for part in (slice(600), slice(600, None))]
    one, two = count_orbits([whole]), count_orbits(halves)
    np.testing.assert_array_equal(one.shape.counts, two.shape.counts)
    np.testing.assert_array_equal(one.heights[1].counts, two.heights[1].counts)
    assert one.status == two.status


@pytest.mark.parametrize("band", [False, True])
def test_the_suns_orbit_is_sound(band):
    columns, summary = made_solar_orbit(band)
    figure = draw_solar_orbit(columns, summary, "The Sun")
    assert audit_figure(figure) == []
    note = " ".join(texts(figure))
    assert "158.0 Myr axisymmetric" in note
    assert "longer than this axisymmetric" in note
    assert ("150.1 to 152.2 over the posterior" in note) == band
    radius = figure.axes[0]
    np.testing.assert_array_equal(radius.lines[0].get_ydata(), columns["R_axisymmetric_kpc"])


def test_traced_associations_are_sound():
    columns, records = made_trace()
    figure = draw_trace(columns, records, "Associations", 50.0)
    assert audit_figure(figure) == []
    assert len(figure.axes) == 5
    assert any("association 3, $R$ = 8.0 kpc: 125 pc off" in text for text in texts(figure))
    empty = {name: values[:0] for name, values in columns.items()}
    with pytest.raises(DiscatlasError, match="no star"):
        draw_trace(empty, [], "", 50.0)


def test_the_scripts_write_both_formats(tmp_path):
    write_table(tmp_path / "orbits.parquet", load_contract("orbits"), {k: v for k, v in made_orbits(600).items() if k != "bound_share"}, ABOUT)  # fmt: skip
    columns, summary = made_solar_orbit()
    write_table(tmp_path / "sun.parquet", load_contract("solar_orbit"), columns, {})
    (tmp_path / "sun.json").write_text(json.dumps(summary), encoding="utf-8")
    columns, records = made_trace()
    write_table(tmp_path / "trace.parquet", load_contract("trace"), columns, {})
    record = {"associations": records, "duration_Myr": 50.0}
    (tmp_path / "trace.json").write_text(json.dumps(record), encoding="utf-8")
    out = {"title": "made", "dpi": 40}
    for name, run, tables in (
        ("a", plot_orbits.run, {"orbits": tmp_path / "orbits.parquet"}),
        ("b", plot_solar_orbit.run, {"solar_orbit": tmp_path / "sun.parquet", "summary": tmp_path / "sun.json"}),
        ("c", plot_trace.run, {"trace_table": tmp_path / "trace.parquet", "summary": tmp_path / "trace.json"}),
    ):
        files = {kind: tmp_path / f"{name}.{kind}" for kind in ("pdf", "png")}
        run(**tables, **files, **out)
        assert files["pdf"].read_bytes().startswith(b"%PDF")
        assert files["png"].stat().st_size > 1000
    assert len(list(read_batches(tmp_path / "orbits.parquet"))) == 1
