"""A small host in which the module opens and is driven outside 3D Slicer.

    from host import start
    host = start()          # from here on `slicer`, `qt`, `ctk` and `vtk` are importable as in the application

Real:
    - the MRML scene, its nodes, storage and the module logics (slicer-core, Slicer's own code compiled as a wheel);
    - `slicer.util`, with `VTKObservationMixin`;
    - the segment editor's logic behind the stand-in of its widget;
    - slice logics, layout logic, the displayable managers that draw outlines, markups and the crosshair (`views`);
    - Qt (PySide6, off screen).

Stand-ins:
    - PythonQt: Q_PROPERTYs are shown as attributes on PySide6's classes; receivers that are bound methods are held
      weakly here (PythonQt holds them), and enumerations are Python enumerations;
    - the widgets of ctk and qMRML (`ctk_widgets`, `node_combo_box`, `segment_editor`): what module code calls, drawn
      plainly; the segment editor has no effects, a test draws through its methods; others are there by name only
      (`named_widgets`);
    - `slicer.app`, layout manager, IO manager, module and extensions managers, `slicer.modules` (`application`,
      `layouts`, `files`, `modules`); views exist as nodes and logics, no window shows them;
    - the plugins of the subject hierarchy: data nodes get their items, segments do not (`subject_hierarchy`);
    - `slicer.ScriptedLoadableModule`, `slicer.parameterNodeWrapper`, `slicer.i18n`: replaced by Slicer's own files
      where the environment variable BREASTFUSION_SLICER_SOURCE names a checkout of its sources;
    - `slicer.packaging`: records, installs nothing;
    - message boxes and file dialogs: never wait, answer as the test said before (`dialogs`).

Not there: DICOM database, command line modules, three-dimensional views, the plot view's widget, translations, the
terminologies' and colours' files.

Beside them: `opening` opens and closes a module, `views` makes pictures, `errors` keeps what slots and observers raise.
"""

from __future__ import annotations

from .start import Host, start

__all__ = ["Host", "start"]
