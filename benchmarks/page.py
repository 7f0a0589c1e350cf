"""How large is a page of `spider-opt report`, and how fast is it to write, to open and to use?

    python benchmarks/page.py results/runs --spider SPIDER [--most 12] [--repeats 5] [--picture results/report.png]

The page is written about the ``--most`` first runs of Spider dev among the folders, and opened from disk in Debian's
Chromium (`apt-get install chromium`) without a cache of it. Printed are the median and the worst of ``--repeats``
times. Ready is when the first view stands there, from the beginning of navigation; opening a question is from the key
until its text stands there, its file loaded where it was not; a filter is from the choice until the list stands there.
``--picture`` writes the first view as a PNG file.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import spider_opt as so
from spider_opt.report.page.choosing import folders_of

READY = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
# Run in the page, so that what is timed is the page and not who drives it.
STEPS = """async (keys) => {
  const list = document.querySelector('.list'), taken = [];
  const key = () => document.querySelector('.answers').dataset.key;
  for (let i = 0; i < keys; i += 1) {
    const before = key(), from = performance.now();
    list.dispatchEvent(new KeyboardEvent('keydown', {key: 'PageDown', bubbles: true}));
    while (key() === before) await new Promise((done) => setTimeout(done, 1));
    taken.push(performance.now() - from);
  }
  return taken;
}"""
FILTERS = """async () => {
  const taken = [];
  for (const hardness of ['easy', 'medium', 'hard', 'extra', '']) {
    const from = performance.now();
    page.go({hardness}, true);
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    taken.push(performance.now() - from);
  }
  return taken;
}"""
SCROLL = """async () => {
  const list = document.querySelector('.list'), frames = [];
  let last = performance.now();
  for (let i = 0; i < 60; i += 1) {
    list.scrollTop += 700;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--spider", type=Path, required=True)
    parser.add_argument("--most", type=int, default=12, help="runs on the page")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    benchmark = so.load("spider:dev", data=options.spider)
    runs = [so.Run.read(folder, benchmark) for folder in folders_of(options.runs, "spider")[: options.most]]
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        index = so.write_report(runs, Path(folder) / "page", benchmark=benchmark)
        print(f"{len(runs)} runs of {len(benchmark.examples)} questions: written in {time.monotonic() - start:.1f} s")
        sizes = {path: path.stat().st_size for path in index.parent.rglob("*") if path.is_file()}
        first = sum(size for path, size in sizes.items() if "questions-" not in path.name and path.suffix != ".csv")
        print(f"{len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB; read to open it {first / 1e6:.1f} MB")
        measure(index, options.repeats, options.picture)


def measure(index: Path, repeats: int, picture: Path | None) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=shutil.which("chromium"))
        times: dict[str, list[float]] = {
            "ready": [],
            "a question opened": [],
            "a filter": [],
            "a frame of scrolling": [],
        }
        for _ in range(repeats):
            page = _opened(chromium, index, "view=overview")
            times["ready"].append(page.evaluate(READY))
            page.context.close()
            page = _opened(chromium, index, "view=questions")
            times["a question opened"] += page.evaluate(STEPS, 20)
            times["a filter"] += page.evaluate(FILTERS)
            times["a frame of scrolling"] += page.evaluate(SCROLL)
            page.context.close()
        for name, found in times.items():
            print(f"{name}: {statistics.median(found):.0f} ms (worst of {len(found)}: {max(found):.0f})")
        if picture is not None:
            page = _opened(chromium, index, "view=overview", width=1200, height=640)
            page.wait_for_timeout(500)
            page.screenshot(path=picture)
            print(f"picture: {picture}, {picture.stat().st_size:,} bytes")
        chromium.close()


def _opened(chromium: Any, index: Path, state: str, width: int = 1400, height: int = 900) -> Any:
    page = chromium.new_context(viewport={"width": width, "height": height}).new_page()
    page.goto(f"file://{index.absolute()}#{state}")
    while not page.evaluate("document.body.dataset.ready"):
        page.wait_for_timeout(5)
    return page


if __name__ == "__main__":
    main()
