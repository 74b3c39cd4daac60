"""service: the program that computes for an application which must not load PyTorch itself.

    python -m BreastFusionLib.service FOLDER

It is started once and stays warm. Requests and events are JSON, one object a line (`protocol`); exams and cases travel
as arrays through FOLDER (`transfer`). Both modules are for the application's own process too; everything heavy is
behind `actions`, which only this program imports.

`second_opinion` is a program of its own, for the module's own test: the same reading without this one.
"""

from BreastFusionLib.service.transfer import (
    read_case,
    read_exam_arrays,
    read_mapped,
    write_case,
    write_exam_arrays,
    write_mapped,
)

__all__ = ["read_case", "read_exam_arrays", "read_mapped", "write_case", "write_exam_arrays", "write_mapped"]
