"""The zero point of Gaia's parallaxes."""

from collections.abc import Mapping
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Columns = Mapping[str, Array]
ZERO_POINT_COLUMNS = ("phot_g_mean_mag", "nu_eff_used_in_astrometry", "pseudocolour", "ecl_lat", "astrometric_params_solved")  # fmt: skip


@cache
def _zero_point_tables() -> ModuleType:
    from zero_point import zpt

    zpt.load_tables()
    return zpt


def zero_point_mas(columns: Columns) -> Array:
    """Return the parallax zero point of Lindegren et al. (2021, A&A 649, A4) [mas], to be subtracted.

    NaN where it is not defined: solutions other than 31 and 95 (five and six parameters), G outside 6...21, effective
    wavenumber outside 1.1...1.9 (five) or pseudocolour outside 1.24...1.72 per um (six), or a missing input.
    """
    values = {name: np.asarray(columns[name], float) for name in ZERO_POINT_COLUMNS}
    solved = values["astrometric_params_solved"]
    colour = np.where(solved == 31, values["nu_eff_used_in_astrometry"], values["pseudocolour"])
    has_inputs = np.isfinite(values["phot_g_mean_mag"]) & np.isfinite(colour) & np.isfinite(values["ecl_lat"])
    is_defined = np.isin(solved, (31, 95)) & has_inputs
    zero_point = np.full(solved.shape, np.nan)
    if is_defined.any():
        arguments = (values[name][is_defined] for name in ZERO_POINT_COLUMNS)
        zero_point[is_defined] = _zero_point_tables().get_zpt(*arguments, _warnings=False)
    return zero_point


def parallax_zero_point(columns: Columns) -> dict[str, Array]:
    """Return the parallax minus its zero point [mas]; missing where the zero point is not defined."""
    return {"parallax": np.asarray(columns["parallax"], float) - zero_point_mas(columns)}
