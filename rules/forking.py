"""Work done by a copy of the process, as it is at this instant, while the process itself goes on.

A state of hundreds of megabytes of small things takes seconds to be encoded, and must not change meanwhile. A fork is such a
copy, made in milliseconds: what both have they share until one of them changes it. The child does nothing but its work: no
other thread is in it, so it takes no lock that one may have held; it lets go of every file at once, so that neither
connections nor locks outlive the process; and it ends without a word. If the process dies first, the child ends its work, and
nothing depends on whether it does.
"""

import contextlib
import gc
import os
import resource
import sys
import warnings
from collections.abc import Callable

CAN_FORK = sys.platform == "linux"
"""Elsewhere system libraries may not live through it."""

_MOST_SAID = 1000


class ChildFailed(Exception):
    """The work was not done; what the child said of it."""


class Child:
    """One piece of work at a time."""

    def __init__(self) -> None:
        self._pid = 0
        self._said = -1

    @property
    def idle(self) -> bool:
        """Whether nothing is under way and nothing waits to be fetched."""
        return self._pid == 0

    def begin(self, act: Callable[[], object]) -> None:
        """Have it done by a copy of this process. OSError if there cannot be one now."""
        reading, writing = os.pipe()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on, for what is said at the top
                pid = os.fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        if pid == 0:
            _do(act, writing)
        os.close(writing)
        self._pid, self._said = pid, reading

    def fetch(self, *, wait: bool = False) -> bool:
        """Whether it is done, once and once only; ChildFailed if it could not be. `wait`: until it is."""
        if self._pid == 0:
            return False
        pid, status = os.waitpid(self._pid, 0 if wait else os.WNOHANG)
        if pid == 0:
            return False
        said = os.read(self._said, _MOST_SAID).decode(errors="replace")
        os.close(self._said)
        self._pid, self._said = 0, -1
        if status != 0:
            raise ChildFailed(said or f"it ended with status {status}")
        return True


def _do(act: Callable[[], object], writing: int) -> None:
    """The child's whole life."""
    status = 1
    try:
        gc.disable()
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        os.closerange(3, writing)
        os.closerange(writing + 1, min(most, 65_536))
        act()
        status = 0
    except BaseException as error:  # noqa: BLE001  (told to the parent; there is nobody else here)
        with contextlib.suppress(OSError):
            os.write(writing, str(error).encode()[:_MOST_SAID])
    finally:
        os._exit(status)
