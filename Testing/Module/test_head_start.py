"""What the first lesion needs is there before it is drawn."""

from __future__ import annotations

from BreastFusionLib.exam.breast import find_midline


def test_the_first_lesion_looks_for_no_midline(panel, phantom_exam, wait_until, monkeypatch):
    from BreastFusionPanel.bridge import segments
    from BreastFusionPanel.bridge.exam_nodes import add_exam

    looked = []
    monkeypatch.setattr(segments, "find_midline", lambda exam: looked.append(exam) or find_midline(exam))
    context = panel.panel.context
    list(add_exam(phantom_exam.exam, context.parameters))
    wait_until(lambda: looked, what="the midline")
    looked.clear()
    segment_id = segments.add_lesion(context.parameters, phantom_exam.lesion.mask)
    wait_until(lambda: (known := panel.panel.lesion.book.get(segment_id)) and known.measures, what="the measures")
    assert panel.panel.lesion.book[segment_id].side == phantom_exam.lesion.side
    assert looked == []


def test_a_study_that_is_left_is_not_looked_at(panel, phantom_exam, monkeypatch):
    import slicer
    from BreastFusionPanel.bridge.exam_nodes import add_exam
    from BreastFusionPanel.lesion import head_start

    looked = []
    monkeypatch.setattr(head_start, "midline_of", lambda *study: looked.append(study))
    list(add_exam(phantom_exam.exam, panel.panel.context.parameters))
    panel.exit()
    for _turn in range(20):
        slicer.app.processEvents()
    assert looked == []
