"""What commands print: the words as they are."""

from __future__ import annotations

import pytest

from BreastFusionLib.cli.output import emit, messages


def test_brackets_in_names_are_printed_and_never_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"warnings": ["scanner '[old]' was not among the training cases"]}, False, lambda: None)
    messages.print("Report: studies/[bold]/report.html [/oops]")
    assert capsys.readouterr().err.splitlines() == [
        "! scanner '[old]' was not among the training cases",
        "Report: studies/[bold]/report.html [/oops]",
    ]
