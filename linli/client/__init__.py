"""A small typed client of Linli's REST API, for scripts and other systems. What `linli alerts`, `linli devices` and
`linli webhooks` use.

    from linli.client import Client

    with Client("https://linli.example", token) as linli:
        for alert in linli.alerts(severity=["critical"]):
            linli.acknowledge(alert.id, "on my way")

It asks again by itself when the server is busy or out of reach for a moment: what changes something carries an idempotency key,
so it is done once. Fields that a newer server adds are left out, none that is here goes away within a version (docs/versions.md).
"""

from linli.client.client import Client
from linli.client.model import (
    Alert,
    AlertDetail,
    Change,
    Delivery,
    Device,
    DeviceRecord,
    Facility,
    Installation,
    Names,
    NewWebhook,
    Person,
    Webhook,
)
from linli.client.stream import Told
from linli.errors import ApiProblem, ApiUnreachable

__all__ = [
    "Alert",
    "AlertDetail",
    "ApiProblem",
    "ApiUnreachable",
    "Change",
    "Client",
    "Delivery",
    "Device",
    "DeviceRecord",
    "Facility",
    "Installation",
    "Names",
    "NewWebhook",
    "Person",
    "Told",
    "Webhook",
]
