"""What every survey is told: parameters named and in units as in the config, with their defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from discatlas.errors import DiscatlasError, nearest


@dataclass(frozen=True)
class Parameters:
    """Base of the parameter sets: built from a config entry, whose missing keys take the defaults.

    All surveys measure the same star with the same Gaia astrometry, so these keys should agree between them.

    Parameters
    ----------
    bad_fraction : float
        Fraction of stars with a bad astrometric solution: six parameters, RUWE above 1.4, errors inflated.
    error_inflation : float
        Factor on the astrometric errors of a bad solution, of 1 or more.
    correlation : float
        Largest partial correlation of two astrometric parameters, from 0 to below 1.
    prior_length_kpc : float
        Length L of the prior r^2 exp(-r/L) of the distances [kpc].
    modulus_error_mag : float
        Standard error of the photometric distance modulus in the photogeometric distances [mag].
    """

    bad_fraction: float = 0.04
    error_inflation: float = 8.0
    correlation: float = 0.4
    prior_length_kpc: float = 1.35
    modulus_error_mag: float = 0.3

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the parameters from a config entry; its key ``kind`` is left aside.

        Raises
        ------
        DiscatlasError
            For an unknown key, with the nearest known one.
        """
        known = [field.name for field in fields(cls)]
        given = {key: value for key, value in config.items() if key != "kind"}
        for key in given:
            if key not in known:
                raise DiscatlasError(
                    f"survey: unknown key {key!r}{nearest(key, known)}; known here: {', '.join(['kind', *known])}"
                )
        return cls(**given)


def check_order(low_name: str, low: float, high_name: str, high: float) -> None:
    """Raise a DiscatlasError if the lower end of a range is not below the upper one."""
    if not low < high:
        raise DiscatlasError(
            f"survey: got {low_name} {low:g} and {high_name} {high:g}; expected {low_name} < {high_name}"
        )
