"""From column names to symbols and units as they are printed."""

from astropy import units

from discatlas.contracts import SUFFIX_UNITS, load_contract, split_unit
from discatlas.errors import DiscatlasError

SYMBOLS = {
    "X": "X",
    "Y": "Y",
    "Z": "Z",
    "R": "R",
    "phi": r"\varphi",
    "l": "l",
    "b": "b",
    "distance": "d",
    "v_X": "v_X",
    "v_Y": "v_Y",
    "v_Z": "v_Z",
    "v_R": "v_R",
    "v_phi": r"v_\varphi",
    "L_z": "L_Z",
    "J_R": "J_R",
    "feh": r"[\mathrm{Fe/H}]",
    "mg_fe": r"[\mathrm{Mg/Fe}]",
    "alpha_fe": r"[\alpha/\mathrm{Fe}]",
    "age": r"\tau",
    "log_age": r"\log_{10}(\tau/\mathrm{yr})",
    "log_age_p50": r"\log_{10}(\tau_{50}/\mathrm{yr})",
    "log_age_mode": r"\log_{10}(\tau_\mathrm{mode}/\mathrm{yr})",
    "M_Ks": r"M_{K_\mathrm{s}}",
    "teff": r"T_\mathrm{eff}",
    "logg": r"\log g",
    "parallax": r"\varpi",
}
SUBSCRIPTS = {"v_R": "R", "v_phi": r"\varphi", "v_Z": "Z", "v_X": "X", "v_Y": "Y"}  # of a velocity dispersion
SIGNED = ("v_R", "v_Z", "v_X", "v_Y", "Y", "Z")  # quantities whose zero has a meaning: rest, or the plane
UNITS = {
    "km / s": "km s$^{-1}$",
    "km / (s kpc)": "km s$^{-1}$ kpc$^{-1}$",
    "km / (s kpc2)": "km s$^{-1}$ kpc$^{-2}$",
    "kpc km / s": "kpc km s$^{-1}$",
    "mas / yr": "mas yr$^{-1}$",
}
COUNT = "number of"  # axis labels that begin so need no unit
_CONTRACTS = ("phase_space", "sample", "catalogue")


def column_unit(name: str) -> str:
    """Return the unit of a column in astropy's spelling: from its suffix, else from a contract that knows it."""
    suffix = split_unit(name)[1]
    if suffix:
        return SUFFIX_UNITS[suffix]
    for contract in _CONTRACTS:
        try:
            return load_contract(contract).column(name).unit
        except DiscatlasError:
            continue
    return ""


def unit_label(unit: str) -> str:
    """Return an astropy unit string as printed: ``"km / s"`` gives ``"km s$^{-1}$"``; ``""`` stays empty."""
    if unit in UNITS or not unit:
        return UNITS.get(unit, "")
    return unit if unit.isalpha() else units.Unit(unit).to_string("latex_inline")


def symbol(name: str) -> str:
    """Return the TeX symbol of a column without dollar signs; an unknown column gives its own name, upright."""
    base = split_unit(name)[0]
    return SYMBOLS.get(base, r"\mathrm{%s}" % base.replace("_", r"\_"))  # noqa: UP031


def with_unit(text: str, unit: str) -> str:
    """Append a unit (astropy's spelling) in square brackets; nothing where there is none."""
    return f"{text} [{unit_label(unit)}]" if unit else text


def axis_label(name: str) -> str:
    """Return the axis label of a column: ``X_kpc`` gives ``$X$ [kpc]``."""
    return with_unit(f"${symbol(name)}$", column_unit(name))


def mean_label(name: str) -> str:
    r"""Return the label of a mean: ``v_R_kms`` gives ``$\langle v_R \rangle$ [km s$^{-1}$]``."""
    return with_unit(rf"$\langle {symbol(name)} \rangle$", column_unit(name))


def dispersion_label(name: str) -> str:
    r"""Return the label of an intrinsic dispersion: ``v_R_kms`` gives ``$\sigma_{R}$ [km s$^{-1}$]``."""
    return with_unit(rf"$\sigma_{{{_subscript(name)}}}$", column_unit(name))


def error_label(name: str) -> str:
    r"""Return the label of the standard error of a mean: ``$\varepsilon_{\langle v_R \rangle}$ [km s$^{-1}$]``."""
    return with_unit(rf"$\varepsilon_{{\langle {symbol(name)} \rangle}}$", column_unit(name))


def _subscript(name: str) -> str:
    return SUBSCRIPTS.get(split_unit(name)[0], symbol(name))


def is_signed(name: str) -> bool:
    """Whether the zero of a quantity has a meaning, so that its map is centred there."""
    base = split_unit(name)[0]
    return base in SIGNED or base.startswith("delta_")


def dimensionless_labels(*names: str) -> tuple[str, ...]:
    """Return the labels of the columns among `names` that have no unit, for the audit's allowance."""
    bare = [name for name in names if not column_unit(name)]
    makers = (axis_label, mean_label, dispersion_label, error_label)
    return tuple(make(name) for name in bare for make in makers)
