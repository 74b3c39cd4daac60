"""lesion room."""
