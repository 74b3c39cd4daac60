"""Work done in small steps between events, so that the window never freezes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import qt

__all__ = ["Steps"]


class Steps:
    """Advances a generator by one step in each turn of the event loop; keep the object as long as it shall work.

    Attributes:
        is_done: it came to its end, failed, or was stopped.
    """

    def __init__(
        self,
        steps: Iterator[Any] | Generator[Any, None, Any],
        on_step: Callable[[Any], None] | None = None,
        on_done: Callable[[Any], None] | None = None,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        """Begin; the first step is made when the event loop runs.

        Args:
            steps: a generator; its `return` value goes to `on_done`.
            on_step: takes what each step yields.
            on_done: takes the generator's return value.
            on_error: takes the exception that ended it; without it a failure ends the steps silently.
        """
        self.is_done = False
        self._steps = steps
        self._on_step, self._on_done, self._on_error = on_step, on_done, on_error
        # A timer of its own and not `singleShot`, so that `stop` leaves no call behind.
        self._timer = qt.QTimer()
        # Started anew after each step: what became due during a step comes before the next one.
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._advance)
        self._timer.start()

    def stop(self) -> None:
        """Make no further step; nobody is told, and the generator is closed, so that it can clean up."""
        if not self.is_done:
            self.is_done = True
            self._timer.stop()
            # In the application a timer holds whom it calls, who holds the timer: neither would ever go.
            self._timer.deleteLater()
        # What a step does may lead here; a generator cannot be closed while it runs.
        if not getattr(self._steps, "gi_running", False) and hasattr(self._steps, "close"):
            self._steps.close()

    def _advance(self) -> None:
        try:
            value = next(self._steps)
        except StopIteration as end:
            self._end(self._on_done, end.value)
        except Exception as error:
            self._end(self._on_error, error)
        else:
            if self.is_done:  # stopped by this very step
                self.stop()
            else:
                self._timer.start()
                _tell(self._on_step, value)

    def _end(self, receiver: Callable[[Any], None] | None, value: Any) -> None:
        was_stopped = self.is_done
        self.stop()
        if not was_stopped:
            _tell(receiver, value)


def _tell(receiver: Callable[[Any], None] | None, value: Any) -> None:
    if receiver is not None:
        receiver(value)
