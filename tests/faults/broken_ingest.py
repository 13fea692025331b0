"""`python -m tests.faults.broken_ingest`: ingest as it must never be. It answers first and writes half a second later, so
what it had answered when it is killed is gone. The harness has to say so."""

import sys
import threading
from collections import deque
from typing import Any

import ingest.__main__ as program
from linli.adapters.store import build_store
from linli.settings import Settings

DELAY_S = 0.5


class LateStore:
    """A store that says 'written' at once, and writes DELAY_S later."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._waiting: deque[tuple[Any, ...]] = deque()
        threading.Thread(target=self._run, name="late", daemon=True).start()

    def write(self, *batch: Any) -> None:
        """Promise it."""
        self._waiting.append(batch)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(DELAY_S):
            for _ in range(len(self._waiting)):
                self._store.write(*self._waiting.popleft())


def _late(settings: Settings) -> Any:
    return LateStore(build_store(settings))


if __name__ == "__main__":
    vars(program)["build_store"] = _late
    sys.exit(program.main())
