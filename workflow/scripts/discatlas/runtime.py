"""What every script needs around its work: the log, the number of threads, and errors in one or two lines."""

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from discatlas.errors import DiscatlasError


def set_environment(root: Path, threads: int, kernels: str) -> None:
    """Set what the jobs of a run inherit: the threads of polars, and where numba keeps compiled code.

    polars fixes its threads when it is first imported, before a script could set them. The folder of compiled code is
    named by the digest `kernels` of its sources; it lies beside the code, or in the working directory where the code is
    read-only.
    """
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    cache = root / ".cache" if os.access(root, os.W_OK) else Path.cwd() / ".snakemake"
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache / "numba" / kernels))


def use_threads(threads: int) -> None:
    """Let compiled kernels and Arrow use at most `threads` threads, and BLAS one: its last digits depend on their number."""
    import numba
    import pyarrow as pa
    import threadpoolctl

    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for a library that is loaded later
    threadpoolctl.threadpool_limits(1, user_api="blas")
    pa.set_cpu_count(threads)
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
    name = Path(sys.argv[0]).stem.rsplit(".", maxsplit=1)[-1]  # Snakemake runs a copy named <random>.<rule>.py
    try:
        yield
    except DiscatlasError as error:
        logging.error("%s: %s", name, error)
        raise SystemExit(1) from None
    except Exception:
        logging.exception("unexpected failure")
        raise


def require_space(what: str, product: Path, memory_bytes: float, disk_bytes: float) -> None:
    """Stop before the long part where a job cannot end well for lack of memory or of disk.

    Raises
    ------
    DiscatlasError
        With what is needed and what there is.
    """
    memory = available_memory()
    if memory_bytes > memory:
        raise DiscatlasError(
            f"{what}: needs about {memory_bytes / 1e9:.1f} GB of memory, this machine has {memory / 1e9:.1f} GB free; use fewer particles or another machine"
        )
    folder = next(parent for parent in product.absolute().parents if parent.is_dir())
    free = shutil.disk_usage(folder).free
    if disk_bytes > free:
        raise DiscatlasError(
            f"{what}: {product} needs about {disk_bytes / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free; use fewer particles or another folder"
        )


def available_memory() -> float:
    """Return the memory that a job may still use [bytes]: what the system has available, or its control group allows."""
    limits = [float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))]
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":") for line in meminfo.read_text(encoding="utf-8").splitlines())
        limits.append(float(lines["MemAvailable"].split()[0]) * 1024)
    group = Path("/sys/fs/cgroup/memory.max")
    if group.exists() and (text := group.read_text(encoding="utf-8").strip()).isdigit():
        limits.append(float(text))
    return min(limits)
