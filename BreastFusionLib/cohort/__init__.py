"""cohort room."""
