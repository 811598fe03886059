"""The one exception that users see, and the nearest known name for a misspelt one."""

from collections.abc import Iterable
from difflib import get_close_matches


class DiscatlasError(Exception):
    """A failure that the user can mend: one or two lines saying what, where, got, expected and what to do."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``" (nearest: 'x')"`` for the known name closest to `name`, or an empty string if none is close."""
    options = {option.lower(): option for option in sorted(known)}
    match = get_close_matches(name.lower(), options, n=1, cutoff=0.5)
    return f" (nearest: {options[match[0]]!r})" if match else ""
