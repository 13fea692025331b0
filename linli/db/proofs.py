"""What proves who somebody is, as it is kept: passwords and recovery codes as argon2id hashes, and of session cookies and API
tokens the SHA-256 (they are 256 random bits, which no dictionary finds).
"""

import functools
import hashlib
import secrets
import threading

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from linli.passwords import MAX_LENGTH
from linli.secondfactor import READABLE

# OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, 2 passes, 1 lane. With two at a time a sign-in storm costs 38 MiB.
_HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
_AT_ONCE = threading.BoundedSemaphore(2)


def make_password() -> str:
    """Three groups of five readable letters and digits, 'k7mqp-3xw9d-hh2rt': 74 random bits."""
    return "-".join("".join(secrets.choice(READABLE) for _ in range(5)) for _ in range(3))


def new_token() -> str:
    """A secret of 256 random bits, in URL-safe letters."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a cookie or token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def hashed(password: str) -> str:
    """What is kept of a password or recovery code."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def verified(password: str, kept: str) -> bool:
    """Whether it is the password. Takes as long for one that is too long to be anybody's."""
    taken = password if len(password) <= MAX_LENGTH else ""
    with _AT_ONCE:
        right = _HASHER.verify(taken.encode("utf-8", "surrogatepass"), kept)
    return right and taken == password


@functools.cache
def nobodys_hash() -> str:
    """A hash of the same cost that no password fits: what is checked for a name that nobody has."""
    return hashed(secrets.token_urlsafe(32))
