"""Named points at which a process can be made to die, so that what becomes of its work there can be proved.

`LINLI_FAILPOINT=ingest.written` kills the process, as kill -9 would, when it first reaches that point;
`ingest.written:17` the 17th time. Unset, which is always outside a test, a point costs one comparison.

    agent.taken          the outbox has committed what was handed over, and the caller does not know it yet
    agent.sent           messages are with the connection, and the delivery does not know it yet
    agent.acknowledged   an acknowledgement was read, and nothing is deleted yet
    ingest.received      a batch was taken from the inbox
    ingest.decoded       its messages are decoded and judged
    ingest.written       rows and positions are in the store, and nobody was answered
    ingest.acknowledged  the acknowledgements were handed to the connection
    rules.received, rules.decoded, rules.written (to the journal), rules.acknowledged   likewise
    rules.failed         an input has raised, and is neither tried once more nor journalled as skipped
    rules.applied        the engine has changed, and the database does not know it yet
    rules.snapshot       a snapshot is durable, and what it stands for is still there
    rules.told           alerts and position are in the database, and no notice went out
    rollups.read         hours that are due are summed up in memory
    rollups.written      the sums are in the store; in InfluxDB the hour is still marked as due
    retention.advanced   a horizon is durable, and nothing before it is deleted yet
    command.begun        the agent has noted a command, and nothing was done
    command.executed     it was done, and neither noted nor answered
"""

import os
import signal

VARIABLE = "LINLI_FAILPOINT"

POINTS = (
    "agent.taken",
    "agent.sent",
    "agent.acknowledged",
    "ingest.received",
    "ingest.decoded",
    "ingest.written",
    "ingest.acknowledged",
    "rules.received",
    "rules.decoded",
    "rules.written",
    "rules.acknowledged",
    "rules.failed",
    "rules.applied",
    "rules.snapshot",
    "rules.told",
    "rollups.read",
    "rollups.written",
    "retention.advanced",
    "command.begun",
    "command.executed",
)


class _Armed:
    """The point at which this process is to die, and after how many times; read once, at the first point reached."""

    def __init__(self, setting: str) -> None:
        self.point, _, times = setting.partition(":")
        if setting and (self.point not in POINTS or not (times or "1").isdecimal()):
            raise ValueError(f"{VARIABLE}={setting!r} names no point; there are {', '.join(POINTS)}")
        self.left = int(times or 1)


_armed: _Armed | None = None


def reach(point: str) -> None:
    """Die here, if this is the point and the time for it. ValueError if the variable names no point."""
    global _armed  # noqa: PLW0603  (read once for each process, not at import)
    if _armed is None:
        _armed = _Armed(os.environ.get(VARIABLE, ""))
    if _armed.point != point:
        return
    _armed.left -= 1
    if _armed.left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
