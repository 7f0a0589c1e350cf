"""Write what README and docs/ take from the code and from results/: help pages, tables, the map of folders.

python scripts/docs.py          # writes the documents
python scripts/docs.py --check  # fails when one is not what would be written

A block stands between ``<!-- name -->`` and ``<!-- /name -->``; ``scripts/blocks`` has a function for each name.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import click
from blocks import BLOCKS

from spider_opt.paths import write_whole

ROOT = Path(__file__).resolve().parent.parent
MARKER = re.compile(r"^<!-- ([a-z-]+) -->$", re.MULTILINE)


@click.command()
@click.option("--check", is_flag=True, help="Write nothing, fail when something would change")
def main(check: bool) -> None:
    """Put the generated blocks into README.md and docs/*.md."""
    before = {path: path.read_text(encoding="utf-8") for path in documents()}
    lacking = BLOCKS.keys() - {name for text in before.values() for name in MARKER.findall(text)}
    if lacking:
        raise click.ClickException(f"no document has the marker <!-- {min(lacking)} -->")
    texts = {name: block() for name, block in BLOCKS.items()}
    behind = []
    for path, text in before.items():
        after = fill(text, texts, path.name)
        if after == text:
            continue
        behind.append(path.name)
        if check:
            diff = difflib.unified_diff(text.splitlines(), after.splitlines(), path.name, "from the code", lineterm="")
            print("\n".join(diff), file=sys.stderr)
        else:
            write_whole(path, after)
    if check and behind:
        raise click.ClickException(f"{' and '.join(behind)} behind the code: run python scripts/docs.py")


def documents() -> list[Path]:
    """Return the documents that may have generated blocks."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def fill(text: str, texts: Mapping[str, str], document: str) -> str:
    """Return ``text`` with what stands between ``<!-- name -->`` and ``<!-- /name -->`` replaced.

    Raises:
        ClickException: a marker has no partner, stands twice, or names no block.
    """
    for name in MARKER.findall(text):
        if name not in texts:
            raise click.ClickException(f"{document} has a marker <!-- {name} -->, but there is no such block")
        pattern = re.compile(rf"(?<=^<!-- {name} -->\n).*?(?=^<!-- /{name} -->$)", re.DOTALL | re.MULTILINE)
        if len(pattern.findall(text)) != 1 or MARKER.findall(text).count(name) != 1:
            raise click.ClickException(f"{document} needs one pair of markers <!-- {name} --> and <!-- /{name} -->")
        before, after = pattern.split(text)
        text = f"{before}\n{texts[name].strip()}\n\n{after}"
    return text


if __name__ == "__main__":
    main()
