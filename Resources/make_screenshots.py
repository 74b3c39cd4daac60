"""Make the pictures that the README shows from what `make demo` left behind: `make screenshots`.

Needs Chromium or Chrome; it opens the demo's own pages without a window and without a network.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Page of the demo -> picture, and the part of it (width x height in pixels from the top) that is shown.
PICTURES = {"reading/report.html": ("reading.png", 1100, 1315), "report.html": ("demo.png", 1200, 1770)}


def main() -> None:
    """Take all pictures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("demo", type=Path, nargs="?", default=Path("demo"), help="folder of the demo")
    arguments.add_argument("--out", type=Path, default=Path(__file__).parent / "Screenshots")
    options = arguments.parse_args()
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"No browser found: install one of {', '.join(BROWSERS)}.")
    for page, (name, width, height) in PICTURES.items():
        source = options.demo / page
        if not source.is_file():
            sys.exit(f"{source} does not exist: run `make demo` first.")
        with tempfile.TemporaryDirectory() as profile:
            flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
            quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
            shot = [f"--window-size={width},{height}", f"--screenshot={options.out / name}"]
            subprocess.run(
                [browser, *flags, *quiet, *shot, source.resolve().as_uri()], check=True, stderr=subprocess.DEVNULL
            )
        print(options.out / name)


if __name__ == "__main__":
    main()
