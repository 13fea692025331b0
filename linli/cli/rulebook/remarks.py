"""What is sound in the files and still does nothing in this installation: overrides of what is not registered, or that do
not go together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.registry import RegistrySnapshot
    from rules.language.load import RuleBook
    from rules.language.model import Override


def remarks(book: "RuleBook", registry: "RegistrySnapshot") -> Iterator[Text]:
    """One for each override that has no effect, or not all of it."""
    from rules.language.overrides import clashes

    for override in book.overrides:
        if not _is_registered(override, registry):
            name = where_of(override)
            yield Text(
                f"{override.rule} 在 {name} 的覆盖不起作用：没有登记 {name}",
                f"the override of {override.rule} at {name} does nothing: no {name} is registered",
            )
    for override, why in clashes(book.rules, book.overrides, registry):
        name = where_of(override)
        yield Text(
            f"{override.rule} 在 {name} 的覆盖与外层的覆盖合在一起说不通，被略过：{why.zh}",
            f"the override of {override.rule} at {name} makes no sense over those around it and is passed over: {why.en}",
        )


def where_of(override: "Override") -> str:
    """The id of what it is for."""
    where = override.where
    return where.community or where.place or where.device or ""


def _is_registered(override: "Override", registry: "RegistrySnapshot") -> bool:
    where = override.where
    return where.community in registry.communities or where.place in registry.places or where.device in registry.devices
