"""Which words in a column `split` mean training, validation and test: one answer for every table that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

__all__ = ["SPLITS", "TEST", "TRAIN", "VALIDATION", "split_word", "split_words"]

SPLITS = TRAIN, VALIDATION, TEST = "train", "validation", "test"
_OTHER_WORDS = {"training": TRAIN, "val": VALIDATION, "valid": VALIDATION, "testing": TEST}


def split_word(word: object) -> str:
    """Return 'train', 'validation' or 'test' for a word that means it, and any other word as it is.

    >>> split_word(" Val"), split_word("TEST"), split_word("External")
    ('validation', 'test', 'External')
    """
    given = str(word).strip()
    lower = given.lower()
    return lower if lower in SPLITS else _OTHER_WORDS.get(lower, given)


def split_words(column: pandas.Series) -> pandas.Series:
    """Return a column's words as `split_word` understands them; empty cells stay empty."""
    return column.map({word: split_word(word) for word in column.dropna().unique()})
