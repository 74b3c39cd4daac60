"""Section 3: the lesion on T1 and T2, by geometry at once, by registration on a button."""
