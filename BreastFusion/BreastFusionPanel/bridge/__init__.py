"""MRML nodes <-> the library's own values: geometry, exams, lesions, readings. The only place that knows both."""
