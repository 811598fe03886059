"""What a survey delivers."""

from dataclasses import dataclass

from numpy.typing import NDArray


@dataclass(frozen=True)
class SurveyTables:
    """The tables of one chunk, columns by name.

    Parameters
    ----------
    raw : dict
        The survey's table, in its own names and units (contract ``survey_{kind}``).
    truth : dict
        One row for each row of `raw` (contract ``truth``).
    visits : dict or None
        One row for each epoch of each star, in the order of `raw` (contract ``visits_{kind}``); None where the survey
        has no epochs.
    passed : dict of int
        The particles, and how many of them each limit of the survey left, in order.
    """

    raw: dict[str, NDArray]
    truth: dict[str, NDArray]
    visits: dict[str, NDArray] | None
    passed: dict[str, int]
