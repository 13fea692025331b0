"""Text in a spreadsheet that is never taken for a formula, and is the same text again when it comes back.

A cell that begins with one of `= + - @`, a tab or a carriage return is a formula to a spreadsheet (OWASP: CSV injection). It
gets an apostrophe before it, which spreadsheets show and leave alone. A text that has apostrophes before such a letter by
itself gets one more, so that taking one away always gives the text.
"""

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def made_inert(text: str) -> str:
    """The text as it is written into a cell."""
    return f"'{text}" if text.lstrip("'").startswith(_DANGEROUS) else text


def as_meant(text: str) -> str:
    """The text that a cell means: what `made_inert` was given."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(_DANGEROUS) else text
