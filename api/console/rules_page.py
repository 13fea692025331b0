"""The rules in force: what each waits for, in words, and how many alerts of it stand."""

import asyncio

from api.console import texts
from api.console.layout import Node, grade
from api.console.opening import Answer, Opened, Pages
from api.rulebook.service import RuleView
from api.words import SEVERITIES
from linli.i18n import Text
from linli.roles import Operation

SHOWN_CLAUSES = 3


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page("/rules", Operation.SEE)
    async def rules(opened: Opened) -> Answer:
        visit = opened.visit
        found = await asyncio.to_thread(services.rules.all, visit.person)
        fault = await asyncio.to_thread(services.rules.fault, visit.person)
        with opened.frame(texts.RULES, "/rules"):
            _draw(found, fault, visit.language)
        return None


def _draw(found: list[RuleView], fault: Text | None, language: str) -> None:
    with Node("div", classes="board-head"):
        Node("h1", texts.RULES.of(language))
        Node("p", texts.RULES_HELP.of(language), "muted")
    if fault is not None:
        Node("div", texts.RULES_FAULTY.format(fault=fault).of(language), "fault-line spaced", role="alert")
    if not found:
        Node("div", texts.NO_RULES.of(language), "panel")
        return
    with Node("ul", classes="rows", data_test="rules"):
        for view in found:
            _row(view, language)


def _row(view: RuleView, language: str) -> None:
    with Node("li", classes=f"row-r s-{view.severity.value}", data_rule=view.id):
        grade(view.severity.value, SEVERITIES[view.severity].of(language))
        with Node("div"):
            with Node("div", classes="a-title"):
                Node("a", view.title.of(language), href=f"/rules/{view.id}")
                if view.life_safety:
                    with Node("span", classes="tags"):
                        Node("span", texts.LIFE_SAFETY.of(language), "tag")
            for clause in view.clauses[:SHOWN_CLAUSES]:
                Node("div", clause.words.of(language), "r-clause")
            if len(view.clauses) > SHOWN_CLAUSES:
                more = texts.AND_MORE.format(n=len(view.clauses) - SHOWN_CLAUSES)
                Node("div", more.of(language), "r-clause muted")
        if view.open_alerts:
            Node("span", texts.OPEN_OF_RULE.format(n=view.open_alerts).of(language), "r-open")
