"""reading room."""
