"""One rule: when it raises an alert, what to do then, what it watches, and where it is different."""

import asyncio
from collections.abc import Sequence

from api.console import texts
from api.console.layout import Node, back_link, grade
from api.console.opening import MOST_KNOWN, Answer, Opened, Pages
from api.console.rows import moment, where
from api.console.steps import steps
from api.console.visit import Visit
from api.rulebook.service import ClauseView, OverrideView, RuleDetail, RuleView
from api.services import Services
from api.views import AlertView
from api.words import SEVERITIES
from linli.clock import Clock
from linli.errors import NotFound
from linli.i18n import Text
from linli.model import Device, Severity
from linli.roles import Operation

SHOWN_ALERTS = 20
SHOWN_DEVICES = 40


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page("/rules/{rule_id}", Operation.SEE)
    async def rule(opened: Opened, rule_id: str) -> Answer:
        visit = opened.visit
        detail = await asyncio.to_thread(_read, services, visit, rule_id)
        alerts = await asyncio.to_thread(_open_alerts, services, visit, rule_id)
        title = texts.RULES if detail is None else detail.view.title
        with opened.frame(title, "/rules"):
            back_link(texts.BACK_TO_RULES, visit.language, "/rules")
            if detail is None:
                Node("div", texts.NO_SUCH_RULE.of(visit.language), "panel")
            else:
                _draw(detail, alerts, visit, services.clock)
        return None


def _read(services: Services, visit: Visit, rule_id: str) -> RuleDetail | None:
    try:
        return services.rules.get(visit.person, rule_id)
    except NotFound:
        return None


def _open_alerts(services: Services, visit: Visit, rule_id: str) -> list[AlertView]:
    sight = services.sights.of(visit.person)
    found = sight.alerts.find(open_only=True, rules=(rule_id,), limit=MOST_KNOWN)
    return [sight.names.alert(alert) for alert in found]


def _draw(detail: RuleDetail, alerts: Sequence[AlertView], visit: Visit, clock: Clock) -> None:
    view, language = detail.view, visit.language
    with Node("div", classes="head", data_test="rule"):
        grade(view.severity.value, SEVERITIES[view.severity].of(language))
        Node("h1", view.title.of(language))
    with Node("div", classes="cols"):
        with Node("div", classes="stack"):
            _clauses(view, language)
            _advice(view, language)
            if detail.overrides:
                _overrides(detail.overrides, language)
        with Node("div", classes="stack"):
            _facts(view, language)
            _alerts(alerts, visit, clock)
            _devices(detail.devices, visit)


def _clauses(view: RuleView, language: str) -> None:
    with Node("section", classes=f"panel s-{view.severity.value}", data_test="clauses"):
        Node("h2", texts.CLAUSES.of(language))
        _listed(view.clauses, view.severity, language)
        _also(view.also, language)


def _also(said: Sequence[Text], language: str) -> None:
    if said:
        with Node("ul", classes="also muted", data_test="also"):
            for each in said:
                Node("li", _capital(each.of(language)))


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]


def _listed(clauses: Sequence[ClauseView], usual: Severity, language: str) -> None:
    """The clauses; with a severity beside each that is not as bad as usual, or worse."""
    if len(clauses) == 1:
        Node("p", _capital(clauses[0].words.of(language)), "why")
        if clauses[0].severity is not usual:
            grade(clauses[0].severity.value, SEVERITIES[clauses[0].severity].of(language))
        return
    Node("p", texts.ANY_OF.of(language), "muted")
    with Node("ul", classes="clauses"):
        for clause in clauses:
            with Node("li"):
                Node("span", _capital(clause.words.of(language)))
                if clause.severity is not usual:
                    grade(clause.severity.value, SEVERITIES[clause.severity].of(language))


def _advice(view: RuleView, language: str) -> None:
    advice = view.advice.of(language)
    with Node("section", classes="panel"):
        Node("h2", texts.WHAT_TO_DO.of(language))
        if view.steps:
            Node("p", advice, "lead")
        with Node("ol", classes="steps"):
            for step in [step.of(language) for step in view.steps] or steps(advice):
                Node("li", step)


def _overrides(overrides: Sequence[OverrideView], language: str) -> None:
    with Node("section", classes="panel", data_test="overrides"):
        Node("h2", texts.DIFFERENT.of(language))
        for override in overrides:
            with Node("div", classes="override"):
                Node("h3", override.where_name.of(language))
                if override.off:
                    Node("span", texts.OFF_HERE.of(language), "tag")
                else:
                    _listed(override.clauses, override.severity, language)
                    _also(override.also, language)
                if override.reason:
                    Node("p", override.reason, "muted")
                if override.passed_over is not None:
                    why = texts.PASSED_OVER.format(why=override.passed_over)
                    Node("p", why.of(language), "fault-line", data_test="passed-over")


def _facts(view: RuleView, language: str) -> None:
    pause = texts.LIST_PAUSE.of(language)
    devices = pause.join(kind.of(language) for kind in view.device_kinds)
    facilities = pause.join(kind.of(language) for kind in view.facility_kinds)
    watches = texts.WATCHED_IN.format(devices=devices, facilities=facilities).of(language) if facilities else devices
    about = texts.ABOUT_WHAT.get(view.subject, Text(view.subject, view.subject))
    route = pause.join(whom.of(language) for whom in view.route)
    facts = [
        (texts.WATCHES, watches),
        (texts.ABOUT, about.of(language)),
        (texts.FOR_WHOM, route),
        (texts.SOURCE, view.source.of(language)),
    ]
    with Node("section", classes="panel"), Node("dl", classes="facts"):
        for name, value in facts:
            Node("dt", name.of(language))
            Node("dd", value)
        marks = [
            mark for holds, mark in ((view.life_safety, texts.LIFE_SAFETY), (view.latched, texts.LATCHED_MARK)) if holds
        ]
        if marks:
            Node("dt")
            with Node("dd"):
                for mark in marks:
                    Node("span", mark.of(language), "tag")


def _alerts(alerts: Sequence[AlertView], visit: Visit, clock: Clock) -> None:
    language, now = visit.language, clock.now()
    with Node("section", classes="panel", data_test="open-alerts"):
        Node("h2", texts.OPEN_HERE.of(language))
        if not alerts:
            Node("p", texts.NONE_OPEN.of(language), "muted")
            return
        with Node("ul", classes="links"):
            for view in alerts[:SHOWN_ALERTS]:
                alert = view.alert
                with Node("li", classes=f"s-{alert.severity.value}"):
                    Node("a", where(view, language, visit.several), href=f"/alerts/{alert.id}")
                    Node("small", moment(alert.opened_at, visit.zone(alert.community), now), "muted")
        _more(len(alerts) - SHOWN_ALERTS, language)


def _devices(devices: Sequence[Device], visit: Visit) -> None:
    language = visit.language
    with Node("section", classes="panel", data_test="watched"):
        Node("h2", texts.WATCHED_DEVICES.format(n=len(devices)).of(language))
        if not devices:
            Node("p", texts.NO_DEVICES.of(language), "muted")
            return
        with Node("ul", classes="links"):
            for device in devices[:SHOWN_DEVICES]:
                with Node("li"):
                    Node("span", device.name.of(language))
                    Node("small", device.id, "muted")
        _more(len(devices) - SHOWN_DEVICES, language)


def _more(left: int, language: str) -> None:
    if left > 0:
        Node("p", texts.AND_MORE.format(n=left).of(language), "muted")
