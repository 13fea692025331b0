"""What is to be written of an item that a file speaks of: settled once, while the file is checked, and only carried out later."""

from collections.abc import Mapping
from typing import Any

import msgspec

from linli.registry.facts import Claims, doubtful
from linli.registry.kinds import Item, community_of, kind_of
from linli.registry.model import Holiday
from linli.registry.settling import Settled

ADDED, CHANGED, SAME = "added", "changed", "same"


class Planned(msgspec.Struct, array_like=True):
    """An item as it is to be. `values`: as its history has it; `fate`: ADDED, CHANGED, or SAME where only something is said of it.

    `said`: what is to be kept of what sources say, each claim as the list of its fields; `replaced`: of which of them something is kept already. `since`: from when
    somebody should look at it (None: never), as it is `contradicted` or grows stale; `doubted`: that may be kept of it already.
    `elsewhere`: it has values of other sources than the file. `sheet`, `row`: where the file speaks of it.
    """

    kind: str
    id: str
    community: str | None
    values: dict[str, Any]
    fate: str
    said: dict[str, dict[str, Any]]
    replaced: list[str]
    since: int | None
    contradicted: bool
    doubted: bool
    elsewhere: bool
    sheet: str
    row: int


def planned(
    made: Item | Holiday, settled: Settled | None, fate: str, before: Mapping[str, Claims], sheet: str, row: int
) -> Planned:
    """What is to be written of the item that a row makes. `settled`: None for a day of a calendar, of which nobody is asked for
    the source."""
    kind, item = kind_of(made), made if settled is None else settled.item
    after: Mapping[str, Claims] = {} if settled is None else settled.sources
    said = {source: dict(claims) for source, claims in after.items() if before.get(source) != claims}
    doubt = None if settled is None or not said else doubtful(kind, settled.facts)
    return Planned(
        kind,
        item.id,
        community_of(item),
        msgspec.to_builtins(item),
        fate,
        said,
        [source for source in said if source in before],
        None if doubt is None else doubt.since,
        doubt is not None and doubt.contradicted,
        bool(before) and bool(said),
        item is not made,
        sheet,
        row,
    )


def encode(one: Planned) -> bytes:
    """As it is kept aside."""
    return _ENCODER.encode(one)


def decode(data: bytes) -> Planned:
    """As it was."""
    return _DECODER.decode(data)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Planned)
