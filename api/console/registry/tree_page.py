"""Places, from the district down to a room: what lies in each, its devices, facilities and floor plans, and a search."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi.responses import RedirectResponse

from api.console import registry_texts
from api.console.consoles import Console
from api.console.layout import Node
from api.console.opening import Answer, Opened, Pages
from api.console.registry import texts
from api.console.registry.history_panel import history
from api.console.registry.pieces import crumbs, files_link, parts, path_of
from api.console.registry.plan_dialogs import PlanDialog
from api.console.registry.search import results, search_field
from api.console.registry.tree_dialogs import TreeDialogs
from api.console.registry.words import kind_of_item, name_of
from api.console.rows import full_moment
from api.console.visit import Visit
from api.floorplans.service import FloorPlanService, Plan, build_floorplans
from api.http.paging import Page
from api.registry.browsing import Found, Level, RegistryTree
from api.registry.service import RegistryService, Shown, Wanted
from api.services import Services
from linli.db.people import Person
from linli.db.registryhistory import Past
from linli.db.registrytree import TOP, Branch
from linli.errors import NotFound
from linli.registry.changes import Key
from linli.registry.model import Community
from linli.roles import Operation

PATH = "/registry/places"
DEVICES_PAGE = 50
_LEVELS = {"districts": "district", "committees": "committee", "communities": "community", "places": "place"}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What of the registry is asked for: a level, from after which item on, and which page of its devices; or a search."""

    key: Key
    after: str | None = None
    devices_after: str | None = None
    removed: bool = False
    words: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """What a page shows. `level` None: it is not there."""

    level: Level | None
    devices: Page[Shown]
    facilities: Sequence[Shown]
    plans: Sequence[Plan]
    past: Sequence[Past]
    found: Found | None


class TreePages:
    """What the pages of places need, together."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.registry = RegistryService(services.sights, services.database, services.clock)
        self.tree = RegistryTree(services.sights, self.registry)
        self.plans: FloorPlanService = build_floorplans(services)

    async def show(self, opened: Opened, asked: _Asked) -> Answer:
        """One page, or the way to another."""
        read = await asyncio.to_thread(self._read, opened.person, asked)
        if read.level is None and asked.key.kind == "place":
            other = await asyncio.to_thread(self.tree.level_named, opened.person, asked.key.id)
            if other is not None:
                return RedirectResponse(path_of(other), 303)
        self._draw(opened, asked, read)
        return None

    def _draw(self, opened: Opened, asked: _Asked, read: _Read) -> None:
        level, console = read.level, opened.console
        title = name_of(level.kept.item) if level is not None and level.kept is not None else texts.PLACES
        with opened.frame(title, "/registry"):
            language = console.visit.language
            with Node("div", classes="board-head"):
                Node("h1", registry_texts.REGISTRY.of(language))
                parts(language, PATH)
                files_link(console.visit.person, language)
                search_field(language, asked.words)
            if read.found is not None:
                names = self.services.sights.of(console.visit.person).names
                results(read.found, asked.words, console.visit, names)
            elif level is None:
                crumbs(language, ())
                Node("div", texts.NOT_THERE.of(language), "panel", data_test="not-there")
            else:
                _LevelPage(self, console, asked, read, level)

    def _read(self, person: Person, asked: _Asked) -> _Read:
        nothing: Page[Shown] = Page([], None)
        if asked.words:
            return _Read(None, nothing, (), (), (), self.tree.search(person, asked.words))
        try:
            level = self.tree.level(person, asked.key, asked.after, removed=asked.removed)
        except NotFound:
            return _Read(None, nothing, (), (), (), None)
        past = self.registry.history(person, asked.key) if asked.key != TOP else ()
        if asked.key.kind != "place":
            return _Read(level, nothing, (), (), past, None)
        here = Wanted({"place": asked.key.id}, removed=asked.removed)
        devices = self.registry.page(person, "device", here, DEVICES_PAGE, asked.devices_after)
        facilities = self.registry.page(person, "facility", here, DEVICES_PAGE, None).items
        plans = self.plans.plans_of(person, self.tree.under(person, asked.key.id))
        return _Read(level, devices, facilities, plans, past, None)


def add(pages: Pages) -> None:
    """Add the pages."""
    tree = TreePages(pages.services)

    @pages.page(PATH, Operation.SEE)
    async def top(opened: Opened, q: str = "", after: str = "") -> Answer:
        return await tree.show(opened, _Asked(TOP, after or None, words=q.strip()[:100]))

    for path, kind in _LEVELS.items():
        _add_level(pages, tree, path, kind)


def _add_level(pages: Pages, tree: TreePages, path: str, kind: str) -> None:
    @pages.page(f"/registry/{path}/{{item_id}}", Operation.SEE)
    async def level(opened: Opened, item_id: str, after: str = "", devices: str = "", removed: str = "") -> Answer:
        asked = _Asked(Key(kind, item_id), after or None, devices or None, bool(removed))
        return await tree.show(opened, asked)


class _LevelPage:
    """One level: its head, what lies in it, and what is here."""

    def __init__(self, pages: TreePages, console: Console, asked: _Asked, read: _Read, level: Level) -> None:
        self._pages = pages
        self._visit: Visit = console.visit
        self._language = console.visit.language
        self._asked = asked
        self._read = read
        self._level = level
        crumbs(self._language, level.trail)
        if level.kept is None:
            Node("p", texts.TREE_HELP.of(self._language), "muted spaced")
            self._branches(level.page.items)
            self._strays(level.strays)
            self._pager(level.page.following)
            return
        self._head()
        if asked.key.kind != "place":
            with Node("div", classes="stack"):
                self._inside()
                history(read.past, self._visit, pages.services, asked.key, self._community)
            return
        with Node("div", classes="cols"):
            with Node("div", classes="stack"):
                self._inside()
                self._devices()
            with Node("div", classes="stack"):
                self._facilities()
                self._plans()
                history(read.past, self._visit, pages.services, asked.key, self._community)

    @property
    def _community(self) -> str:
        item = None if self._level.kept is None else self._level.kept.item
        return item.id if isinstance(item, Community) else getattr(item, "community", "")

    def _head(self) -> None:
        kept, language = self._level.kept, self._language
        assert kept is not None
        item = kept.item
        with Node("div", classes="head", data_item=f"{self._asked.key.kind}/{item.id}"):
            with Node("div"):
                Node("h1", name_of(item).of(language))
                Node("div", f"{kind_of_item(item).of(language)} · {item.id}", "muted")
                if self._level.address is not None:
                    Node("div", self._level.address.of(language), "muted", data_test="address")
                if kept.removed_at is not None:
                    when = full_moment(kept.removed_at, self._visit.zone(self._community))
                    Node("span", texts.REMOVED_AT.format(when=when).of(language), "tag")
            Node("div", classes="push")
            TreeDialogs(self._pages.services, self._pages.registry, self._visit).buttons(self._asked.key, kept)

    def _inside(self) -> None:
        with Node("section", data_test="inside"):
            with Node("div", classes="list-head"):
                Node("h2", texts.LIES_IN.of(self._language))
                self._removed_link()
            self._branches(self._level.page.items)
            self._pager(self._level.page.following)

    def _removed_link(self) -> None:
        path, there = path_of(self._asked.key), self._asked.removed
        word = texts.SHOW_THERE if there else texts.SHOW_REMOVED
        Node("a", word.of(self._language), href=path if there else f"{path}?removed=1", data_test="removed")

    def _branches(self, branches: Sequence[Branch]) -> None:
        language = self._language
        if not branches:
            words = texts.NOTHING_REMOVED if self._asked.removed else texts.EMPTY_LEVEL
            Node("div", words.of(language), "panel muted")
            return
        with Node("ul", classes="rows", data_test="branches"):
            for branch in branches:
                self._branch(branch)

    def _branch(self, branch: Branch) -> None:
        language, item = self._language, branch.kept.item
        with Node("li", classes="row-t", data_item=f"{branch.key.kind}/{branch.key.id}"):
            with Node("div"):
                with Node("div", classes="p-name"):
                    Node("a", name_of(item).of(language), href=path_of(branch.key))
                Node("small", kind_of_item(item).of(language), "muted")
            inside = texts.INSIDE[branch.key.kind].format(count=branch.below).of(language) if branch.below else ""
            Node("span", inside, "muted")
            counted = texts.DEVICES_IN.format(count=branch.devices).of(language) if branch.devices else ""
            Node("span", counted, "muted")

    def _strays(self, strays: Sequence[Branch]) -> None:
        if strays:
            Node("h2", texts.STRAY.of(self._language), "spaced")
            self._branches(strays)

    def _pager(self, following: object) -> None:
        path = PATH if self._asked.key == TOP else path_of(self._asked.key)
        removed = "&removed=1" if self._asked.removed else ""
        if following is None and self._asked.after is None:
            return
        with Node("nav", classes="pager"):
            if self._asked.after is not None:
                Node("a", texts.FIRST.of(self._language), "btn", href=path)
            if isinstance(following, tuple):
                Node(
                    "a",
                    texts.NEXT.of(self._language),
                    "btn",
                    href=f"{path}?after={following[0]}{removed}",
                    data_test="next",
                )

    def _devices(self) -> None:
        language, page = self._language, self._read.devices
        with Node("section", classes="panel", data_test="devices"):
            Node("h2", texts.DEVICES_HERE.of(language))
            if not page.items:
                Node("p", texts.NO_DEVICES_HERE.of(language), "muted")
            device_links(page.items, language)
            if page.following is not None:
                with Node("nav", classes="pager"):
                    path = path_of(self._asked.key)
                    Node("a", texts.NEXT.of(language), "btn", href=f"{path}?devices={page.following[0]}")

    def _facilities(self) -> None:
        if not self._read.facilities:
            return
        with Node("section", classes="panel", data_test="facilities"):
            Node("h2", texts.FACILITIES_HERE.of(self._language))
            with Node("ul", classes="links"):
                for shown in self._read.facilities:
                    item = shown.kept.item
                    with Node("li"):
                        Node("a", name_of(item).of(self._language), href=f"/facilities/{item.id}")
                        Node("small", kind_of_item(item).of(self._language), "muted")

    def _plans(self) -> None:
        language = self._language
        with Node("section", classes="panel", data_test="plans"):
            Node("h2", texts.FLOOR_PLANS.of(language))
            if not self._read.plans:
                Node("p", texts.NO_PLANS.of(language), "muted")
            with Node("ul", classes="links"):
                for plan in self._read.plans:
                    with Node("li"):
                        Node("a", plan.plan.name.of(language), href=f"/registry/plans/{plan.plan.id}")
            kept = self._level.kept
            if kept is not None and kept.removed_at is None:
                PlanDialog(self._pages.services, self._pages.registry, self._pages.plans, self._visit).button(kept.item)


def device_links(items: Sequence[Shown], language: str) -> None:
    """Devices as links, with kind and serial."""
    if not items:
        return
    with Node("ul", classes="links"):
        for shown in items:
            item, stands = shown.kept.item, shown.equipment
            about = [kind_of_item(item).of(language)]
            serial = getattr(stands, "serial", None)
            with Node("li", data_device=item.id):
                Node("a", name_of(item).of(language), href=f"/registry/devices/{item.id}")
                Node("small", " · ".join([*about, *([serial] if serial else [])]), "muted")
