"""Section 1: the study, its phases, what the views show of it."""
