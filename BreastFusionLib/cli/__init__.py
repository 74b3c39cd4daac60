"""The command line `breastfusion`: thin commands over the library, one a job (`breastfusion --help`)."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; the process ends with 0 done, 1 failed, 2 wrong use."""
    from BreastFusionLib.cli.app import run

    run()
