"""Looks at a file before anything parses it: does it exist, is it a web page, does its digest agree."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from discatlas.errors import DiscatlasError, nearest

CHUNK_BYTES = 1 << 20
DIGEST_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
GZIP_MAGIC = b"\x1f\x8b"


def parse_digest(digest: str) -> tuple[str, str]:
    """Split a digest ``"sha256:0e1a…"`` into algorithm and lower-case hexadecimal digits.

    Raises
    ------
    DiscatlasError
        If the algorithm is not known or the digits have the wrong number or are not hexadecimal.
    """
    algorithm, _, digits = digest.strip().lower().partition(":")
    if algorithm not in DIGEST_LENGTHS:
        raise DiscatlasError(
            f"digest {digest!r}: no algorithm {algorithm!r}{nearest(algorithm, DIGEST_LENGTHS)}; write e.g. 'sha256:' "
            "and 64 hexadecimal digits"
        )
    if len(digits) != DIGEST_LENGTHS[algorithm] or set(digits) - set("0123456789abcdef"):
        raise DiscatlasError(
            f"digest {digest!r}: expected {DIGEST_LENGTHS[algorithm]} hexadecimal digits after '{algorithm}:', got "
            f"{len(digits)} characters"
        )
    return algorithm, digits


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def check_digest(path: Path, digest: str) -> None:
    """Raise a DiscatlasError with both digests unless the file has the declared one (``"sha256:0e1a…"``)."""
    algorithm, expected = parse_digest(digest)
    found = file_digest(path, algorithm)
    if found != expected:
        raise DiscatlasError(
            f"{path}: {algorithm} digest is {found}, expected {expected}; "
            "the file is damaged or its source has changed: fetch it anew, or correct the declared digest"
        )


def looks_like_html(head: bytes) -> bool:
    """Tell from a file's first bytes whether it is a web page (what a server sends instead of an error status)."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:512].lower()
    if text.startswith((b"<?xml", b"<!--")):
        return b"<html" in text
    return text.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def check_file(path: Path, file_format: str) -> None:
    """Raise a DiscatlasError for a file that is missing, empty, a folder or a web page."""
    if not path.exists():
        raise DiscatlasError(f"{path}: no such file; check the catalogue's file or download it first")
    if not path.is_file():
        raise DiscatlasError(f"{path}: is a folder, expected one {file_format} file")
    with path.open("rb") as stream:
        head = stream.read(1024)
    if not head:
        raise DiscatlasError(f"{path}: is empty (0 bytes), expected a {file_format} file; fetch it anew")
    if looks_like_html(head):
        raise DiscatlasError(f"{path}: is an HTML page, expected a {file_format} file; check the URL and fetch it anew")


def is_gzip(path: Path) -> bool:
    """Tell from its first bytes whether a file is gzipped."""
    with path.open("rb") as stream:
        return stream.read(2) == GZIP_MAGIC


@contextmanager
def whole_file(path: Path, file_format: str) -> Iterator[None]:
    """Turn whatever a parser raises on a truncated, corrupt or foreign file into one DiscatlasError."""
    try:
        yield
    except (DiscatlasError, MemoryError):
        raise
    except Exception as error:  # parsers of foreign files raise anything, down to IndexError
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise DiscatlasError(
            f"{path}: not a whole {file_format} file ({reason}); fetch it anew, or check its format"
        ) from error
