"""`ports.SessionClient` over paho-mqtt: the broker keeps subscriptions and what was not acknowledged."""

from collections.abc import Sequence
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode

from linli.adapters.mqtt import MqttConfig, PahoClient

_MID_BITS = 16


class PahoSession(PahoClient):
    """A connection under a client id of its own that stays: the broker knows it again after a restart of either.

    `session` is that id; whoever knows it can throw this client out, so it should hold a secret part. `former` are topics
    that were subscribed under it before and are no longer wanted: a session keeps them until it is told otherwise.
    """

    def __init__(self, config: MqttConfig, session: str, former: Sequence[str] = ()) -> None:
        super().__init__(config, session)
        self._former = list(former)
        self._connection = 0
        self._current = 0
        self._client.manual_ack_set(True)
        self._client._client_id = session.encode()
        self._client._clean_session = False

    @property
    def current(self) -> int:
        """The message that is being handed over; 0 if it needs no acknowledgement."""
        return self._current

    def acknowledge(self, messages: Sequence[int]) -> None:
        """Tell the broker of messages that need not come again. Those of a connection that was lost come again anyway."""
        for number in messages:
            if number >> _MID_BITS == self._connection:
                self._client.ack(number & (1 << _MID_BITS) - 1, 1)

    def reconnect(self) -> None:
        """Leave the broker and come back: what was not acknowledged comes again with the next connection."""
        self._client.disconnect()  # in its turn, behind the acknowledgements that wait for the socket

    def _connect_answered(
        self, client: paho.Client, data: Any, flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        self._connection += 1
        if self._former and not reason.is_failure:
            client.unsubscribe(self._former)
        super()._connect_answered(client, data, flags, reason, properties)

    def _message_came(self, client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        number = self._connection << _MID_BITS | message.mid if message.qos else 0
        try:
            _ = message.topic
        except UnicodeDecodeError:
            self.acknowledge([number])  # nobody will ever want it
        self._current = number
        try:
            super()._message_came(client, data, message)
        finally:
            self._current = 0
