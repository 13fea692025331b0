"""What is sound in the files and still does nothing in this installation: overrides of what is not registered, or that do
not go together. No I/O."""

from collections.abc import Collection, Iterator

from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
from rules.language.faults import near
from rules.language.load import RuleBook
from rules.language.model import Override
from rules.language.overrides import clashes

_KINDS = {"community": Text("小区", "community"), "place": Text("地点", "place"), "device": Text("设备", "device")}


def remarks(book: RuleBook, registry: RegistrySnapshot, rule: str | None = None) -> Iterator[Text]:
    """One for each override (of one rule, if it is named) that has no effect, or not all of it: where it is written, and why."""
    for override in book.overrides:
        if rule in (None, override.rule):
            yield from (_at(book, override, said) for said in _unregistered(override, registry))
    for override, why in clashes(book.rules, book.overrides, registry):
        if rule in (None, override.rule):
            name = where_of(override)
            said = Text(
                f"{override.rule} 在 {name} 的覆盖与外层的覆盖合在一起说不通，被略过：{why.zh}",
                f"the override of {override.rule} at {name} makes no sense over those around it and is passed over: {why.en}",
            )
            yield _at(book, override, said)


def where_of(override: Override) -> str:
    """The id of what it is for."""
    where = override.where
    return where.community or where.place or where.device or ""


def _unregistered(override: Override, registry: RegistrySnapshot) -> Iterator[Text]:
    registered: dict[str, Collection[str]] = {
        "community": registry.communities,
        "place": registry.places,
        "device": registry.devices,
    }
    for kind, known in registered.items():
        name = getattr(override.where, kind)
        if name is not None and name not in known:
            hint, what = near(name, known), _KINDS[kind]
            yield Text(
                f"{override.rule} 在 {name} 的覆盖不起作用：没有登记{what.zh} {name}{hint.zh}",
                f"the override of {override.rule} at {name} does nothing: no {what.en} {name} is registered{hint.en}",
            )


def _at(book: RuleBook, override: Override, said: Text) -> Text:
    origin = book.origins.get((override.rule, override.where))
    return said if origin is None else Text(f"{origin}：{said.zh}", f"{origin}: {said.en}")
