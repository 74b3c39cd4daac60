"""Volumes of lesions as they stand on the screen."""

from __future__ import annotations

from slicer.i18n import tr as _

__all__ = ["volume_text"]


def volume_text(volume_mm3: float) -> str:
    """Return a volume as it is read most easily: '68 mm³', '3.77 cm³', '412 cm³'; it never wraps."""
    if volume_mm3 < 100:
        return _("{volume:.0f}\u00a0mm³").format(volume=volume_mm3)
    if volume_mm3 >= 100_000:
        return _("{volume:.0f}\u00a0cm³").format(volume=volume_mm3 / 1000)
    return _("{volume:.2f}\u00a0cm³").format(volume=volume_mm3 / 1000)
