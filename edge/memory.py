"""How much memory the C library may hold back for the agent's threads."""

import contextlib
import ctypes
import os

ARENAS = 2
_M_ARENA_MAX = -8  # malloc.h


def bound_arenas(most: int = ARENAS) -> bool:
    """Let glibc's malloc keep `most` arenas; to be called before there are threads. Whether this is glibc, and it did.

    Without a bound it opens one for nearly every thread, up to eight a core, and each keeps what was freed in it: as many times
    what one large moment needed. Other C libraries have no such setting.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):  # what another system says to each step
        if (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, most))
    return False
