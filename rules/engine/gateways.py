"""The rule about a gateway that is heard no more. The engine judges it itself, by messages and ticks alone: see `Engine`.

A gateway is silent when nothing came on any of its lanes for SILENT while the server was listening all that time (see
`rules.engine.lanes`): while the broker, the rules or the journal were away nobody is. One that was never heard is not missed, nor
one with nothing behind it. The end is the next message of it. It is no rule of a site's folder: no device can say that its
gateway is dead.
"""

from linli.i18n import Text
from linli.model import Severity
from rules.engine.lanes import SILENT
from rules.language.model import AppliesTo, Clause, MissingClause, Rule, Words

GATEWAY_OFFLINE = "linli-gateway-offline"
GATEWAY = "gateway"
"""The kind of subject that its alerts have. No device is of that kind: what the rule waits for is not a device's silence."""


def gateway_rule() -> Rule:
    """The rule as the journal keeps it and as its alerts are titled."""
    return Rule(
        id=GATEWAY_OFFLINE,
        title=Words(zh="网关失联", en="Gateway offline"),
        sentence=Words(
            zh="{gateway}已有 {for}没有任何消息：那里的 {devices} 台设备现在无人看管，火警、水浸等也不会报来。",
            en="{gateway} has sent nothing for {for}: nobody watches the {devices} devices there, and no alarm of theirs "
            "would arrive.",
        ),
        advice=Words(
            zh="派人到现场巡视；检查网关的电源和网络，看网关程序是否在运行。它一有消息，本告警自行解除。",
            en="Send somebody to look there; see to the gateway's power and network, and whether its agent runs. The alert "
            "resolves when it is heard again.",
        ),
        severity=Severity.HIGH,
        route=("guard", "maintainer"),
        source="Linli",
        applies_to=AppliesTo(device_kinds=()),
        when=(Clause(missing=MissingClause(hold=f"{SILENT // 1_000_000}s")),),
    )


def why_offline(rule: Rule, gateway: Text, devices: int, lasts: Text) -> Text:
    """Why the alert is there."""
    return rule.sentence.text.format(gateway=gateway, devices=devices, **{"for": lasts})
