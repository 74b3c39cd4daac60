"""The parts of the dictionary that `evaluate_predictions` gives: each file fills some of its keys."""
