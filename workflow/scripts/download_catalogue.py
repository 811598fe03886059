"""Download a catalogue file as its source gives it (rule ``download_catalogue``)."""

from pathlib import Path

from discatlas.downloads import download
from discatlas.runtime import script_log


def run(
    *, raw: Path, url: str, digest: str | None, min_bytes: int, attempts: int, backoff_s: float, timeout_s: float
) -> None:
    """Download `url` to `raw`; what arrived before a failure is kept beside it and resumed by the next run.

    Parameters are those of `downloads.download`; pauses and timeouts in seconds.
    """
    download(url, raw, digest=digest, min_bytes=min_bytes, attempts=attempts, backoff_s=backoff_s, timeout_s=timeout_s)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(
            raw=Path(snakemake.output.raw),
            url=snakemake.params.url,
            digest=snakemake.params.digest,
            min_bytes=snakemake.params.min_bytes,
            attempts=snakemake.params.attempts,
            backoff_s=snakemake.params.backoff_s,
            timeout_s=snakemake.params.timeout_s,
        )
