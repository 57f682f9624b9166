"""Settings -> the text of ``docs/settings.md``: every setting with its names, its default, and what it is for."""

from __future__ import annotations

from hub.settings import settings_table


def page() -> str:
    """The text of ``docs/settings.md``."""
    lines = [
        "# Settings",
        "",
        "One file (`hub --config FILE`, or the one that `HUB_CONFIG` names, or `hub.toml`, or `data/hub.toml`, which",
        "`hub demo` writes) and the environment, which wins. A name with a dot",
        "is a key in a table of the file: `limits.depth` is `depth` under `[limits]`.",
        "",
        "| in the environment | in the file | default | what |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{env}` | `{name}` | {_cell(default)} | {description} |"
        for env, name, default, description in settings_table()
    ]
    return "\n".join(lines) + "\n"


def _cell(default: str) -> str:
    return f"`{default}`" if default else "none"


if __name__ == "__main__":
    print(page(), end="")
