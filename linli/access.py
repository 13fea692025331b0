"""Who may publish and subscribe to what at the broker: one user for each gateway and each service, kept with its password.

A table, so that it can be read: what is not here is refused. How a broker is told is the business of whoever starts it.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from linli.errors import BrokerError, NotFound
from linli.i18n import Text
from linli.ids import check_id, new_secret
from linli.model import Consumer, Lane
from linli.topics import GatewayTopic, Leaf, ack_topic, any_alert, any_gateway, lane_topic, status_topic

_GATEWAY = "gateway."


@dataclass(frozen=True, slots=True)
class Access:
    """Topic filters that a user may publish to and subscribe to. '+' stands for one level; '#' is never granted."""

    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """A user of the broker with its password in clear: the file it lies in has mode 600."""

    name: str
    password: str
    access: Access


_LANES = (any_gateway(Leaf.URGENT), any_gateway(Leaf.BULK), any_gateway(Leaf.STATUS))

SERVICES: Mapping[str, Access] = {
    "ingest": Access(publish=(ack_topic("+", "+", Consumer.INGEST),), subscribe=_LANES),
    "rules": Access(publish=(ack_topic("+", "+", Consumer.RULES), any_alert()), subscribe=_LANES),
    "api": Access(
        publish=(any_gateway(Leaf.COMMAND),), subscribe=(any_alert(), any_gateway(Leaf.REPLY), any_gateway(Leaf.STATUS))
    ),
    "tester": Access(subscribe=(any_alert(), any_gateway(Leaf.STATUS))),
}
"""Linli's own services. 'tester' is who plays scenarios: it sees alerts and publishes nothing."""


def gateway_access(community: str, gateway: str) -> Access:
    """What one gateway may do: its own topics and no other's. Refused for an id that is none: it might be a wildcard."""
    check_id(community, "community")
    check_id(gateway, "gateway")
    return Access(
        publish=(
            lane_topic(community, gateway, Lane.URGENT),
            lane_topic(community, gateway, Lane.BULK),
            status_topic(community, gateway),
            str(GatewayTopic(community, gateway, Leaf.REPLY)),
        ),
        subscribe=(ack_topic(community, gateway, "+"), str(GatewayTopic(community, gateway, Leaf.COMMAND))),
    )


def service_user(service: str) -> str:
    """The broker's name for a service of ours. Gateway users are named 'gateway.<id>', so the two never meet."""
    return f"linli.{service}"


def gateway_user(gateway: str) -> str:
    """The broker's name for a gateway."""
    return f"{_GATEWAY}{check_id(gateway, 'gateway')}"


class BrokerUsers:
    """The users of the embedded broker, in one JSON file of mode 600 that is replaced as a whole."""

    def __init__(self, secrets: Path) -> None:
        self.file = secrets / "broker.json"

    def all(self) -> dict[str, BrokerUser]:
        """Every user by name; none if the file is not there yet."""
        if not self.file.exists():
            return {}
        try:
            entries = json.loads(self.file.read_text())
            return {name: _user(name, entry) for name, entry in entries.items()}
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            raise BrokerError(
                Text(
                    f"{self.file} 已损坏：删除它并重新启动，Linli 会重新生成密码",
                    f"{self.file} is damaged: remove it and start again, and Linli makes new passwords",
                )
            ) from None

    def get(self, name: str) -> BrokerUser:
        """The user of that name, or NotFound."""
        user = self.all().get(name)
        if user is None:
            raise NotFound(Text(f"消息服务器中没有用户 {name}", f"the broker has no user {name}"))
        return user

    def ensure(self, wanted: Mapping[str, Access]) -> bool:
        """Add who is missing, with a password made now, and correct the access of who is there; whether any changed."""
        with self._alone():
            have = self.all()
            return self._change(have, have, wanted)

    def follow(self, wanted: Callable[[], Mapping[str, Access]], *, make: bool = True) -> bool:
        """As `ensure`, and take away gateways that are not wanted (any more). `make`: also where there is no table yet.

        `wanted` is asked while no other can write: of two commands at once neither takes away what the other has added.
        """
        with self._alone():
            have = self.all()
            if not have and not make:
                return False
            named = wanted()
            kept = {name: user for name, user in have.items() if name in named or not name.startswith(_GATEWAY)}
            return self._change(have, kept, named)

    def renew(self, name: str, access: Access) -> BrokerUser:
        """The user with a password made now, so that who has the old one is no longer let in; BrokerError without a table.

        A table that is not there is not made here: it would lack the services, and the broker would throw them out.
        """
        gone = BrokerError(
            Text(
                f"{self.file} 不存在：请在服务器上运行 linli up",
                f"{self.file} is not there: run linli up on the server",
            )
        )
        if not self.file.exists():
            raise gone
        with self._alone():
            users = self.all()
            if not users:
                raise gone
            user = users[name] = BrokerUser(name, new_secret(), access)
            self._replace(users)
            return user

    def _change(
        self, have: Mapping[str, BrokerUser], kept: Mapping[str, BrokerUser], wanted: Mapping[str, Access]
    ) -> bool:
        users = dict(kept)
        for name, access in wanted.items():
            old = kept.get(name)
            users[name] = BrokerUser(name, old.password if old else new_secret(), access)
        if users == have:
            return False
        self._replace(users)
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other writers, of this process or another, waiting; the kernel takes the lock back from who is killed."""
        import fcntl  # here: who only reads (an agent) may run where there is none

        handle = os.open(self.file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _replace(self, users: Mapping[str, BrokerUser]) -> None:
        document = {user.name: {"password": user.password, "access": asdict(user.access)} for user in users.values()}
        write_secret(self.file, json.dumps(document, indent=1))


def write_secret(file: Path, text: str) -> None:
    """Replace `file` by `text` in one step, readable by its owner alone. Of two at once, one is there in the end, whole."""
    handle, fresh = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".new", dir=file.parent)  # its mode is 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(fresh).replace(file)
    except BaseException:
        Path(fresh).unlink()
        raise


def _user(name: str, entry: Mapping[str, object]) -> BrokerUser:
    password, access = entry["password"], entry["access"]
    if not isinstance(password, str) or not isinstance(access, dict):
        raise TypeError(name)
    return BrokerUser(name, password, Access(tuple(access["publish"]), tuple(access["subscribe"])))
