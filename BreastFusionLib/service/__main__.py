"""The program: takes requests on stdin, one after the other, until it is closed; tells of them on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from BreastFusionLib.reading.versions import versions
from BreastFusionLib.service import protocol
from BreastFusionLib.service.actions import Actions
from BreastFusionLib.service.failures import describe, release_memory

__all__ = ["main", "serve"]

Send = Callable[[Mapping[str, Any]], None]


def main(arguments: list[str]) -> int:
    """Run the program.

    Args:
        arguments: the private folder for arrays.

    Returns:
        The process's exit status.
    """
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("Usage: python -m BreastFusionLib.service FOLDER (a folder that exists)", file=sys.stderr)
        return 2
    requests, events = _take_streams()

    def send(message: Mapping[str, Any]) -> None:
        events.write(protocol.encode(message))
        events.flush()

    try:
        send(protocol.ready(versions(radiomics=False)))
        serve(requests, send, Actions(Path(arguments[0]).resolve()))
    except (BrokenPipeError, KeyboardInterrupt):  # whoever asked is gone
        return 1
    return 0


def serve(requests: BinaryIO, send: Send, actions: Actions) -> None:
    """Answer every line of `requests` until there are no more."""
    for line in iter(requests.readline, b""):
        if line.strip():
            _answer(line, send, actions)


def _answer(line: bytes, send: Send, actions: Actions) -> None:
    number, arguments = None, {}
    try:
        message = protocol.decode(line)
        number = message.get("id")
        request = protocol.request(message)
        arguments = dict(request.arguments)

        def tell(stage: str, fraction: float | None, text: str) -> None:
            send(protocol.progress(number, stage, fraction, text))

        result = actions.run(request.action, arguments, tell)
    except BrokenPipeError:
        raise
    except Exception as error:
        kind, text, details = describe(error, arguments)
        if details:
            print(details, file=sys.stderr, flush=True)
        failed = protocol.error(number, kind, text, details)
    else:
        send(protocol.finished(number, result))
        return
    if failed["kind"] == "memory":  # out of the handler, nothing holds the failed request's images any more
        release_memory()
    send(failed)


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for the protocol alone.

    Whatever else writes to stdout, compiled libraries included, then writes to stderr; and nobody else reads requests.
    """
    requests = os.fdopen(os.dup(0), "rb")
    events = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, events


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
