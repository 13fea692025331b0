"""Which readings matter: the columns, as rules, registry and watches have them. No I/O, no clock.

A series has a row once it was heard. Its band is closed whenever something about its device has changed, and opened anew when
the next reading of it is looked at.
"""

import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from linli.model import Device, Lane
from rules.engine.columns import LANES, NEVER, UNWATCHED, Columns, Newest
from rules.engine.compiled import Compiled, Kind
from rules.engine.ladder import Ref
from rules.engine.scope import Heard, Scope
from rules.engine.timers import Timer, Wait
from rules.engine.watches import Watch

MOST_IDLE = 100_000
"""Series of a gateway that no clause looks at: what an agent names is not bounded otherwise. More are forgotten all at once."""

Watches = Mapping[Ref, Watch]


class Screening:
    """`on`: without it no reading is ever passed over (for tests)."""

    def __init__(self, *, on: bool = True) -> None:
        self.columns = Columns(screening=on)
        self.scope = Scope()
        self._idle: dict[str, int] = {}
        self._stirred: set[str] = set()
        """Devices whose bands are closed, all of them, for sure."""

    # --- rows -------------------------------------------------------------------------------------------------------

    def row(self, gateway: str, series: str) -> int | None:
        """The row of what a gateway reports; None if it may not speak of it."""
        number = self.columns.number(gateway, series)
        if number is not None:
            return number
        heard = self.heard(gateway, series)
        if heard is None:
            return None
        if not heard.evaluated:
            self._idle[gateway] = self._idle.get(gateway, 0) + 1
        if not heard.watched:
            return self.columns.ignore(gateway, series)
        return self.columns.add(gateway, series, heard.evaluated)

    def tidy(self) -> None:
        """Forget what gateways have named too much of, and no clause looks at. Not while a run is under way, which has rows."""
        for gateway, count in list(self._idle.items()):
            if count > MOST_IDLE:
                self._idle[gateway] = 0
                for series, number in list(self.columns.of_gateway(gateway).items()):
                    if self.columns.rows["clauses"][number] == 0:
                        self.columns.forget(gateway, series)

    def row_of(self, heard: Heard) -> int:
        """The row of a series that its gateway may speak of."""
        return self.row(heard.gateway, f"{heard.device.id}/{heard.quantity}") or UNWATCHED

    def heard(self, gateway: str, series: str) -> Heard | None:
        """What the series is to the rules; None if the gateway may not speak of it."""
        heard, known = self.scope.heard(series), self.scope.registry.gateways.get(gateway)
        if heard is None or known is None or heard.gateway != gateway or heard.community != known.community:
            return None
        return heard

    def change(self, scope: Scope, only: AbstractSet[str] | None = None) -> None:
        """Rules or registry have changed, or `only` these devices. What was noted of a series stays while its gateway may speak
        of it."""
        before, self.scope = self.scope, scope
        if only is None:
            self._idle.clear()
            self._stirred.clear()
            concerned = list(self.columns.series())
        else:
            self._stirred -= only
            concerned = self._series_of(only, before)
        for gateway, series, number in concerned:
            heard = self.heard(gateway, series)
            if heard is None or number == UNWATCHED or not heard.evaluated:
                self.columns.forget(gateway, series)
            else:
                self.columns.add(gateway, series, heard.evaluated)

    def _series_of(self, devices: AbstractSet[str], before: Scope) -> list[tuple[str, str, int]]:
        """What is known of the series of these devices, wherever they were and are."""
        known = (scope.registry.devices.get(device) for scope in (before, self.scope) for device in devices)
        return [
            (gateway, series, number)
            for gateway in sorted({device.gateway for device in known if device is not None})
            for series, number in self.columns.of_gateway(gateway).items()
            if series.partition("/")[0] in devices
        ]

    # --- readings ---------------------------------------------------------------------------------------------------

    def note(
        self, device: Device, quantity: str, value: float, unit: str | None, time: int, base: int, lane: Lane
    ) -> None:
        """The newest reading of a series, or (without a quantity) an event of the device."""
        number = self.row(device.gateway, f"{device.id}/{quantity}") or UNWATCHED
        self.columns.note(number, value, time, self.columns.unit(unit), base, LANES.index(lane))

    def newest(self, device: Device, quantity: str) -> Newest | None:
        """The newest reading of a series, None if there was none yet."""
        number = self.columns.number(device.gateway, f"{device.id}/{quantity}")
        return None if number is None else self.columns.newest(number)

    def last_reading(self, device: Device) -> Newest | None:
        """The newest reading of a device, whatever it says; None if an event came after it, or there is none."""
        rows = self.columns.of_device(device.gateway, device.id)
        reports = [report for number in rows if (report := self.columns.newest(number)) is not None]
        last = max(reports, key=lambda report: report.stamp, default=None)
        event = self.newest(device, "")
        return None if last == event else last

    # --- bands ------------------------------------------------------------------------------------------------------

    def stir(self, gateway: str, device: str) -> None:
        """Something about the device has changed: the next reading of each of its series is to be looked at."""
        if device in self._stirred:
            return
        self._stirred.add(device)
        for number in self.columns.of_device(gateway, device):
            self.columns.close(number)

    def open(self, number: int, heard: Heard, watches: Watches, waits: Iterable[Wait]) -> None:
        """Work out the band of a row anew. `watches` of the device; `waits`: its timers, but those of clauses that wait for any
        report of it."""
        patience = self._patience(heard, watches)
        if number == UNWATCHED or patience is None or not heard.looks.plain:
            return
        newest = self.columns.newest(number)
        value = newest.value if newest is not None else math.nan
        band = heard.looks.ladder.band(value) if newest is not None else None
        if band is None and heard.looks.clauses:
            return
        low, high = band or (-math.inf, math.inf)
        looking = heard.looks.clauses
        for ref in heard.looks.ladder.beyond(value) | (watches.keys() & looking.keys()):
            clause, watch = looking[ref], watches.get(ref)
            quiet = clause.limit.right if watch is None else watch.quiet(clause, value)
            if quiet is None:
                return
            low, high = max(low, quiet[0]), min(high, quiet[1])
        self._stirred.discard(heard.device.id)
        due = min((min(wait.at, wait.deadline) for wait in waits), default=NEVER)
        self.columns.set_band(number, (low, high), due=due, unit=heard.looks.unit, patience=patience or None)

    def _patience(self, heard: Heard, watches: Watches) -> int | None:
        """How long the device may be silent; 0: as long as it likes; None: some clause has to see each of its reports."""
        patience = 0
        for ref in heard.plan.anything:
            clause, watch = heard.plan.clauses[ref], watches.get(ref)
            wait = watch.waits.get(Timer.WAIT) if watch is not None else None
            if not only_waits(clause) or wait is None or wait.lane is not Lane.BULK:
                return None
            patience = min(patience or clause.hold, clause.hold)
        return patience


def only_waits(clause: Compiled) -> bool:
    """Whether another report of its device makes no difference to a clause that waits for any."""
    return clause.kind is Kind.MISSING and clause.anything and clause.by == "device" and clause.settle == 0
