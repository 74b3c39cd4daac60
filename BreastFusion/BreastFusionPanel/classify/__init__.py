"""Section 4: a model, a reading, its evidence, and what is saved of it."""
