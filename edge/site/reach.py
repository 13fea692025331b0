"""Whether a broker can be reached, step by step: its name, its port, its certificate, the sign-in. Each step is a Finding.

The steps are those a connection takes anyway; taken one at a time, each failure has one cause and one thing to do.
"""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from edge.config import Broker
from edge.site.findings import Finding, State
from linli.clock import DAY, SECOND, format_time
from linli.errors import ConfigError
from linli.i18n import Text
from linli.ports import MqttClient
from linli.tls import client_context, explain

LINLIS_BROKER = Text("Linli 的消息服务器", "Linli's broker")
DEVICE_BROKER = Text("设备一侧的消息服务器", "device broker")

CONNECT_S = 5.0
_ALERT_S = 1.0
"""TLS 1.3 answers a client's certificate after the handshake; a broker says nothing else unasked."""
_EXPIRES_SOON = 14 * DAY


def reach(broker: Broker, prefix: str, now: int) -> Iterator[Finding]:
    """Name, port and certificate of the broker; ends after the first that is WRONG. `now`: microseconds since 1970 UTC."""
    whose = DEVICE_BROKER if prefix else LINLIS_BROKER
    for finding in _reach(broker, prefix, now):
        yield replace(finding, said=Text(f"{whose.zh}：{finding.said.zh}", f"{whose.en}: {finding.said.en}"))


def _reach(broker: Broker, prefix: str, now: int) -> Iterator[Finding]:
    host, port = broker.host, broker.port
    yield (found := _look_up(host, port, f"{prefix}dns"))
    if found.state is State.WRONG:
        return
    try:
        sock = socket.create_connection((host, port), timeout=CONNECT_S)
    except OSError as error:
        yield Finding(f"{prefix}tcp", State.WRONG, *_no_connection(error, host, port, devices=bool(prefix)))
        return
    with sock:
        yield Finding(
            f"{prefix}tcp",
            State.OK,
            Text(f"{host} 的端口 {port} 接受连接", f"port {port} of {host} accepts connections"),
        )
        yield _certificate(sock, broker, f"{prefix}tls", now) if broker.tls else _in_clear(host, f"{prefix}tls")


def _look_up(host: str, port: int, check: str) -> Finding:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: a label longer than a host name's may be
        return Finding(
            check,
            State.WRONG,
            Text(f"找不到主机 {host}", f"there is no host {host}"),
            Text(
                "核对 host 的拼写；若无误，检查本机的 DNS 设置（resolvectl status），或改写 IP 地址",
                "check how host is spelt; if it is right, this machine's DNS settings (resolvectl status), or write the "
                "IP address",
            ),
        )
    addresses = ", ".join(dict.fromkeys(str(entry[4][0]) for entry in found))
    if is_address(host):
        return Finding(
            check, State.OK, Text(f"{host} 是 IP 地址，不需要 DNS", f"{host} is an IP address: no DNS needed")
        )
    return Finding(check, State.OK, Text(f"{host} 的地址是 {addresses}", f"{host} is {addresses}"))


def is_address(host: str) -> bool:
    """Whether it is an IP address and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _no_connection(error: OSError, host: str, port: int, *, devices: bool) -> tuple[Text, Text]:
    if isinstance(error, ConnectionRefusedError):
        return (
            Text(f"{host} 在应答，但端口 {port} 上没有程序", f"{host} answers, but nothing listens on its port {port}"),
            Text(
                "核对 device_broker 的 host 与 port；设备一侧的消息服务器（如 Mosquitto）是否在运行、是否监听这个地址（listener）",
                "check host and port of device_broker; whether that broker (such as Mosquitto) runs, and whether it listens on "
                "that address (listener)",
            )
            if devices
            else Text(
                "核对 port；消息服务器是否在运行（服务器上：linli status）、是否监听这个地址（LINLI_BROKER_BIND）",
                "check port; whether the broker runs (on the server: linli status), and whether it listens on that address "
                "(LINLI_BROKER_BIND)",
            ),
        )
    said = Text("超时", "timed out") if isinstance(error, TimeoutError) else _as_text(error.strerror or str(error))
    return (
        Text(f"连不上 {host} 的端口 {port}：{said.zh}", f"no connection to port {port} of {host}: {said.en}"),
        Text(
            "检查网线与路由，以及两端的防火墙是否放行这个端口",
            "check cable and route, and that no firewall on the way closes that port",
        ),
    )


def _as_text(said: str) -> Text:
    return Text(said, said)


def _in_clear(host: str, check: str) -> Finding:
    if host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback):
        return Finding(check, State.OK, Text("不用 TLS，连接不出本机", "no TLS: the connection stays on this machine"))
    return Finding(
        check,
        State.MIND,
        Text("不用 TLS：密码与数据以明文传输", "no TLS: password and data go in clear"),
        Text(
            "只在可信网络或隧道中这样用；服务器有证书后，写 tls: true",
            "keep to a trusted network or a tunnel; once the broker has a certificate, write tls: true",
        ),
    )


def _certificate(sock: socket.socket, broker: Broker, check: str, now: int) -> Finding:
    try:
        context = client_context(broker.ca, broker.certificate, broker.key)
        with context.wrap_socket(sock, server_hostname=broker.host) as secured:
            _hear_alert(secured)
            shown, version = secured.getpeercert() or {}, secured.version()
    except ConfigError as error:
        return Finding(check, State.WRONG, error.text)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        return Finding(
            check,
            State.WRONG,
            Text(f"与 {broker.host}:{broker.port} 的 TLS 没有建立", f"no TLS with {broker.host}:{broker.port}"),
            explain(error),
        )
    end = shown.get("notAfter")
    ends_at = int(ssl.cert_time_to_seconds(end)) * SECOND if isinstance(end, str) else now + _EXPIRES_SOON
    day = format_time(ends_at)[:10]
    said = Text(f"{version}，证书可信，有效期至 {day}", f"{version}, its certificate is trusted, good until {day}")
    if ends_at - now < _EXPIRES_SOON:
        return Finding(
            check, State.MIND, said, Text("它即将过期，请尽快更换", "it expires soon: have it replaced in time")
        )
    return Finding(check, State.OK, said)


def _hear_alert(secured: ssl.SSLSocket) -> None:
    """Raise what the other side has against our certificate; nothing comes if it has nothing."""
    secured.settimeout(_ALERT_S)
    try:
        if secured.recv(1) == b"":
            raise ConnectionResetError
    except TimeoutError:
        pass


class Session:
    """A `ports.MqttClient` as seen by who checks it: what the broker said of it is noted, and `hear` gets every message.

    What it notes, it notes on the client's thread; the `wait_...` methods are for another.
    """

    def __init__(self, client: MqttClient, hear: Callable[[str, bytes, bool], None]) -> None:
        self._client = client
        self._hear = hear
        self._changed = threading.Condition()
        self.reason = ""
        self.refused = ""
        self.was_connected = False

    def start(
        self,
        on_message: Callable[[str, bytes, bool], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[str], None],
    ) -> None:
        """Begin to connect, noting what is told before it is passed on."""

        def came(topic: str, payload: bytes, retained: bool) -> None:
            self._hear(topic, payload, retained)
            self._note()
            on_message(topic, payload, retained)

        def connected() -> None:
            self.was_connected = True
            self._note()
            on_connect()

        def disconnected(reason: str) -> None:
            if self._client.connected:
                self.refused = reason  # the connection stands: it is a subscription
            else:
                self.reason = reason
            self._note()
            on_disconnect(reason)

        self._client.start(came, connected, disconnected)

    def listen(self, topics: Sequence[str], qos: int) -> None:
        """Begin to connect, for `hear` alone."""
        self.subscribe(topics, qos)
        self.start(lambda _topic, _payload, _retained: None, lambda: None, lambda _reason: None)

    def subscribe(self, topics: Sequence[str], qos: int) -> None:
        """As the client does."""
        self._client.subscribe(topics, qos)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> bool:
        """As the client does."""
        return self._client.publish(topic, payload, qos, retain)

    def publish_many(self, topic: str, payloads: Sequence[bytes], qos: int = 0) -> int:
        """As the client does."""
        return self._client.publish_many(topic, payloads, qos)

    def publish_each(self, messages: Sequence[tuple[str, bytes]], qos: int = 0) -> int:
        """As the client does."""
        return self._client.publish_each(messages, qos)

    @property
    def connected(self) -> bool:
        """As the client says."""
        return self._client.connected

    def stop(self) -> None:
        """As the client does."""
        self._client.stop()

    def _note(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait_let_in(self, timeout_s: float) -> bool:
        """Whether the broker accepts the connection within this time; False at once if it says no."""
        with self._changed:
            self._changed.wait_for(lambda: self.was_connected or is_refusal(self.reason), timeout_s)
            return self.was_connected

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `condition` holds, which is asked after each message, or a subscription is refused; whether it holds."""
        with self._changed:
            self._changed.wait_for(lambda: condition() or bool(self.refused), timeout_s)
            return condition()


def is_refusal(reason: str) -> bool:
    """Whether this is a broker's no, in paho's words for the codes of MQTT 3.1.1, 3.2.2.3: trying again will not help."""
    low = reason.lower()
    return "authori" in low or "bad user name" in low or "identifier" in low


def signed_in(session: Session, broker: Broker, prefix: str) -> Finding:
    """What became of the sign-in, after `wait_let_in`."""
    whose = DEVICE_BROKER if prefix else LINLIS_BROKER
    finding = _signed_in(session, broker, prefix)
    return replace(finding, said=Text(f"{whose.zh}：{finding.said.zh}", f"{whose.en}: {finding.said.en}"))


def _signed_in(session: Session, broker: Broker, prefix: str) -> Finding:
    check, user = f"{prefix}sign_in", broker.username
    name = Text(f"用户 {user}", f"user {user}") if user is not None else Text("匿名", "anonymous")
    if session.was_connected:
        return Finding(check, State.OK, Text(f"已登录：{name.zh}", f"signed in: {name.en}"))
    if is_refusal(session.reason):
        return Finding(
            check,
            State.WRONG,
            Text(f"消息服务器拒绝了登录（{name.zh}）", f"the broker refuses the sign-in ({name.en})"),
            Text(
                "用户名或密码不对，或网关已重新注册而密码已换：请管理员执行 linli gateway invite，再用 linli agent enroll 注册",
                "the name or the password is wrong, or was replaced when the gateway was enrolled anew: have the "
                "administrator run linli gateway invite, and enrol with linli agent enroll",
            )
            if not prefix
            else Text("核对 device_broker 的 username 与密码", "check username and password of device_broker"),
        )
    if not broker.tls and _speaks_tls(broker):
        return Finding(
            check,
            State.WRONG,
            Text(f"{broker.host} 的端口 {broker.port} 用 TLS", f"port {broker.port} of {broker.host} speaks TLS"),
            Text("写 tls: true，需要时写 ca", "write tls: true, and ca if the certificate is from a CA of its own"),
        )
    said = session.reason or "timed out"
    return Finding(
        check,
        State.WRONG,
        Text(
            f"端口是通的，但没有得到 MQTT 的应答（{said}）",
            f"the port is open, but MQTT is not answered there ({said})",
        ),
        Text(
            "核对 port 是否 MQTT 的端口；若那里用 TLS，写 tls: true",
            "check that port is the one for MQTT; if it speaks TLS, write tls: true",
        ),
    )


def _speaks_tls(broker: Broker) -> bool:
    try:
        with (
            socket.create_connection((broker.host, broker.port), timeout=CONNECT_S) as sock,
            client_context().wrap_socket(sock, server_hostname=broker.host),
        ):
            return True
    except ssl.SSLCertVerificationError:
        return True  # it showed one
    except (OSError, ValueError):
        return False
