"""Download of one file over HTTP: resumed after a cut, retried with back-off, checked, and whole or not at all."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import requests

from discatlas.errors import DiscatlasError
from discatlas.http_answers import Remembered, TransientError, continues, length, reason, retry_after, validator
from discatlas.sources.files import check_digest, looks_like_html, parse_digest

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 16
RETRIED_STATUSES = {408, 425, 429}
LONGEST_WAIT_S = 3600.0
HTML_TYPES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True)
class Request:
    """What is asked for, and what an answer must be to be the file."""

    url: str
    target: Path
    digest: str | None
    min_bytes: int
    expected_types: tuple[str, ...]
    timeout_s: float
    progress_s: float

    @property
    def label(self) -> str:
        """The URL as it may be shown: without user, password and query."""
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}" + ("?…" if parts.query else "")

    @property
    def partial(self) -> Path:
        """The partial file, which outlives a failure."""
        return self.target.with_name(f".{self.target.name}.part")

    @property
    def memory(self) -> Path:
        """The file beside the partial one that says what it is a part of."""
        return self.target.with_name(f".{self.target.name}.part.json")

    def forget(self) -> None:
        """Delete the partial file and what is remembered of it."""
        self.partial.unlink(missing_ok=True)
        self.memory.unlink(missing_ok=True)


def download(
    url: str,
    target: Path,
    *,
    digest: str | None = None,
    min_bytes: int = 1,
    expected_types: Sequence[str] = (),
    attempts: int = 5,
    backoff_s: float = 2.0,
    timeout_s: float = 60.0,
    progress_s: float = 15.0,
) -> None:
    """Download `url` to `target`, which appears only when it is whole and has passed every check.

    A partial file (``.{name}.part`` beside the target) is resumed, in this call or a later one, if the server
    says that its file is still the same (ETag or Last-Modified with ``If-Range``); otherwise it starts over.

    Parameters
    ----------
    url : str
        ``http`` or ``https``.
    target : Path
        Final name.
    digest : str, optional
        ``"sha256:…"`` or ``"md5:…"``.
    min_bytes : int
        Smallest size that can be the file.
    expected_types : sequence of str
        Content types to accept; empty: any but HTML.
    attempts : int
        Attempts in all. Cuts, timeouts and the statuses 5xx, 408, 425 and 429 are tried again, others are not.
    backoff_s : float
        Pause after the first attempt, doubled after each [s]; a longer ``Retry-After`` of the server is honoured.
    timeout_s : float
        Longest silence of the server [s].
    progress_s : float
        Interval of the progress lines in the log [s].

    Raises
    ------
    DiscatlasError
        Says what happened and what to do; the URL is shown without user, password and query.
    """
    request = Request(url, Path(target), digest, min_bytes, tuple(expected_types), timeout_s, progress_s)
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise DiscatlasError(
            f"{request.label}: expected a URL that starts with http:// or https://; check the catalogue's url"
        )
    if digest is not None:
        parse_digest(digest)
    request.target.parent.mkdir(parents=True, exist_ok=True)
    _try(request, max(1, attempts), backoff_s)
    _deliver(request)


def _try(request: Request, attempts: int, backoff_s: float) -> None:
    """Make attempts, with growing pauses, until the partial file is whole; a DiscatlasError after the last."""
    for attempt in range(1, attempts + 1):
        try:
            _attempt(request)
        except TransientError as failure:
            if attempt == attempts:
                raise _give_up(request, attempts, failure) from None
            wait_s = min(max(backoff_s * 2 ** (attempt - 1), failure.wait_s), LONGEST_WAIT_S)
            logger.warning(
                "%s: %s; attempt %d of %d follows in %g s", request.label, failure, attempt + 1, attempts, wait_s
            )
            time.sleep(wait_s)
        else:
            return


def _give_up(request: Request, attempts: int, failure: TransientError) -> DiscatlasError:
    size = request.partial.stat().st_size if _recall(request) else 0
    kept = f"{size:,} bytes are kept for the next run" if size else "nothing is kept; try again later, or check the url"
    return DiscatlasError(f"{request.label}: {failure} (attempt {attempts} of {attempts}); {kept}")


def _attempt(request: Request) -> None:
    """Bring the partial file one attempt further; raise TransientError if that did not make it whole."""
    known = _recall(request)
    offset = request.partial.stat().st_size if known else 0
    if known and offset == known.total:
        return
    headers = {"Accept-Encoding": "identity"}
    if known and offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": known.validator}
    try:
        with requests.get(request.url, headers=headers, stream=True, timeout=request.timeout_s) as response:
            _receive(request, response, known, offset)
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        # the text of these errors holds the whole URL, secrets included
        raise TransientError(reason(error, request.timeout_s)) from None
    except requests.RequestException as error:
        raise DiscatlasError(f"{request.label}: the request failed ({type(error).__name__}); check the url") from None


def _recall(request: Request) -> Remembered | None:
    """Return what is known of the partial file, if it can be resumed; forget it otherwise."""
    try:
        known = Remembered(**json.loads(request.memory.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = None
    usable = known and known.validator and known.address == _address(request) and request.partial.exists()
    if usable and (known.total is None or request.partial.stat().st_size <= known.total):
        return known
    request.forget()
    return None


def _address(request: Request) -> str:
    return sha256(request.url.encode()).hexdigest()


def _receive(request: Request, response: requests.Response, known: Remembered | None, offset: int) -> None:
    _check_status(request, response)
    resumed = response.status_code == 206
    if resumed and not continues(response, known, offset):
        request.forget()
        raise TransientError("the server's file changed, or it sent another part than asked for: starting over")
    _check_type(request, response)
    if resumed:
        logger.info("%s: resuming at %s bytes", request.label, f"{offset:,}")
        now = known
    else:
        now = Remembered(_address(request), validator(response), length(response))
        _check_size(request, now.total, "announces")
    _write(request, response, now, offset if resumed else 0)


def _check_status(request: Request, response: requests.Response) -> None:
    status, phrase = response.status_code, response.reason or ""
    if status in {200, 206}:
        return
    if status == 416:
        request.forget()
        raise TransientError("the server has no bytes after those received: starting over")
    if status >= 500 or status in RETRIED_STATUSES:
        raise TransientError(f"the server answered {status} {phrase}", retry_after(response))
    advice = {
        401: "the source needs a login",
        403: "the source refuses access",
        404: "check the url",
        410: "check the url",
    }
    raise DiscatlasError(f"{request.label}: the server answered {status} {phrase}, expected the file; {advice}")


def _check_type(request: Request, response: requests.Response) -> None:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    wanted = request.expected_types
    if (wanted and kind not in wanted) or (not wanted and kind in HTML_TYPES):
        expected = " or ".join(wanted) if wanted else "data"
        raise DiscatlasError(
            f"{request.label}: the server sent content of type {kind or 'unknown'} with status {response.status_code}, "
            f"expected {expected}; open the url in a browser to see why"
        )


def _check_size(request: Request, size: int | None, verb: str) -> None:
    if size is not None and size < request.min_bytes:
        raise DiscatlasError(
            f"{request.label}: the server {verb} {size:,} bytes, expected at least {request.min_bytes:,}; check the "
            "url, or the declared minimum size"
        )


def _write(request: Request, response: requests.Response, now: Remembered, offset: int) -> None:
    """Append the body to the partial file, or begin it anew at offset 0; raise TransientError if it ends too soon."""
    size, reported = offset, time.monotonic()
    # a .gz file that the server labels as an encoding must stay as it is: without the label nothing is unpacked
    response.raw.headers.pop("Content-Encoding", None)
    chunks = response.iter_content(CHUNK_BYTES)
    first = next(chunks, b"")
    if not offset:
        _check_first_bytes(request, first)
        request.forget()
        request.memory.write_text(json.dumps(asdict(now)), encoding="utf-8")
    with request.partial.open("ab" if offset else "wb") as stream:
        for chunk in chain([first], chunks):
            stream.write(chunk)
            size += len(chunk)
            if time.monotonic() - reported >= request.progress_s:
                reported = time.monotonic()
                logger.info("%s: %s of %s", request.label, _megabytes(size), _megabytes(now.total))
    if now.total is not None and size != now.total:
        raise TransientError(f"the file ended after {size:,} of {now.total:,} bytes")
    request.memory.write_text(json.dumps(asdict(replace(now, total=size))), encoding="utf-8")
    logger.info("%s: %s received", request.label, _megabytes(size))


def _check_first_bytes(request: Request, chunk: bytes) -> None:
    if looks_like_html(chunk) and not set(request.expected_types) & set(HTML_TYPES):
        raise DiscatlasError(
            f"{request.label}: the server sent an HTML page with status 200, expected data; open the url in a browser "
            "to see why"
        )


def _megabytes(size: int | None) -> str:
    return "unknown size" if size is None else f"{size / 1e6:,.1f} MB"


def _deliver(request: Request) -> None:
    """Check the whole file and give it its name; a file that fails is deleted, since resuming cannot mend it."""
    try:
        _check_size(request, request.partial.stat().st_size, "sent")
        if request.digest is not None:
            check_digest(request.partial, request.digest)
    except DiscatlasError as error:
        request.forget()
        raise DiscatlasError(str(error).replace(str(request.partial), request.label)) from None
    request.partial.replace(request.target)
    request.memory.unlink(missing_ok=True)
