"""Associations traced back: exact with the right potential, off by what bar and spirals do without them."""

import json

import numpy as np
import polars as pl
import pytest
from made_potential import plane_columns, write_tables
from orbit_models import BAR, khalil_engine, published, spiral_config

import predict_trace
from discatlas.bar_spirals.trace import STAGES, describe, draw_associations, trace
from discatlas.constants import GYR_PER_KPC_KMS
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.modes import Perturbation
from discatlas.dynamics.potential_nodes import radial_nodes
from discatlas.errors import DiscatlasError

PLACES = [[-10.6, -2.4], [-8.7, -0.3], [-7.1, 0.4], [-6.0, -0.5]]
PLANE = PlaneProfile.from_columns(plane_columns(400))
TIMES = np.linspace(0.0, 0.05 / GYR_PER_KPC_KMS, 6)


def traced(perturbation, plane=PLANE, n_stars=20, sigma=(0.002, 1.0), seed=1):
    number, *start = draw_associations(plane, PLACES, n_stars, *sigma, np.random.default_rng(seed))
    places = trace(plane, perturbation, *start, TIMES)
    return number, places, describe(number, places)


def test_the_published_model_misplaces_associations_without_its_modes():
    """Khalil et al. 2025: by more than 150 pc; the barred potential brings each star back."""
    R = radial_nodes(200, 2.0, 30.0)
    _, places, records = traced(published(), PlaneProfile(R, *khalil_engine().plane(R)))
    offsets = [record["back_axisymmetric"]["offset_pc"] for record in records]
    assert sum(offset > 150 for offset in offsets) == 3
    assert offsets[3] > 500
    assert max(record["back_barred"]["star_offset_pc"] for record in records) < 1e-3
    assert all(record["back_axisymmetric"]["size_pc"] > 2 * record["size_at_birth_pc"] for record in records)
    np.testing.assert_allclose(places["back_barred"], places["forward"], atol=1e-6)
    np.testing.assert_array_equal(places["back_axisymmetric"][-1], places["forward"][-1])


def test_the_offset_grows_with_the_modes():
    _, _, none = traced(Perturbation(None, ()))
    assert max(record["back_axisymmetric"]["offset_pc"] for record in none) < 1e-3
    weak, strong = (traced(published(False, (2,), K_km2_s2=K, R_limits_kpc=(None, None)))[2] for K in (100.0, 200.0))
    for one, two in zip(weak, strong, strict=True):
        assert two["back_axisymmetric"]["offset_pc"] == pytest.approx(
            2 * one["back_axisymmetric"]["offset_pc"], rel=0.1
        )


def test_patterns_turn_and_keep_their_strength():
    """A star carried along by a steady bar: the same as if all had begun later, turned by what the bar turned."""
    bar, shift = published(arms=(), turns=0.0), 0.02
    number, x, v = draw_associations(PLANE, PLACES, 2, 0.0, 0.0, np.random.default_rng(1))
    turn = BAR["Omega_kms_kpc"] * shift
    cos, sin = np.cos(turn), np.sin(turn)
    rotate = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])  # with rotation: phi grows from -X toward Y
    early = trace(PLANE, bar, x, v, np.array([0.0, 0.05]))["forward"][-1]
    late = trace(PLANE, bar, x @ rotate.T, v @ rotate.T, np.array([shift, shift + 0.05]))["forward"][-1]
    np.testing.assert_allclose(late, early @ rotate[:2, :2].T, atol=1e-7)
    other = trace(PLANE, bar, x, v, np.array([shift, shift + 0.05]))["forward"][-1]
    assert np.linalg.norm(other - early, axis=1).max() > 1e-3
    assert number.tolist() == [1, 1, 2, 2, 3, 3, 4, 4]


def test_associations_have_the_stated_spread():
    n = 4000
    number, x, v = draw_associations(PLANE, [[-8.0, 0.0]], n, 0.002, 1.0, np.random.default_rng(3))
    np.testing.assert_allclose(x[:, :2].mean(axis=0), [-8.0, 0.0], atol=5 * 0.002 / np.sqrt(n))
    np.testing.assert_allclose(x[:, :2].std(axis=0), 0.002, rtol=0.06)
    np.testing.assert_allclose(v[:, :2].std(axis=0), 1.0, rtol=0.06)
    assert v[:, 1].mean() == pytest.approx(float(PLANE.circular_velocity(8.0)), abs=0.1)
    assert np.all(x[:, 2] == 0)
    assert np.all(number == 1)


@pytest.fixture
def run_script(tmp_path):
    plane, _ = write_tables(tmp_path)
    spec = {"bar": BAR, "spirals": [spiral_config(2), spiral_config(3)]}
    (tmp_path / "model.json").write_text(json.dumps(spec, default=float), encoding="utf-8")

    def run(name="associations", **changes):
        files = tmp_path / f"{name}.parquet", tmp_path / f"{name}.json"
        settings = {"places_kpc": [[8.0, 1.0], [7.0, -1.0]], "n_stars": 3, "duration_Myr": 20.0, "n_times": 4} | changes
        predict_trace.run(
            model=tmp_path / "model.json", plane=plane, trace_table=files[0], summary=files[1], trace_name=name,
            sigma_kpc=0.002, sigma_kms=1.0, seed=1, threads=1, **settings,
        )  # fmt: skip
        return pl.read_parquet(files[0]), json.loads(files[1].read_text(encoding="utf-8"))

    return run


def test_the_script_writes_all_stages_of_all_stars(run_script):
    table, summary = run_script()
    assert table.height == len(STAGES) * 4 * 2 * 3
    assert table["stage"].unique(maintain_order=True).to_list() == list(STAGES)
    birth = table.filter((pl.col("stage") == "forward") & (pl.col("t_Gyr") == 0) & (pl.col("association") == 1))
    np.testing.assert_allclose(birth["X_kpc"].mean(), -8.0, atol=0.01)
    np.testing.assert_allclose(birth["Y_kpc"].mean(), 1.0, atol=0.01)
    assert table["t_Gyr"].max() == pytest.approx(0.02)
    assert [record["association"] for record in summary["associations"]] == [1, 2]
    again, _ = run_script()
    assert again.equals(table)
    other, _ = run_script("others")
    assert not other.equals(table)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"duration_Myr": 0.0}, "duration_Myr 0"),
        ({"n_times": 1}, "n_times 1"),
        ({"n_stars": 1}, "1 stars in each"),
        ({"places_kpc": [[90.0, 0.0]]}, "90 kpc from the centre"),
    ],
)
def test_bad_input_is_told(run_script, changes, match):
    with pytest.raises(DiscatlasError, match=match):
        run_script(**changes)
