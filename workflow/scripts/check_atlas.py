"""Judge all checks together; a failed one stops the atlas with its numbers (rule ``check_atlas``)."""

import json
import logging
from pathlib import Path

from discatlas.errors import DiscatlasError
from discatlas.files import write_json
from discatlas.runtime import script_log


def run(*, results: list[Path], summary: Path) -> None:
    """Write the list of all checks, or raise a DiscatlasError that lists the failed ones."""
    checks = [check for path in results for check in json.loads(path.read_text(encoding="utf-8"))]
    lines = [
        f"{check['name']}: {check['value']:.4g} {check['unit']}, expected {check['expected']:g} +- {check['tolerance']:g} ({check['source']})"
        for check in checks
    ]
    for check, line in zip(checks, lines, strict=True):
        logging.info("%s  %s", "pass" if check["pass"] else "FAIL", line)
    failed = [line for check, line in zip(checks, lines, strict=True) if not check["pass"]]
    if failed:
        raise DiscatlasError(f"{len(failed)} of {len(checks)} checks failed: {'; '.join(failed)}")
    write_json(summary, checks)


if __name__ == "__main__":
    with script_log(snakemake.log[0], threads=snakemake.threads):
        run(results=[Path(path) for path in snakemake.input.results], summary=Path(snakemake.output.summary))
