"""What an HTTP answer says about the file behind it: its version, length and part, and when to ask again."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import requests


class TransientError(Exception):
    """A failure worth another attempt; `wait_s` is the pause that the server asks for."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Remembered:
    """What is kept beside a partial file: `address` is a digest, as URLs may hold secrets."""

    address: str
    validator: str | None
    total: int | None


def reason(error: Exception, timeout_s: float) -> str:
    """Say in words why a connection failed, without the URL, which the error's own text holds."""
    text = str(error)
    if "timed out" in text.lower():
        return f"no data for {timeout_s:g} s"
    if "IncompleteRead" in text or "InvalidChunkLength" in text or "Connection broken" in text:
        return "the connection was cut before the end of the file"
    if "Connection aborted" in text:
        return "the server closed the connection without an answer"
    if "NameResolution" in text:
        return "the server's name is not known"
    return "the connection was refused" if "refused" in text else f"the connection failed ({type(error).__name__})"


def retry_after(response: requests.Response) -> float:
    """Return the pause that the server asks for [s]: ``Retry-After`` is a number of seconds or a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        # counted from the server's own clock, which is the one that the date belongs to
        later, now = parsedate_to_datetime(text), parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return 0.0
    return max(0.0, (later.replace(tzinfo=UTC) - now.replace(tzinfo=UTC)).total_seconds())


def validator(response: requests.Response) -> str | None:
    """Return what identifies this version of the server's file; a weak ETag does not vouch for the bytes."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def length(response: requests.Response) -> int | None:
    """Return the number of bytes that the answer announces, if it does."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def continues(response: requests.Response, known: Remembered | None, offset: int) -> bool:
    """Tell whether a 206 answer holds the rest of the very file that the partial one belongs to."""
    if known is None:
        return False
    span, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    same_total = known.total is None or total in {str(known.total), "*"}
    present = {response.headers.get("ETag"), response.headers.get("Last-Modified")} - {None}
    same_version = not present or known.validator in present
    return span.split("-")[0].strip() == str(offset) and same_total and same_version
