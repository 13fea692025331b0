"""The second factor: codes that a phone makes from a shared secret and the time (TOTP, RFC 6238), and codes on paper for when
the phone is lost. No I/O.

A code holds for its step of 30 s. The steps before and after are taken too, for clocks drift; no step is taken twice, so that
a code somebody looked at over a shoulder is worth nothing (RFC 6238, 5.2).
"""

import hmac
import secrets

import pyotp

from linli.clock import SECOND

STEP_S = 30
DRIFT = 1
"""Steps that a phone's clock may be ahead or behind."""
DIGITS = 6
RECOVERY_CODES = 10

_ISSUER = "Linli"
# Without 0, 1, i, l and o, which people confuse when they read a code off paper.
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """A secret of 160 random bits, in base 32 as phones take it."""
    return pyotp.random_base32()


def enrolment_uri(secret: str, account: str) -> str:
    """What the QR code says: an otpauth:// address."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S).provisioning_uri(name=account, issuer_name=_ISSUER)


def code_at(secret: str, now: int) -> str:
    """The code that a phone shows at `now` (microseconds)."""
    return pyotp.HOTP(secret, digits=DIGITS).at(now // (STEP_S * SECOND))


def matching_step(secret: str, code: str, now: int, last: int | None) -> int | None:
    """The step whose code this is, among those that count at `now` and come after `last` (the step taken last); else None."""
    given = code.replace(" ", "")
    if not (len(given) == DIGITS and given.isascii() and given.isdigit()):
        return None
    present, makes = now // (STEP_S * SECOND), pyotp.HOTP(secret, digits=DIGITS)
    found = None
    for step in range(max(0, present - DRIFT), present + DRIFT + 1):
        if hmac.compare_digest(makes.at(step), given) and (last is None or step > last):
            found = step
    return found


def looks_like_recovery(code: str) -> bool:
    """Whether somebody has typed a recovery code, right or wrong, and not one of a phone's."""
    return len(tidy_recovery(code)) == 10


def make_recovery_codes() -> list[str]:
    """Ten codes like 'k7mqp-3xw9d': 49 random bits each. Only their argon2 hashes are kept (ASVS 5.0, 6.5.2)."""
    return [
        "-".join("".join(secrets.choice(READABLE) for _ in range(5)) for _ in range(2)) for _ in range(RECOVERY_CODES)
    ]


def tidy_recovery(code: str) -> str:
    """A recovery code as it is hashed: without blanks and hyphens, in small letters."""
    return "".join(code.split()).replace("-", "").casefold()[:64]
