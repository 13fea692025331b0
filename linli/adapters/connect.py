"""From settings to connections: which broker, as whom; which store. For composition roots."""

from linli.access import BrokerUsers, gateway_user, service_user
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.datafolder import DataFolder
from linli.ports import Will
from linli.settings import Settings


def service_client(settings: Settings, service: str, worker: str | None = None) -> PahoClient:
    """A connection to the broker as one of Linli's services ('ingest', 'rules', 'api', 'tester'), named after the `worker`
    where a service has several. Does no I/O but reading the password; BrokerError or NotFound if there is none."""
    return PahoClient(_config(settings, service_user(service)), name=f"linli-{worker or service}")


def gateway_client(settings: Settings, gateway: str, will: Will) -> PahoClient:
    """A connection as a gateway that runs on this machine (the simulator's), with its last will."""
    return PahoClient(_config(settings, gateway_user(gateway)), name=f"gateway-{gateway}", will=will)


def _config(settings: Settings, user: str) -> MqttConfig:
    host, port = settings.broker_endpoint
    if not settings.broker_is_external:
        return MqttConfig(
            host,
            port,
            user,
            BrokerUsers(DataFolder(settings.data).secrets).get(user).password,
            tls=settings.broker_speaks_tls,
            certificate=settings.broker_certificate,
            key=settings.broker_key,
            pin=settings.broker_tls_certificate,  # its name is that of the server, and we are on loopback
        )
    password = settings.broker_password
    return MqttConfig(
        host,
        port,
        settings.broker_username,
        password.get_secret_value() if password else None,
        settings.broker_tls,
        settings.broker_ca,
        settings.broker_certificate,
        settings.broker_key,
    )
