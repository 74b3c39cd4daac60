"""The panel of BreastFusion in 3D Slicer: what a radiologist sees, and the bridge to the library that computes.

`panel` puts the sections together, each in a folder of its own (`exam`, `lesion`, `mapping`, `classify`, `setup`);
`context` is what they share and `parameters` what is kept in the scene. `bridge` turns MRML nodes into the library's
exams and lesions and back; `process` runs the library in a process of its own, so that nothing here ever waits for
PyTorch; `display` is what the views show. Nothing in this package measures anything itself.

File names are unique over all folders: Slicer's translations tell texts apart by the name of their file.
"""
