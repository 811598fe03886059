"""What every script needs around its work: the log, the number of threads, and errors in one or two lines."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from discatlas.errors import DiscatlasError


def use_threads(threads: int) -> None:
    """Let compiled kernels use at most `threads` threads (Snakemake itself sets the limits of BLAS and OpenMP)."""
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import numba

    numba.set_num_threads(max(1, min(threads, numba.config.NUMBA_NUM_THREADS)))


@contextmanager
def script_log(path: str | Path, threads: int = 1) -> Iterator[None]:
    """Send logging to `path` and to stderr; end with the message alone for an error that the user can mend."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(message)s",
        handlers=[logging.FileHandler(path, mode="w"), logging.StreamHandler()],
        force=True,
    )
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it reports every subset of every font
    use_threads(threads)
    try:
        yield
    except DiscatlasError as error:
        logging.error("%s: %s", Path(sys.argv[0]).stem.split(".")[-1] if sys.argv else "discatlas", error)
        raise SystemExit(1) from None
    except Exception:
        logging.exception("unexpected failure")
        raise
