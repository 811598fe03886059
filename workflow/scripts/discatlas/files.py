"""Small files written whole or not at all."""

import json
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write `text` under a temporary name beside `path` and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_json(path: Path, record: object) -> None:
    """Write a record as indented JSON with its keys in order, whole or not at all."""
    write_text(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
