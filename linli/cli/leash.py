"""Run a program that must not outlive whoever started it: `python leash.py PARENT SIGNAL PROGRAM [ARGUMENT ...]`.

On Linux the kernel is asked to send SIGNAL when the starting thread ends (PR_SET_PDEATHSIG survives exec), and the
program takes this process's place. Elsewhere this process stays as a parent, passes signals on, and ends the program when
stdin ends: a pipe whose other end only the supervisor holds. Standard library only, so that it starts in milliseconds.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Become the program, or stay until it ends and return its status."""
    parent, number, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it went before the kernel was asked
            return 1
        os.execv(command[0], command)  # noqa: S606  (no shell is wanted)
    return _stay(command)


def _stay(command: list[str]) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: child.send_signal(number))
    threading.Thread(target=_end_with_stdin, args=(child,), daemon=True).start()
    status = child.wait()
    return status if status >= 0 else 128 - status


def _end_with_stdin(child: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 4096):
        pass
    child.terminate()


if __name__ == "__main__":
    sys.exit(main())
