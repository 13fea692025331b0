"""One-time codes by which an agent gets its gateway's credentials: how they are made, read, and kept. Decides only.

A code is 15 random letters (75 bits) and one that checks them, in Crockford's base32 (crockford.com/base32.html): no I, L,
O or U, which people read wrong, and what they write instead is understood. It looks like `7K3M-Q9XT-2PFD-0WJH`.
"""

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from linli.clock import HOUR, MINUTE
from linli.i18n import Text

VALID_FOR = 24 * HOUR
MAX_VALID_FOR = 7 * 24 * HOUR
ANSWERED_AGAIN_FOR = 15 * MINUTE
"""So long after it was redeemed the same attempt is answered again: its answer may have been lost on the way."""

MAX_CODE = 64
"""Characters that are looked at; a code is 19 with its dashes."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans("OIL", "011")
_LETTERS = 16
_GROUP = 4


def new_code() -> str:
    """A code nobody can guess, in groups of four letters."""
    letters = [secrets.randbelow(32) for _ in range(_LETTERS - 1)]
    code = "".join(_ALPHABET[letter] for letter in (*letters, _check_letter(letters)))
    return "-".join(code[start : start + _GROUP] for start in range(0, _LETTERS, _GROUP))


def read_code(written: str) -> str | None:
    """The 16 letters of what somebody typed: in either case, with or without dashes, full-width, O for 0, I or L for 1.

    None if it cannot be a code. One wrong letter, or two swapped, is always found.
    """
    plain = unicodedata.normalize("NFKC", written[:MAX_CODE]).upper()
    plain = "".join(letter for letter in plain if letter.isalnum()).translate(_MISREAD)
    letters = [_ALPHABET.find(letter) for letter in plain]
    if len(letters) != _LETTERS or -1 in letters or _check_letter(letters[:-1]) != letters[-1]:
        return None
    return plain


def digest(letters: str) -> str:
    """What is kept of a code. One SHA-256: 75 random bits are in no dictionary, and they are good for a day."""
    return hashlib.sha256(letters.encode()).hexdigest()


def _check_letter(letters: list[int]) -> int:
    """A Reed-Solomon check over GF(32): each letter times another power of 2, so no swap and no single change is missed."""
    check = 0
    for letter in letters:
        check = _doubled(check ^ letter)
    return check


def _doubled(value: int) -> int:
    value <<= 1
    return value ^ 0b100101 if value & 32 else value  # x^5 + x^2 + 1, of which x is a primitive element


class Standing(StrEnum):
    """What a code that was found is good for."""

    OPEN = "open"
    AGAIN = "again"
    """It was redeemed by this very attempt, a moment ago."""
    USED = "used"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A code as it is kept. `attempt_hash`: of the attempt that redeemed it. Times are microseconds since 1970 UTC."""

    gateway: str
    expires_at: int
    redeemed_at: int | None = None
    attempt_hash: str | None = None


def judge(enrolment: Enrolment, attempt_hash: str, now: int) -> Standing:
    """What the code is good for at `now`, when `attempt_hash` asks."""
    if enrolment.redeemed_at is None:
        return Standing.OPEN if now < enrolment.expires_at else Standing.EXPIRED
    same = secrets.compare_digest(enrolment.attempt_hash or "", attempt_hash)
    recent = 0 <= now - enrolment.redeemed_at < ANSWERED_AGAIN_FOR
    return Standing.AGAIN if same and recent else Standing.USED


REASONS: dict[str, Text] = {
    "enrolment_unknown": Text(
        "注册码不对：请逐字核对，或向管理员要一个新的",
        "the code is wrong: compare it letter by letter, or ask the administrator for a new one",
    ),
    "enrolment_used": Text(
        "注册码已经用过，每个只能用一次：请管理员再执行 linli gateway invite",
        "the code has been used, and each works once: have the administrator run linli gateway invite again",
    ),
    "enrolment_expired": Text(
        "注册码已经过期：请管理员再执行 linli gateway invite",
        "the code has expired: have the administrator run linli gateway invite again",
    ),
}
"""Why a code is not taken, by the stable reason in the answer. One that nobody made is 'unknown', like one forgotten."""
