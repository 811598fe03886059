"""The reference part of config/README.md, written from the schema so that the two cannot drift apart.

``make docs`` runs this file; a test holds the README against it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from discatlas.config import resolve

BEGIN, END = "<!-- options: written by `make docs` -->\n", "<!-- end of options -->\n"
Schema = Mapping[str, Any]


def options(schema: Schema, root: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield (dotted path, schema) of every leaf; ``*`` stands for a name of your own."""
    schema = resolve(schema, root)
    branches = [resolve(option["then"], root) for option in schema.get("allOf", [])]
    if branches:
        for option in branches:
            yield from options(option, root, f"{path} ({_choice(option)})")
        return
    if "anyOf" in schema:
        yield path, schema
        for option in schema["anyOf"]:
            if resolve(option, root).get("type") == "object":
                yield from options(option, root, path)
        return
    below = list(schema.get("properties", {}).items())
    if isinstance(schema.get("additionalProperties"), Mapping):
        below.append(("*", schema["additionalProperties"]))
    if not below:
        yield path, schema
    for key, child in below:
        yield from options(child, root, f"{path}.{key}" if path else key)
        items = resolve(child, root).get("items")
        if items and resolve(items, root).get("type") == "object":
            yield from options(items, root, f"{path}.{key}[]")


def _choice(option: Schema) -> str:
    """Return the value of `source` or `kind` that chooses a form of an entry."""
    properties = option["properties"]
    return str(properties.get("source", properties.get("kind"))["const"])


def bounds(schema: Schema) -> str:
    """Return what a leaf may hold, in words."""
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kinds = schema.get("type", "text or mapping")
    kind = " or ".join(kinds) if isinstance(kinds, list) else kinds
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    if low is not None and high is not None and "string" not in kind:
        kind += f", {'above ' if 'exclusiveMinimum' in schema else ''}{low} to {high}"
    items = schema.get("items", {})
    if "enum" in items:
        kind += " of " + ", ".join(f"`{value}`" for value in items["enum"])
    return kind.replace("null", "`null`")


def reference(schema: Schema) -> str:
    """Return the table of all options as Markdown, one section per top-level key."""
    lines: list[str] = []
    for section, child in schema["properties"].items():
        lines += [
            f"### `{section}`",
            "",
            resolve(child, schema).get("description", ""),
            "",
            "| option | value | default | meaning |",
            "|---|---|---|---|",
        ]
        for path, leaf in options(child, schema, section):
            default = (
                f"`{yaml.safe_dump(leaf['default'], default_flow_style=True).splitlines()[0]}`"
                if "default" in leaf
                else ""
            )
            lines.append(f"| `{path}` | {bounds(leaf)} | {default} | {leaf.get('description', '')} |")
        lines.append("")
    return "\n".join(lines)


def renew(text: str, schema: Schema) -> str:
    """Return the README with its reference part written anew."""
    head, rest = text.split(BEGIN)
    return head + BEGIN + "\n" + reference(schema) + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    root = Path(__file__).parents[3]
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    readme = root / "config" / "README.md"
    readme.write_text(renew(readme.read_text(encoding="utf-8"), schema), encoding="utf-8")
