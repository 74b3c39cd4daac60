"""What the two processes say to each other: one JSON object a line, requests in, events out.

    {"id": 7, "do": "read", "case": "..", "bundle": "..", "device": "auto", "out": ".."}

    {"event": "ready", "versions": {..}, "pid": 4711}
    {"id": 7, "event": "progress", "stage": "radiomics", "fraction": 0.35, "text": "Measuring radiomic features"}
    {"id": 7, "event": "finished", "result": {..}}
    {"id": 7, "event": "error", "kind": "input" | "memory" | "internal", "text": "a sentence", "details": ".."}

One request runs at a time; others wait in the pipe. Needs neither PyTorch nor anything of the application.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from BreastFusionLib.errors import InputError
from BreastFusionLib.files import to_plain

__all__ = ["Request", "decode", "encode", "error", "finished", "progress", "ready", "request"]


@dataclass(frozen=True)
class Request:
    """What is to be done.

    Attributes:
        number: names the request in every event about it.
        action: its name.
        arguments: by name.
    """

    number: Any
    action: str
    arguments: Mapping[str, Any]


def encode(message: Mapping[str, Any]) -> bytes:
    """Return a message as a line of ASCII; NaN and infinity become null."""
    return json.dumps(to_plain(dict(message)), allow_nan=False).encode("ascii") + b"\n"


def decode(line: bytes | str) -> dict[str, Any]:
    """Return the message of a line.

    Raises:
        InputError: the line holds no JSON object.
    """
    text = line.decode("utf-8", errors="replace") if isinstance(line, bytes) else line
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as failure:
        raise InputError(f"A message of {len(text)} characters is no JSON ({failure}).") from failure
    if not isinstance(message, dict):
        raise InputError(f"A message holds {type(message).__name__}: a JSON object is expected.")
    return message


def request(message: Mapping[str, Any]) -> Request:
    """Return the request of a message.

    Raises:
        InputError: it does not say what to do.
    """
    arguments = {str(name): value for name, value in message.items() if name not in ("id", "do")}
    if not isinstance(message.get("do"), str):
        raise InputError("A request does not say what to do: the key 'do' with the name of an action is expected.")
    return Request(message.get("id"), message["do"], arguments)


def ready(versions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first event of all; a launcher may stand between, so it names the process that is to be ended."""
    return {"event": "ready", "versions": dict(versions), "pid": os.getpid()}


def progress(number: Any, stage: str, fraction: float | None, text: str) -> dict[str, Any]:
    """Return the event of a stage that begins: `fraction` of the request is done, as far as that is known."""
    return {"id": number, "event": "progress", "stage": stage, "fraction": fraction, "text": text}


def finished(number: Any, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the last event of a request that was done."""
    return {"id": number, "event": "finished", "result": dict(result)}


def error(number: Any, kind: str, text: str, details: str = "") -> dict[str, Any]:
    """Return the last event of a request that could not be done.

    Args:
        number: of the request; None when the line named none.
        kind: 'input', 'memory' or 'internal'.
        text: a sentence for the screen.
        details: last lines of the error, for the log.
    """
    return {"id": number, "event": "error", "kind": kind, "text": text, "details": details}
