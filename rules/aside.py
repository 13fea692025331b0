"""Work beside the loop: begun on another thread and fetched when it is done, or done again and again."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Generic, ParamSpec, TypeVar

from linli.clock import Clock

P = ParamSpec("P")
T = TypeVar("T")


class AtOnce(Executor):
    """An executor that does it there and then, for those who have no loop to keep going."""

    def submit(self, act: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do it now."""
        future: Future[T] = Future()
        try:
            future.set_result(act(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  (whoever asks for the result gets it)
            future.set_exception(error)
        return future


class Every:
    """Something that is due again and again; at first at once."""

    def __init__(self, clock: Clock, every_s: float) -> None:
        self._clock = clock
        self._every_s = every_s
        self._next = float("-inf")

    def due(self) -> bool:
        """Whether it is; then it is not for a while."""
        now = self._clock.monotonic()
        if now < self._next:
            return False
        self._next = now + self._every_s
        return True

    def now(self) -> None:
        """Make it due."""
        self._next = float("-inf")

    def not_before(self, seconds: float) -> None:
        """Make it due in so many seconds, and no sooner."""
        self._next = self._clock.monotonic() + seconds


class Aside(Generic[T]):
    """One piece of work at a time."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._future: Future[T] | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way and nothing waits to be fetched."""
        return self._future is None

    def begin(self, act: Callable[[], T]) -> None:
        """Begin it, if nothing is under way."""
        if self._future is None:
            self._future = self._executor.submit(act)

    def fetch(self, *, wait: bool = False) -> tuple[T] | None:
        """What came of it, once it is done, and once only; raises what it raised. `wait`: until it is done."""
        if self._future is None or not (wait or self._future.done()):
            return None
        future, self._future = self._future, None
        return (future.result(),)
