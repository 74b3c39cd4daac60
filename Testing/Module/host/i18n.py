"""Stand-in for `slicer.i18n`: the words as they are written."""


def tr(text: str) -> str:
    """The text itself: this host has no translations."""
    return text


def translate(context: str, text: str) -> str:
    """The text itself."""
    return text
