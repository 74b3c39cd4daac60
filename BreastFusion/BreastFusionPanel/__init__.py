"""The panel of BreastFusion in 3D Slicer: what a radiologist sees, and the bridge to the library that computes.

`panel` puts the sections together; `context` is what they share; `parameters` is what is kept in the scene. `bridge`
turns MRML nodes into the library's exams and lesions and back; `worker` runs the library in a process of its own, so
that nothing here ever waits for PyTorch. Nothing in this package measures anything itself.
"""
