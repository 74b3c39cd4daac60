"""From the scene to what is sent: scales are measured once, corrections go along, folders do not pile up."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def inputs(demo_bundle):
    from BreastFusionLib.reading.bundle import read_bundle_header

    return read_bundle_header(demo_bundle).recipe.inputs


@pytest.fixture
def counted(scene, monkeypatch):
    """Counts the volumes that are measured."""
    from BreastFusionPanel.process import reading_request

    calls = []
    measure = reading_request.measure_scale
    monkeypatch.setattr(
        reading_request, "measure_scale", lambda volume, spec: calls.append(spec) or measure(volume, spec)
    )
    return calls


def test_scales_are_those_that_cutting_would_measure(study, inputs):
    from BreastFusionPanel.process.reading_request import ScaleCache, case_of

    from BreastFusionLib.reading.portion import cut_case

    parameters, segment_id = study
    scales = ScaleCache()
    assert list(scales.measure(parameters, inputs)) == ["dce", "t1", "t2"]
    assert scales.known(parameters, inputs) == dict(cut_case(case_of(parameters, segment_id), inputs).scales)


def test_a_volume_is_measured_once_until_its_voxels_change(study, inputs, counted):
    import slicer
    from BreastFusionPanel.process.reading_request import ScaleCache

    parameters, _segment = study
    scales = ScaleCache()
    list(scales.measure(parameters, inputs))
    list(scales.measure(parameters, inputs))
    assert len(counted) == 3

    slicer.util.arrayFromVolume(parameters.t1Volume)[...] *= 2
    slicer.util.arrayFromVolumeModified(parameters.t1Volume)
    assert list(scales.measure(parameters, inputs)) == ["t1"]


def test_another_phase_is_measured_when_the_reader_chooses_it(study, inputs):
    from BreastFusionPanel.process.reading_request import ScaleCache

    parameters, _segment = study
    scales = ScaleCache()
    list(scales.measure(parameters, inputs))
    parameters.usedPhase = 1
    assert list(scales.measure(parameters, inputs)) == ["dce"]


def test_scales_are_warmed_between_events(study, inputs, counted, wait_until):
    from BreastFusionPanel.process.reading_request import ScaleCache, warm_scales

    parameters, _segment = study
    scales = ScaleCache()
    steps = warm_scales(parameters, inputs, scales)
    assert counted == []
    wait_until(lambda: steps.is_done, 10, "the scales")
    assert len(counted) == 3 and len(scales.known(parameters, inputs)) == 3


def test_a_mapping_by_geometry_is_left_to_the_reading_and_a_registered_one_goes_along(study, phantom_exam):
    import dataclasses

    from BreastFusionPanel.bridge.exam_nodes import exam_of
    from BreastFusionPanel.bridge.mapped_segments import show_mapped
    from BreastFusionPanel.bridge.segments import lesion_of
    from BreastFusionPanel.process.reading_request import case_of

    from BreastFusionLib.lesion import map_lesion

    parameters, segment_id = study
    exam = exam_of(parameters)
    mapped = map_lesion(lesion_of(parameters, segment_id, exam), exam, "t1")
    show_mapped(parameters, segment_id, mapped)
    assert case_of(parameters, segment_id).mapped == {}
    show_mapped(parameters, segment_id, dataclasses.replace(mapped, method="rigid registration"))
    assert case_of(parameters, segment_id).mapped["t1"].method == "rigid registration"


def test_the_phase_that_the_reader_chose_goes_along(study):
    from BreastFusionPanel.process.reading_request import case_of

    parameters, segment_id = study
    assert case_of(parameters, segment_id).dce_phase is None
    parameters.usedPhase = 1
    assert case_of(parameters, segment_id).dce_phase == 1


@pytest.fixture
def worker(scene):
    from BreastFusionPanel.process.worker import Worker

    worker = Worker()
    yield worker
    worker.stop()


def test_a_reading_leaves_its_case_for_further_questions_until_the_next_one(study, demo_bundle, worker):
    from BreastFusionPanel.process.reading_request import ScaleCache, submit_reading

    from BreastFusionLib.reading.bundle import read_bundle_header

    parameters, segment_id = study
    header, scales = read_bundle_header(demo_bundle), ScaleCache()
    heard = []

    def read():
        request = submit_reading(
            worker, parameters, segment_id, header, "cpu", heard.append, heard.append, heard.append, scales
        )
        result = request.wait(60)
        return request.arguments["case"], result

    case, result = read()
    assert heard[-1] == result
    assert Path(case).is_dir() and (Path(result["folder"]) / "reading.json").is_file()
    low_high = worker.request("stability", {"case": case, "bundle": str(demo_bundle), "device": "cpu"}).wait(60)
    assert low_high["low"] <= result["reading"]["probability"] <= low_high["high"]

    _case, again = read()
    assert again["reading"]["probability"] == result["reading"]["probability"]
    assert not Path(case).exists()
    assert [path.name for path in worker.folder.glob("read-*")] == [Path(again["folder"]).parent.name]


def test_a_lesion_that_is_deleted_between_the_steps_is_a_sentence(study, demo_bundle, worker):
    from BreastFusionPanel.bridge.segments import remove_lesion
    from BreastFusionPanel.process.reading_request import submit_reading

    from BreastFusionLib.errors import InputError
    from BreastFusionLib.reading.bundle import read_bundle_header

    parameters, segment_id = study
    heard = []
    request = submit_reading(
        worker, parameters, segment_id, read_bundle_header(demo_bundle), "cpu", heard.append, heard.append
    )
    remove_lesion(parameters, segment_id)
    with pytest.raises(InputError):
        request.wait(60)
    assert heard[0].kind == "input"
