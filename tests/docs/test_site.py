"""The site: built without a warning, and whole without a net."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOADED = re.compile(r"<(?:script|img|link)\b[^>]*?(?:src|href)=\"(https?:)?//")


def test_the_site_builds(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "properdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    example = tmp_path / "site" / "example" / "index.html"
    of_docs = [path for path in tmp_path.glob("site/**/*.html") if path != example]
    pages = {path.stem: path.read_text(encoding="utf-8") for path in of_docs}
    assert "4 runs" in example.read_text(encoding="utf-8")
    assert 'href="example/index.html"' in pages["report"]
    assert {"index", "LOG", "CHANGELOG", *(path.stem for path in ROOT.glob("docs/*.md"))} <= pages.keys()
    assert not {name for name, html in pages.items() if LOADED.search(html)}
    assert not LOADED.search(example.read_text(encoding="utf-8"))
    assert 'src="results/ladder.png"' in pages["index"]
    assert (tmp_path / "site" / "results" / "ladder.png").is_file()
    assert 'href="start.html"' in pages["index"]
    assert 'href="results/LOG.html"' in pages["results"]
