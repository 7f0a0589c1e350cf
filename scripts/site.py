"""What ProperDocs needs to know of this repository: pages that stand outside docs/, and links to them.

README.md is the first page. A link from docs/ to ``../results/LOG.md`` leads there in the repository and on the site.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from properdocs.config.defaults import ProperDocsConfig
    from properdocs.structure.files import Files
    from properdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
ALSO = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "results/LOG.md": "results/LOG.md",
    "results/ladder.png": "results/ladder.png",
    "results/report.png": "results/report.png",
    "results/leaderboard.csv": "results/leaderboard.csv",
}
"""Where a file stands on the site."""
EXAMPLE = "example"
"""The folder of the page about the bundled benchmark, which docs/report.md links to."""


def on_files(files: Files, config: ProperDocsConfig) -> Files:
    """Add what stands outside docs/."""
    from properdocs.structure.files import File

    for path, place in ALSO.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_post_build(config: ProperDocsConfig) -> None:
    """Add the page that ``spider-opt report`` makes of the recorded runs on the bundled benchmark."""
    from spider_opt.benchmarks import load
    from spider_opt.report.page import write_report

    runs = sorted((ROOT / "results" / "runs").glob("*-spider-mini-test*"))
    write_report(runs, Path(config.site_dir) / EXAMPLE, benchmark=load("spider-mini"))


def on_page_markdown(markdown: str, page: Page, config: ProperDocsConfig, files: Files) -> str:
    """Have links follow the files: what is in docs/ stands at the top of the site."""
    if page.file.src_uri in ALSO.values():
        return markdown.replace("](docs/", "](").replace("](../docs/", "](../")
    return markdown.replace("](../README.md", "](index.md").replace("](../", "](")
