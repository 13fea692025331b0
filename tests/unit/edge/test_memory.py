"""The bound on what glibc keeps for threads, seen in glibc's own account of its arenas."""

import platform
import subprocess
import sys

from edge.memory import ARENAS, bound_arenas

_COUNT = """
import ctypes, os, sys, threading
{before}
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.fopen.restype = ctypes.c_void_p
there, leave = threading.Barrier(17), threading.Event()

def hold():
    libc.malloc(1000)
    there.wait()
    leave.wait()

threads = [threading.Thread(target=hold) for _ in range(16)]
for thread in threads:
    thread.start()
there.wait()
account = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, account)
libc.fclose(account)
leave.set()
"""
_GLIBC = platform.libc_ver()[0] == "glibc"


def arenas(before: str) -> int:
    """How many there are in a process of 16 threads that did this before it started them."""
    code = _COUNT.format(before=before)
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout.count(
        "<heap nr="
    )


def test_the_bound_holds_however_many_threads_there_are() -> None:
    """Each thread would have one of its own."""
    if not _GLIBC:
        assert bound_arenas() is False
        return
    assert arenas("from edge.memory import bound_arenas; assert bound_arenas()") <= ARENAS
    assert arenas("") > ARENAS


def test_the_agents_process_sets_it_first() -> None:
    """Before anything in it can fail, or start a thread."""
    before = "import edge.__main__\nassert edge.__main__.main(['none.yaml']) == 2"
    assert not _GLIBC or arenas(before) <= ARENAS
