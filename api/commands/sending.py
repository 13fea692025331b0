"""Sends commands to gateways and hears what became of them. Knows nothing of people: rights are `api.commands.service`'s business.

What was asked is in the database before it is on the wire, and every step after; so whichever process hears the answer may
note it, and one that was killed in between leaves nothing open: what nobody answered is timed out by the next that looks.
A command that could not be handed to the broker at once is over: nothing is sent later by surprise.
"""

import logging
import threading
from collections import deque
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from linli.clock import MINUTE, Clock
from linli.codec import decode_status
from linli.commands.kinds import complete
from linli.commands.life import ANSWERED, ASK_AGAIN_AFTER, GIVE_UP_AFTER, CommandEvent
from linli.commands.wire import LIFETIME, Command, Reply, decode_reply, encode_command, new_command_id
from linli.db.commands import SqlCommands, StoredCommand
from linli.errors import Conflict, NotSent, Refused, TooMany
from linli.i18n import Text
from linli.model import Device
from linli.ports import MqttClient
from linli.topics import GatewayTopic, Leaf, any_gateway, parse

AT_MOST = 20
"""Commands of one person in a minute."""

LOOK_EVERY_S = 0.5
MAX_QUEUED = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    gateway: str
    reply: Reply


class CommandDesk:
    """One process's connection for commands. `send` may be called from any thread, once started.

    Without a client (or before it is connected) every command is refused at once. `gateway` narrows what is heard to one.
    """

    def __init__(
        self, commands: SqlCommands, clock: Clock, client: MqttClient | None, gateway: GatewayTopic | None = None
    ) -> None:
        self._commands = commands
        self._clock = clock
        self._client = client
        self._gateway = gateway
        self._online: dict[str, bool] = {}
        self._answers: deque[_Answer] = deque(maxlen=MAX_QUEUED)
        self._asked_again: set[str] = set()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> None:
        """Begin to connect, to hear answers, and to time out what gets none, of whichever process sent it."""
        if self._client is not None:
            filters = [any_gateway(leaf) for leaf in (Leaf.REPLY, Leaf.STATUS)]
            if self._gateway is not None:
                place = self._gateway
                filters = [
                    str(GatewayTopic(place.community, place.gateway, leaf)) for leaf in (Leaf.REPLY, Leaf.STATUS)
                ]
            self._client.subscribe(filters, 1)
            self._client.start(self._came, lambda: None, self._lost)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and the connection. Stopping twice is allowed."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        if self._client is not None:
            self._client.stop()

    @property
    def connected(self) -> bool:
        """Whether a command could be sent now."""
        return self._client is not None and self._client.connected

    def online(self, gateway: str) -> bool | None:
        """Whether the gateway is connected to the broker, as the broker says; None if it has not said."""
        return self._online.get(gateway)

    def send(self, actor: str, device: Device, name: str, arguments: dict[str, int], reason: str) -> StoredCommand:
        """Ask the device's gateway, and return once the broker has it; how it ends is in the database within seconds.

        Refused for what the device cannot be told; TooMany; Conflict if the gateway is offline; NotSent without a
        connection. The last two are kept as refused commands: that somebody tried is part of the record.
        """
        asked = self._asked(actor, device, name, arguments, reason)
        if not self._commands.add(asked, at_most=AT_MOST, since=asked.asked_at - MINUTE):
            text = Text("一分钟内的命令过多，请稍候再试", "too many commands in a minute; wait, then try again")
            raise TooMany(text, retry_after_s=30)
        if self._online.get(device.gateway) is False:
            self._unsent(asked, "gateway_offline")
            raise Conflict(
                Text(
                    f"网关 {device.gateway} 离线，命令没有发出",
                    f"gateway {device.gateway} is offline: nothing was sent",
                )
            )
        if not self._publish(asked):
            self._unsent(asked, "no_broker")
            raise NotSent(
                Text(
                    "与消息服务器没有连接，命令没有发出，以后也不会补发",
                    "there is no connection to the broker: the command was not sent, and will not be sent later",
                )
            )
        sent = self._commands.apply(asked.id, CommandEvent.SENT, self._clock.now())
        return sent or self._commands.get(asked.id) or asked  # the answer may have been quicker

    def _asked(self, actor: str, device: Device, name: str, arguments: dict[str, int], reason: str) -> StoredCommand:
        now = self._clock.now()
        return StoredCommand(
            id=new_command_id(),
            community=device.community,
            device=device.id,
            gateway=device.gateway,
            kind=device.kind,
            name=name,
            arguments=complete(device.kind, name, arguments),
            reason=reason,
            actor=actor,
            asked_at=now,
            expires_at=now + LIFETIME,
        )

    def _publish(self, asked: StoredCommand) -> bool:
        if self._client is None:
            return False
        command = Command(asked.id, asked.device, asked.name, asked.asked_at, asked.expires_at, asked.arguments)
        topic = GatewayTopic(asked.community, asked.gateway, Leaf.COMMAND)
        return self._client.publish(str(topic), encode_command(command), qos=1)

    def _unsent(self, asked: StoredCommand, code: str) -> None:
        self._commands.apply(asked.id, CommandEvent.UNSENT, self._clock.now(), code=code)

    # --- on the connection's thread ---

    def _came(self, topic: str, payload: bytes, retained: bool) -> None:
        try:
            place = parse(topic)
            if not isinstance(place, GatewayTopic):
                return
            if place.leaf is Leaf.STATUS:
                self._online[place.gateway] = decode_status(payload).online
            elif place.leaf is Leaf.REPLY and not retained:
                self._answers.append(_Answer(place.gateway, decode_reply(payload)))
                self._wake.set()
        except Refused as refusal:
            _log.warning("what came on %s is not understood: %s", topic[:200], refusal)

    def _lost(self, _reason: str) -> None:
        self._online.clear()  # the broker says it again, retained, once we are back

    # --- on its own ---

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(LOOK_EVERY_S)
            self._wake.clear()
            try:
                self._note_answers()
                self._look()
            except SQLAlchemyError as error:
                _log.warning("commands cannot be read or noted: %s", error)
                self._stopped.wait(LOOK_EVERY_S)
            except Exception:  # noqa: BLE001  nobody starts this thread again: whatever it meets, the next round tries anew
                _log.exception("the command desk failed; it tries again")
                self._stopped.wait(LOOK_EVERY_S)

    def _note_answers(self) -> None:
        while self._answers:
            answer = self._answers[0]
            reply = answer.reply
            noted = self._commands.apply(
                reply.id,
                ANSWERED[reply.state],
                self._clock.now(),
                code=reply.reason,
                detail=reply.detail,
                gateway=answer.gateway,
            )
            self._answers.popleft()
            if noted is not None:
                _log.info("command %s: %s %s", noted.id, noted.state, noted.code)

    def _look(self) -> None:
        """Ask again for what should have been answered, and give up what was not."""
        now = self._clock.now()
        still_open = self._commands.open()
        self._asked_again &= {command.id for command in still_open}
        for command in still_open:
            if now >= command.expires_at + GIVE_UP_AFTER:
                self._commands.apply(command.id, CommandEvent.EXPIRED, now, code="no_answer")
            elif now >= command.expires_at + ASK_AGAIN_AFTER and command.id not in self._asked_again:
                self._asked_again.add(command.id)
                self._publish(command)
