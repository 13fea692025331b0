"""Every error that Linli raises on purpose.

    LinliError                    all of ours; its text is in both languages and says what to do
    |-- ConfigError               a setting, a rule file, a mapping or a scenario is wrong: file, line, reason
    |-- OutboxError               an agent's outbox cannot be opened or written (edge.outbox.outbox)
    |-- DataFolderError           the data folder is of a newer version, locked, or cannot be written
    |-- BackupError               a backup cannot be made, is not sound, or cannot be restored (linli.backups)
    |   `-- NotDone               disk or system did not let it be done
    |-- PortTaken                 something else listens where Linli should: who, and what to do
    |-- Refused                   an input is not taken: the reason has a stable code
    |   `-- MalformedMessage      what arrived over MQTT is not a message of the wire format
    |-- UnknownParameter          a request says something that its address does not take
    |-- NotJson                   a request whose body is not JSON, or does not say so
    |-- NotFound                  no such alert, device, person ...
    |-- Conflict                  the thing is not in a state in which this can be done
    |-- Outdated                  the thing was changed since who changes it has read it
    |-- MatchMissing              who changes it does not say which version they have read
    |-- NotSignedIn               who asks is not known (or no longer): sign in
    |-- NotAllowed                who asks is known, and their role may not do this
    |-- TooMany                   asked too often: after how many seconds to try again
    |-- NotAnswering              a process of ours has not answered in time; what was asked is kept
    |-- StoreError                the store of readings and events
    |   |-- StoreUnavailable      it does not answer: try the same batch again later
    |   `-- StoreRefused          it answered no: the same batch again would be refused again
    |-- BrokerError               the MQTT broker does not answer, refuses the sign-in or a topic
    |   `-- NotSent               so a command was not sent, and will not be
    |-- ApiProblem                a Linli that a script talks to refuses: status, type and words are the server's
    |-- ApiUnreachable            there is no such server, or it is not Linli
    `-- GrafanaError              Grafana does not answer, or refuses what is published to it

The base-class split is 'ours against theirs': a StoreUnavailable is the other side's fault and passes by itself, a
Refused is the sender's. Facts are attributes, so nobody parses a message text.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from linli.i18n import Text


class LinliError(Exception):
    """Base of all errors raised on purpose. `text` is for people, in both languages."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text

    def __str__(self) -> str:
        return str(self.text)


class ConfigError(LinliError):
    """A file or setting that people write is wrong.

    `file` is None for an environment variable; `line` counts from 1 and is None where no line is to blame.
    """

    def __init__(self, text: Text, *, file: Path | None = None, line: int | None = None) -> None:
        place = "" if file is None else f"{file}:{line}: " if line is not None else f"{file}: "
        super().__init__(Text(zh=place + text.zh, en=place + text.en))
        self.file = file
        self.line = line
        self.reason = text


class DataFolderError(LinliError):
    """The data folder cannot be used as it is."""


class PortTaken(LinliError):
    """Another process listens on a port that Linli needs."""

    def __init__(self, text: Text, *, port: int, pid: int | None = None) -> None:
        super().__init__(text)
        self.port = port
        self.pid = pid


class Refused(LinliError):
    """An input that is not taken. `reason` is a stable code such as 'unregistered_device'; `detail` is for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(Text(zh=f"已拒绝（{reason}）：{detail}", en=f"refused ({reason}): {detail}"))
        self.reason = reason
        self.detail = detail


class MalformedMessage(Refused):
    """Bytes from MQTT that are not a message of the wire format."""


class UnknownParameter(LinliError):
    """A request has query parameters that its address does not take: `unknown`; it takes `known`."""

    def __init__(self, text: Text, *, unknown: tuple[str, ...], known: tuple[str, ...]) -> None:
        super().__init__(text)
        self.unknown = unknown
        self.known = known


class NotJson(LinliError):
    """A request has a body that does not say that it is JSON, where JSON is wanted."""


class NotFound(LinliError):
    """There is no such thing, or not for this person."""


class Conflict(LinliError):
    """The thing is there, but not in a state in which this can be done."""


class Outdated(LinliError):
    """The thing was changed since it was read by whoever changes it now."""


class MatchMissing(LinliError):
    """Changing the thing takes saying which version of it was read."""


class NotSignedIn(LinliError):
    """Who asks is not known: no session or token, or one that has ended, or a wrong name or password."""


class NotAllowed(LinliError):
    """The person's role does not allow this."""


class TooMany(LinliError):
    """Asked too often. `retry_after_s`: after how many seconds it may work."""

    def __init__(self, text: Text, *, retry_after_s: float) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class NotAnswering(LinliError):
    """A process of ours has not answered in time. What was asked of it is stored, and done when it is back."""


class StoreError(LinliError):
    """The store of readings and events failed."""


class StoreUnavailable(StoreError):
    """The store does not answer; the same batch may be written again later."""


class StoreRefused(StoreError):
    """The store answered that it will not take this batch; the same batch would be refused again.

    `dropped`: how many observations of the batch are not stored, if it says so, and the others are; None if it does not.
    """

    def __init__(self, text: Text, *, dropped: int | None = None) -> None:
        super().__init__(text)
        self.dropped = dropped


class BrokerError(LinliError):
    """The MQTT broker does not answer, or refuses the sign-in or a topic."""


class NotSent(BrokerError):
    """There is no connection to the broker: a command was not sent, and will not be sent later."""


class ApiProblem(LinliError):
    """The API of a Linli refuses what a script asks. `type`: of the problem document (RFC 9457), which is `document`."""

    def __init__(self, text: Text, *, status: int, type: str = "", document: Mapping[str, Any] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.type = type
        self.document = dict(document or {})


class ApiUnreachable(LinliError):
    """Nothing at the address answers as Linli's API does."""


class GrafanaError(LinliError):
    """Grafana does not answer, or refuses what is published to it. `status` is its HTTP status, None without an answer."""

    def __init__(self, text: Text, *, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status
