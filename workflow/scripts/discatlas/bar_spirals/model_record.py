"""A model of bar and spirals as one record of plain values: what it is made of, its resonances and contrasts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from discatlas.bar_spirals.cut_offs import CUT_OFFS, pattern_resonances, spiral_limits
from discatlas.bar_spirals.objective import contrasts
from discatlas.bar_spirals.parameters import integration_time
from discatlas.dynamics.axisymmetric import PlaneProfile
from discatlas.dynamics.density import DensityModel
from discatlas.errors import DiscatlasError

SPEC_KEYS = ("bar", "spirals", "distribution", "integration_kpc_kms")


def resolved_spec(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a model from its config entries: with the time for which it is integrated as a number.

    Raises
    ------
    DiscatlasError
        For a missing entry, or a model in which nothing grew and that states no time.
    """
    if missing := [key for key in SPEC_KEYS if key not in entries]:
        raise DiscatlasError(f"barred model: {missing[0]!r} is missing; expected {', '.join(SPEC_KEYS)}")
    spec = {key: entries[key] for key in SPEC_KEYS}
    return spec | {"integration_kpc_kms": integration_time(spec)}


def model_record(spec: Mapping[str, Any], plane: PlaneProfile, density: DensityModel, R0_kpc: float) -> dict[str, Any]:
    """Return a spec with what follows from it.

    ``resonances_kpc``: of each mode of the bar and of each spiral, radii of corotation and of the Lindblad resonances
    (null where there is none). ``cut_offs_kpc``: of each spiral, those of the spec and both kinds of `CUT_OFFS`.
    ``contrasts``: of the surface density of each spiral at R0 over discs and bulge, of first order in the winding, as
    published, and exact.
    """
    bar = spec["bar"]
    speed = None if bar is None else float(bar["Omega_kms_kpc"])
    modes = [] if bar is None else [int(mode["m"]) for mode in bar["modes"]]
    resonances = {f"bar_m{m}": pattern_resonances(plane, speed, m) for m in modes}
    cut_offs = {}
    for entry in spec["spirals"]:
        m, Omega = int(entry["m"]), float(entry["Omega_kms_kpc"])
        resonances[f"spiral_m{m}"] = pattern_resonances(plane, Omega, m)
        limits = {kind: _numbers(spiral_limits(plane, Omega, m, speed, kind)) for kind in CUT_OFFS}
        cut_offs[f"spiral_m{m}"] = {"used": list(entry["R_limits_kpc"])} | limits
    ratios = [contrasts(spec, density, R0_kpc, exact) for exact in (False, True)]
    return dict(spec) | {
        "R0_kpc": R0_kpc,
        "resonances_kpc": resonances,
        "cut_offs_kpc": cut_offs,
        "contrasts": {f"spiral_m{m}": {"winding": ratios[0][m], "exact": ratios[1][m]} for m in ratios[0]},
    }


def _numbers(limits: tuple[float, float]) -> list[float | None]:
    """Return limits as JSON has them: null for infinity."""
    return [value if np.isfinite(value) else None for value in limits]
