"""The agent's side of commands: judged, noted on disk, carried out, answered. One after the other, on a thread of its own.

Theory of operation. Whether a command is carried out is decided by `judge` from the command, what the device can be told and
the time: without I/O. What it decides is final for that id. The log (`edge.commands.log`) has the id before an actuator is
called, so a kill at any instant leaves one of three things behind: no trace (the command may come again, and is then judged
anew), an id without an answer (answered 'interrupted', never carried out again), or an id with its answer (repeated to
whoever asks). Answers that find no connection are tried again for a while; the server asks again anyway.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from edge.commands.log import CommandLog, CommandLogError, digest_of
from edge.outbox.outbox import OutboxError
from linli import failpoints
from linli.clock import Clock, format_time
from linli.commands.kinds import command_kind, complete
from linli.commands.wire import MAX_LIFETIME, TOLERANCE, Command, Reply, ReplyState, decode_command, encode_reply
from linli.errors import LinliError, MalformedMessage, Refused
from linli.model import JsonValue

_log = logging.getLogger(__name__)

MAX_WAITING = 100
"""Commands that wait for their turn; above it one is dropped, and the server hears nothing of it."""

_RETRY_S = 0.5
_TRIED_FOR_S = 60.0
_AFTER_DAMAGE_S = (MAX_LIFETIME + 2 * TOLERANCE) / 1e6
"""With the log lost, whatever was under way has expired by then."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a device can be told here: its kind (`linli.commands.kinds`), and which of that kind's commands."""

    kind: str
    commands: Collection[str]


class Actuator(Protocol):
    """What carries out commands for some devices. Called on the commands' thread only; each call takes seconds at most."""

    def offer(self, device: str) -> Offer | None:
        """What the device can be told, or None if it is none of these."""

    def execute(self, command: Command) -> str:
        """Do it, with every argument given; what is known of the outcome, for people.

        Refused if nothing was begun; any other error says that it is not known what happened.
        """


class Agent(Protocol):
    """What is needed of `edge.agent.Agent`."""

    def reply(self, payload: bytes) -> bool:
        """Publish an answer; False if there is no connection."""

    def take_event(self, device: str, type: str, data: Mapping[str, JsonValue]) -> None:
        """Take an event."""


def judge(command: Command, offer: Offer | None, now: int) -> Command:
    """The command with all its arguments, if it is to be carried out at `now` (the server's time as far as known).

    Refused with the reason 'expired', 'not_yet_due', 'unknown_device', 'unknown_command' or 'bad_arguments'.
    """
    if offer is None:
        raise Refused("unknown_device", f"{command.device} takes no commands at this gateway")
    if command.command not in offer.commands:
        there = ", ".join(sorted(offer.commands)) or "nothing"
        raise Refused("unknown_command", f"{command.device} takes {there} at this gateway")
    arguments = complete(offer.kind, command.command, command.arguments)
    if now > command.expires_at + TOLERANCE:
        raise Refused("expired", f"it was good until {format_time(command.expires_at)} and it is {format_time(now)}")
    if now < command.issued_at - TOLERANCE:
        raise Refused("not_yet_due", f"it is from {format_time(command.issued_at)} and it is {format_time(now)}")
    return replace(command, arguments=arguments)


@dataclass(slots=True)
class CommandCounts:
    """Since the start. `dropped`: too many at once, or no commands at all."""

    done: int = 0
    refused: int = 0
    failed: int = 0
    repeated: int = 0
    dropped: int = 0


class CommandHandler:
    """Carries out what the server asks of this gateway's devices. `take` may be called from any thread after `start`.

    `ahead_ms` gives how far this clock is ahead of the server's, None while that is not known.
    """

    def __init__(
        self,
        folder: Path,
        actuators: Sequence[Actuator],
        agent: Agent,
        clock: Clock,
        ahead_ms: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._recorded = CommandLog(folder)
        self._actuators = actuators
        self._agent = agent
        self._clock = clock
        self._ahead_ms = ahead_ms
        self._waiting: deque[bytes] = deque()
        self._unsent: deque[tuple[Reply, float]] = deque(maxlen=MAX_WAITING)
        self._wake = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._not_before = float("-inf")
        self.counts = CommandCounts()

    def start(self) -> None:
        """Open the log, and answer what a crash has cut off.

        If the log cannot be opened every command is refused until it can: alarms go out all the same.
        """
        try:
            self._open()
        except CommandLogError as error:
            _log.error("no commands for now: %s", error)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)
        self._thread.start()

    def _open(self) -> None:
        if not self._recorded.open():
            self._not_before = self._clock.monotonic() + _AFTER_DAMAGE_S
        for reply in self._recorded.interrupt(self._clock.now()):
            _log.warning("command %s was cut off when the agent ended", reply.id)
            self._unsent.append((reply, self._clock.monotonic()))

    def stop(self) -> None:
        """Finish the command under way, drop those that wait, close the log. Stopping twice is allowed."""
        if self._thread is None:
            return
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout=10)
        self._thread = None
        self._recorded.close()

    def take(self, payload: bytes) -> None:
        """A command has come. Returns at once."""
        with self._wake:
            if len(self._waiting) >= MAX_WAITING:
                self.counts.dropped += 1
                _log.error("a command is dropped: %d wait already", MAX_WAITING)
                return
            self._waiting.append(payload)
            self._wake.notify()

    # --- on its own thread ---

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._stopping, _RETRY_S if self._unsent else None)
                if self._stopping:
                    return
                payload = self._waiting.popleft() if self._waiting else None
            try:
                self._send_again()
                if payload is not None:
                    self._handle(payload)
            except Exception:  # noqa: BLE001  (a command's boundary: whatever one meets, the next is heard)
                _log.exception("a command could not be handled")

    def _handle(self, payload: bytes) -> None:
        try:
            command = decode_command(payload)
        except MalformedMessage as refusal:
            self.counts.dropped += 1
            _log.warning("a command that is none was dropped: %s", refusal)
            return
        reply = self._answer(command, digest_of(payload))
        if reply is not None:
            _log.info("command %s: %s %s", command.id, reply.state, reply.reason)
            self._send(reply)

    def _answer(self, command: Command, digest: bytes) -> Reply | None:
        """The answer, after having done what there was to do."""
        try:
            if not self._recorded.is_open:
                self._open()
            known = self._recorded.find(command.id)
            if known is None:
                return self._once(command, digest)
        except CommandLogError as error:
            _log.error("%s", error)
            return self._reply(command, ReplyState.REFUSED, "log_failed", error.text.en)
        self.counts.repeated += 1
        if known.digest != digest:
            return self._reply(command, ReplyState.REFUSED, "id_reused", "this id was another command's")
        return known.reply

    def _once(self, command: Command, digest: bytes) -> Reply:
        actuator = next((one for one in self._actuators if one.offer(command.device) is not None), None)
        offer = None if actuator is None else actuator.offer(command.device)
        self._recorded.begin(command.id, digest)
        failpoints.reach("command.begun")
        try:
            self._demand_log()
            complete_command = judge(command, offer, self._server_time())
            assert actuator is not None
            assert offer is not None
            reply = self._execute(actuator, offer, complete_command)
        except Refused as refusal:
            self.counts.refused += 1
            reply = self._reply(command, ReplyState.REFUSED, refusal.reason, refusal.detail)
        failpoints.reach("command.executed")
        try:
            self._recorded.finish(reply)
        except CommandLogError as error:  # it is done all the same, and the id is kept: it will not be done again
            _log.error("the answer to %s could not be noted: %s", command.id, error)
        return reply

    def _server_time(self) -> int:
        return self._clock.now() - round((self._ahead_ms() or 0) * 1000)

    def _demand_log(self) -> None:
        left = self._not_before - self._clock.monotonic()
        if left > 0:
            raise Refused(
                "log_lost", f"the log of commands was damaged: nothing is carried out for another {left:.0f} s"
            )

    def _execute(self, actuator: Actuator, offer: Offer, command: Command) -> Reply:
        try:
            detail = actuator.execute(command)
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001  (an actuator's boundary: its fault is the answer)
            _log.exception("command %s to %s failed", command.command, command.device)
            self.counts.failed += 1
            said = error.text.en if isinstance(error, LinliError) else f"{type(error).__name__}: {error}"
            return self._reply(command, ReplyState.FAILED, "device_failed", said)
        self.counts.done += 1
        self._tell(offer, command)
        return self._reply(command, ReplyState.DONE, "", detail)

    def _tell(self, offer: Offer, command: Command) -> None:
        """Let rules know why the door opens."""
        event = command_kind(offer.kind, command.command).event
        if event is None:
            return
        try:
            self._agent.take_event(command.device, event, {"command": command.id})
        except OutboxError as error:
            _log.error("that %s was done is not reported: %s", command.command, error)

    def _reply(self, command: Command, state: ReplyState, reason: str, detail: str) -> Reply:
        return Reply(command.id, state, reason, detail.replace("\x00", " "), self._clock.now())

    def _send(self, reply: Reply) -> None:
        if not self._agent.reply(encode_reply(reply)):
            self._unsent.append((reply, self._clock.monotonic()))

    def _send_again(self) -> None:
        for _ in range(len(self._unsent)):
            reply, since = self._unsent.popleft()
            if self._agent.reply(encode_reply(reply)) or self._clock.monotonic() - since > _TRIED_FOR_S:
                continue
            self._unsent.append((reply, since))
