"""Which devices can really run a model: found by running a tiny kernel, not by asking a driver."""

from __future__ import annotations

from typing import Any, Literal

from BreastFusionLib.errors import InputError, nearest_known

__all__ = ["Wanted", "choose_device", "list_devices"]

Wanted = Literal["auto", "cpu", "cuda"]


def list_devices() -> list[dict[str, Any]]:
    """Return every device as {"name", "usable", "reason"}: 'cpu', then one 'cuda:<n>' each, or 'cuda' if none."""
    try:
        import torch
    except ImportError:
        return [{"name": "cpu", "usable": False, "reason": "PyTorch is not installed: pip install torch torchvision."}]
    cpu = {"name": "cpu", "usable": True, "reason": f"{torch.get_num_threads()} threads"}
    if not torch.cuda.is_available():
        built = torch.version.cuda is not None
        reason = "no graphics card with a working driver was found" if built else "this PyTorch is built for CPUs only"
        return [cpu, {"name": "cuda", "usable": False, "reason": reason}]
    return [cpu, *(_probe(index) for index in range(torch.cuda.device_count()))]


def choose_device(wanted: str = "auto") -> tuple[str, str]:
    """Choose where a model runs.

    Args:
        wanted: 'auto' (a graphics card when one works), 'cpu', or 'cuda'.

    Returns:
        The device's name for PyTorch, and a sentence for the screen.

    Raises:
        InputError: when 'cuda' is wanted and none works (never a silent CPU), or nothing is usable.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise InputError(f"Unknown device '{wanted}'. {nearest_known(wanted, ('auto', 'cpu', 'cuda'))}")
    devices = list_devices()
    cpu, cards = devices[0], devices[1:]
    card = next((device for device in cards if device["usable"]), None)
    if wanted != "cpu" and card is not None:
        return card["name"], f"Runs on {card['reason']}."
    why_not = "; ".join(f"{device['name']}: {device['reason']}" for device in cards) or cpu["reason"]
    if wanted == "cuda":
        raise InputError(f"No graphics card can be used ({why_not}). Choose the device 'cpu' or 'auto'.")
    if not cpu["usable"]:
        raise InputError(cpu["reason"])
    return "cpu", "Runs on the CPU." if wanted == "cpu" else f"Runs on the CPU ({why_not})."


def _probe(index: int) -> dict[str, Any]:
    """Run one small convolution on a graphics card and check its result."""
    import torch

    name = f"cuda:{index}"
    try:
        image = torch.ones(1, 1, 4, 4, device=name)
        total = float(torch.nn.functional.conv2d(image, torch.ones(1, 1, 3, 3, device=name)).sum())
        title = torch.cuda.get_device_name(index)
    except RuntimeError as error:  # 'no kernel image', a broken driver, no memory left
        return {"name": name, "usable": False, "reason": str(error).splitlines()[0]}
    usable = total == 36.0
    return {"name": name, "usable": usable, "reason": title if usable else f"{title} computes wrong results"}
