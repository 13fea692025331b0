"""What the process of an import or export is told."""

import msgspec


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done. `doing`: check, apply, export or template. `reach`: the compounds of who asks, None for all; `personal`:
    whether persons are theirs to change (or to export); `ahead`: by how much Linli's clock is ahead of the machine's."""

    doing: str
    url: str = ""
    folder: str = ""
    one: str = ""
    actor: str = ""
    address: str = ""
    credential: str = ""
    reach: list[str] | None = None
    personal: bool = False
    staff: bool = True
    ahead: int = 0
    file: str = ""
    language: str = "zh"
    communities: list[str] | None = None
