"""Inputs as the journal keeps them, those of earlier versions too."""

import msgspec

from linli.i18n import Text
from linli.model import Alert
from rules.engine.inputs import AdoptIn, alert_from, decode_input, encode_input
from tests.contract.database.test_alerts import ALERT, with_reasons


def test_an_alert_comes_back_with_its_steps_and_why() -> None:
    """Free JSON in `why` and the texts of the steps, as they were."""
    adopted = AdoptIn((with_reasons(ALERT),))
    assert decode_input(encode_input(adopted)) == adopted


def test_an_alert_of_an_earlier_version_has_none() -> None:
    """A journal or snapshot from before steps, why and shelving is read."""
    document = msgspec.to_builtins(ALERT)
    for fresh in ("steps", "why", "shelved_until"):
        del document[fresh]
    old: Alert = alert_from(document)
    assert old == ALERT
    assert (old.steps, old.why, old.shelved_until) == ((), {}, None)
    assert isinstance(old.title, Text)
