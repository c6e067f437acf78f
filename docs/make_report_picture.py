"""Take the picture of a report that the README shows.

    otarig certify --board reference --out out/picture
    python -m docs.make_report_picture out/picture

It needs Chromium, which is installed from the system's package manager if it is missing.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.chromium import chromium

PICTURE = Path(__file__).parent / "images" / "report.png"
WIDTH, HEIGHT = 1280, 1000


def take(report: Path, picture: Path) -> None:
    """Write the top of the report's page as PNG."""
    picture.parent.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        chromium(Path(directory) / "profile") as page,
    ):
        page.show(WIDTH, HEIGHT)
        page.open(report / "report.html")
        page.picture(picture)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "report.html").is_file():
        sys.exit("usage: python -m docs.make_report_picture DIRECTORY-OF-A-REPORT")
    take(Path(sys.argv[1]), PICTURE)
