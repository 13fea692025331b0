"""Two agents under one gateway's name: what a stolen password looks like, and a machine that was cloned. No I/O.

Theory of operation. An agent's `bootid` names its outbox, and is another only once that is lost: it goes from one to the next and
never back, though messages of the old one that were under way may be mixed up with the first of the new. Two agents that run
side by side are heard in turn for as long as they do, each every ten seconds at least. So it takes TURNS changes between the
same few, within WITHIN and over no less than LASTING.

Who takes over an agent's very client id knocks it off the broker, and it comes back and knocks in turn: heard in turn as well.
Who also goes on with its outbox's name and numbers makes it begin another outbox (`edge.delivery`), and is then one of two.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from linli.clock import MINUTE, SECOND

TURNS = 4
"""A, B, A, B, A."""

WITHIN = MINUTE
LASTING = 2 * SECOND
AGAIN_AFTER = MINUTE
"""While it goes on it is told once a minute."""

_MOST = 100_000


@dataclass(slots=True)
class _Gateway:
    bootid: str
    turns: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=TURNS))
    told_at: int | None = None


class Doubles:
    """Hears whose messages come, and tells which gateways two agents speak for."""

    def __init__(self) -> None:
        self._gateways: OrderedDict[str, _Gateway] = OrderedDict()

    def heard(self, gateway: str, bootid: str, at: int) -> bool:
        """A message of `gateway` came at `at` (the server's time, microseconds); whether to tell that there are two of it now."""
        known = self._gateways.get(gateway)
        if known is None:
            self._gateways[gateway] = _Gateway(bootid)
            if len(self._gateways) > _MOST:
                self._gateways.popitem(last=False)
            return False
        if known.bootid == bootid:
            return False
        known.turns.append((at, known.bootid))
        known.bootid = bootid
        return self._is_news(known, at)

    def _is_news(self, known: _Gateway, at: int) -> bool:
        left = [before for _, before in known.turns]
        recent = len(left) == TURNS and LASTING <= at - known.turns[0][0] <= WITHIN
        if (
            not recent or len({*left, known.bootid}) == TURNS + 1
        ):  # each another: one agent that loses its outbox again and again
            return False
        if known.told_at is not None and at - known.told_at < AGAIN_AFTER:
            return False
        known.told_at = at
        return True
