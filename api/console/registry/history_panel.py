"""What an item was: who changed what of it, when, from what to what."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from api.console.layout import Node
from api.console.registry import texts
from api.console.registry.words import field_name, source_words, value_words
from api.console.rows import full_moment
from api.console.visit import Visit
from api.directory import Names
from api.services import Services
from linli.db.registryhistory import Past
from linli.i18n import Text
from linli.registry.changes import PERSON, Key

SHOWN = 30


def history(past: Sequence[Past], visit: Visit, services: Services, key: Key, community: str) -> None:
    """The newest SHOWN changes."""
    language, names = visit.language, services.sights.of(visit.person).names
    with Node("section", classes="panel", data_test="history"):
        Node("h2", texts.HISTORY.of(language))
        if not past:
            Node("p", texts.NO_HISTORY.of(language), "muted")
            return
        acts = [list(act) for _, act in groupby(past, _act)]
        with Node("ol", classes="log"):
            for act in acts[:SHOWN]:
                with Node("li", classes="by-person" if act[0].actor else ""):
                    _change(act, visit, names, key, community)
        if len(acts) > SHOWN:
            Node("p", texts.MORE_OF.format(count=SHOWN).of(language), "muted")


def _act(one: Past) -> tuple[object, ...]:
    """What was done at once: to a device and to what stands there it is two records."""
    return one.at, one.actor, one.source, _verb(one)


def _verb(one: Past) -> Text:
    return texts.REMOVED if one.removed else texts.REGISTERED if one.before is None else texts.CHANGED


def _change(act: Sequence[Past], visit: Visit, names: Names, key: Key, community: str) -> None:
    language, one = visit.language, act[0]
    Node("b", _verb(one).of(language))
    who = names.person(one.actor) or texts.NOBODY.of(language)
    said = texts.BY.format(who=who, when=full_moment(one.at, visit.zone(community))).of(language)
    if one.source is not None and one.source != PERSON:
        said += f" · {texts.SOURCE_OF.format(source=source_words(one.source, language)).of(language)}"
    with Node("div"):
        Node("small", said)
    changed = [difference for part in act for difference in _differences(part)]
    if changed:
        with Node("div", classes="differences"):
            for name, before, after in changed:
                zone = visit.zone(community)
                old, new = (value_words(key.kind, name, value, names, zone, language) for value in (before, after))
                words = texts.FROM_TO.format(field=field_name(name), before=old, after=new)
                Node("div", words.of(language))


def _differences(one: Past) -> Iterator[tuple[str, object, object]]:
    before, after = one.before, one.after
    if before is None or after is None:
        return
    for name, value in after.items():
        if before.get(name) != value:
            yield name, before.get(name), value
