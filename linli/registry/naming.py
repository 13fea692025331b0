"""How a thing gets its id: once, when it is first registered. It says where the thing was then, and nothing of a person.

A later change of name or number leaves the id as it is: alerts, readings and agents know the thing by it.
"""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable

_LONGEST = 64
_DIGEST = 6


def slug(text: str) -> str:
    """The text in the letters of an id; '' if none of them is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")


def derived_id(*parts: str, taken: Callable[[str], bool] = lambda _: False) -> str:
    """An id made of what the thing is in ('lakeview'), and of its own name or number ('12').

    The same parts give the same id, but for one that is `taken`: also by what was removed. A part in other letters becomes
    a short digest of it; what is too long ends in one.
    """
    made = "-".join(_part(part) for part in parts if part)
    if len(made) > _LONGEST:
        made = f"{made[: _LONGEST - _DIGEST - 1].rstrip('-_')}-{_digest(made)}"
    found, number = made, 1
    while taken(found):
        number += 1
        found = f"{made[: _LONGEST - len(str(number)) - 1]}-{number}"
    return found


def random_id(letter: str) -> str:
    """An id that says nothing, for a person and what is theirs: `letter`, and 80 random bits."""
    return letter + secrets.token_hex(10)


def _part(text: str) -> str:
    found = slug(text)
    whole = all(ord(letter) < 128 for letter in unicodedata.normalize("NFKC", text))
    return found if found and whole else "-".join(filter(None, (found, _digest(text))))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST // 2).hexdigest()
