"""What a study is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from discatlas.calibration.coverage import Intervals


class Key(NamedTuple):
    """A row of the table within a study: an estimator and what it estimates."""

    estimator: str
    quantity: str


@dataclass(frozen=True)
class Study:
    """Estimators in one situation.

    Parameters
    ----------
    name : str
        Names the random streams; no two studies share one.
    case : str
        The situation in a few words, for the table.
    draw : callable
        Makes one small simulation and returns the intervals of each row, independent of each other within the row.
    note : str
        What the truth is, where that does not speak for itself.
    reasons : mapping
        Why rows are known to fail, by `Key`, by estimator or by quantity (the first of these that is there counts).
    """

    name: str
    case: str
    draw: Callable[[np.random.Generator], dict[Key, Intervals]]
    note: str = ""
    reasons: Mapping[Key | str, str] = field(default_factory=dict)

    def reason(self, key: Key) -> str:
        """Return why a row is known to fail, or nothing."""
        return next((self.reasons[name] for name in (key, *key) if name in self.reasons), "")
