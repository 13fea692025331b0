"""Series of readings in the notation that Prometheus' unit tests made known.

60              one reading
60+5x4          60 65 70 75 80: the first, and four more, each 5 more than the one before
60-5x4          60 55 50 45 40
70x6            70, and six more of it
_   _x3         no reading; three times none
nan             a reading that is no number: nobody can say
"""

import math
import re

MOST = 100_000
"""Values that one series may have."""

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_STEP = re.compile(rf"({_NUMBER})(?:([-+](?:\d+\.?\d*|\.\d+))?x(\d{{1,6}}))?", re.ASCII | re.IGNORECASE)
_NONE = re.compile(r"_(?:x(\d{1,6}))?", re.ASCII)


def expand(text: str) -> list[float | None]:
    """The values one after the other, None where there is no reading. ValueError, naming the word, for what is none."""
    values: list[float | None] = []
    for word in text.split():
        values += _word(word)
        if len(values) > MOST:
            raise ValueError(f"more than {MOST} values")
    return values


def _word(word: str) -> list[float | None]:
    if word.lower() == "nan":
        return [math.nan]
    none = _NONE.fullmatch(word)
    if none is not None:
        return [None] * int(none[1] or 1)
    step = _STEP.fullmatch(word)
    if step is None:
        raise ValueError(word)
    first, more, times = float(step[1]), float(step[2] or 0), int(step[3] or 0)
    return [round(first + more * number, 9) for number in range(times + 1)]
