"""What can be done to a person and what is theirs: asked for by a form, done by `PersonService`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from api.console.persons import texts
from api.console.persons.forms import Field, FormDialog, Values
from api.registry.persons import PersonService
from linli.clock import Clock
from linli.db.people import Person
from linli.db.registryitems import Kept
from linli.errors import Refused
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.inhabitants import CONTACT_KINDS, CREDENTIAL_KINDS, PURPOSES, RELATIONS, SEXES, Contact, Credential
from linli.registry.inhabitants import Person as Inhabitant
from linli.registry.kinds import kind_of

_UNKNOWN = {"": texts.NOT_KNOWN}


def person_fields(item: Inhabitant | None = None) -> list[Field]:
    """What is asked of a person."""

    def now(name: str) -> str:
        return "" if item is None else str(getattr(item, name) or "")

    return [
        Field("name", texts.NAME, now("name"), required=True),
        Field("sex", texts.SEX, now("sex"), choices=_UNKNOWN | SEXES),
        Field("born", texts.BORN, now("born")),
        Field("needs", texts.NEEDS, now("needs")),
    ]


def person_values(values: Values) -> dict[str, Any]:
    """The same as they are kept: what is empty is not known."""
    return {name: values[name].strip() or None for name in ("name", "sex", "born", "needs")}


class Acts:
    """Opens a form for each thing that can be done. All of them need who is shown in full: what is masked cannot be changed."""

    def __init__(self, persons: PersonService, dialog: FormDialog, clock: Clock) -> None:
        self._persons = persons
        self._dialog = dialog
        self._clock = clock

    def edit_person(self, kept: Kept) -> None:
        """Change what is known of them."""
        item: Any = kept.item

        def save(by: Person, values: Values) -> None:
            self._persons.write(by, replace(item, **person_values(values)), kept.revision)

        self._dialog.ask(texts.EDIT, item.name or "", person_fields(item), save, button=texts.SAVE)

    def edit_resident(self, kept: Kept) -> None:
        """Change since when, or until when, they live there."""
        item: Any = kept.item
        fields = [
            Field("relation", texts.RELATION, item.relation, choices=RELATIONS, required=True),
            Field("since", texts.SINCE, item.since or "", "date"),
            Field("until", texts.UNTIL, item.until or "", "date"),
        ]

        def save(by: Person, values: Values) -> None:
            changed = replace(
                item, relation=values["relation"], since=values["since"] or None, until=values["until"] or None
            )
            self._persons.write(by, changed, kept.revision)

        self._dialog.ask(texts.EDIT, "", fields, save, button=texts.SAVE)

    def add_contact(self, person: Kept) -> None:
        """One more way to reach them."""

        def save(by: Person, values: Values) -> None:
            given = _contact_values(values) | {"verified_at": self._clock.now() if values["verified"] else None}
            whose = {"community": getattr(person.item, "community"), "person": person.item.id}  # noqa: B009
            self._persons.add(by, "contact", whose | given)

        self._dialog.ask(texts.ADD_CONTACT, "", _contact_fields(None), save, button=texts.SAVE)

    def edit_contact(self, kept: Kept) -> None:
        """Change it."""
        item = kept.item
        assert isinstance(item, Contact)

        def save(by: Person, values: Values) -> None:
            verified = self._clock.now() if values["verified"] else item.verified_at
            self._persons.write(by, replace(item, **_contact_values(values), verified_at=verified), kept.revision)

        self._dialog.ask(texts.EDIT, "", _contact_fields(item), save, button=texts.SAVE)

    def add_credential(self, person: Kept) -> None:
        """One more card, fob or plate."""

        def save(by: Person, values: Values) -> None:
            whose = {"community": getattr(person.item, "community"), "person": person.item.id}  # noqa: B009
            self._persons.add(by, "credential", whose | _credential_values(values))

        self._dialog.ask(texts.ADD_CREDENTIAL, "", _credential_fields(None), save, button=texts.SAVE)

    def edit_credential(self, kept: Kept) -> None:
        """Change it: until when it was theirs, say."""
        item = kept.item
        assert isinstance(item, Credential)

        def save(by: Person, values: Values) -> None:
            self._persons.write(by, replace(item, **_credential_values(values)), kept.revision)

        self._dialog.ask(texts.EDIT, "", _credential_fields(item), save, button=texts.SAVE)

    def add_consent(self, person: Kept) -> None:
        """What they have said: the newest of a purpose counts."""
        fields = [
            Field("purpose", texts.CONSENT_FOR, next(iter(PURPOSES)), choices=PURPOSES, required=True),
            Field("given", texts.GIVEN, "yes", choices={"yes": texts.GIVEN, "no": texts.WITHDRAWN}, required=True),
            Field("source", texts.HOW_SAID, required=True),
        ]

        def save(by: Person, values: Values) -> None:
            whose = {"community": getattr(person.item, "community"), "person": person.item.id}  # noqa: B009
            given = {
                "purpose": values["purpose"],
                "given": values["given"] == "yes",
                "source": values["source"].strip(),
            }
            self._persons.add(by, "consent", whose | given | {"at": self._clock.now()})

        self._dialog.ask(texts.ADD_CONSENT, "", fields, save, button=texts.SAVE)

    def remove(self, kept: Kept, words: Text = texts.REMOVE_CONTACT_HELP, *, along: bool = False) -> None:
        """Take it out."""
        key = Key(kind_of(kept.item), kept.item.id)
        self._dialog.ask(
            texts.REMOVE,
            "",
            [],
            lambda by, _values: self._persons.remove(by, key, kept.revision, along=along),
            words=words,
        )

    def restore(self, person: str) -> None:
        """Bring them back."""
        self._dialog.ask(
            texts.BRING_BACK,
            person,
            [],
            lambda by, _values: self._persons.restore(by, person),
            words=texts.BRING_BACK_HELP,
        )

    def merge(self, person: str) -> None:
        """Another record becomes part of this one."""
        duplicate = Field("duplicate", texts.DUPLICATE, required=True)
        self._dialog.ask(
            texts.MERGE,
            person,
            [duplicate],
            lambda by, values: self._persons.merge(by, person, values["duplicate"].strip()),
            words=texts.MERGE_HELP,
        )

    def export(self, person: str, take: Callable[[dict[str, Any]], None]) -> None:
        """All that is known of them; `take` hands it over."""
        self._dialog.ask(
            texts.EXPORT,
            person,
            [Field("reason", texts.REASON, required=True), _typed(person)],
            lambda by, values: take(self._persons.export(by, person, values["reason"])),
            words=texts.EXPORT_HELP,
            typed=person,
        )

    def erase(self, person: str, told: Callable[[int], None]) -> None:
        """Let nothing of them stay; `told` hears how many records were emptied."""
        self._dialog.ask(
            texts.ERASE,
            person,
            [Field("reason", texts.REASON, required=True), _typed(person)],
            lambda by, values: told(self._persons.erase(by, person, values["reason"])),
            words=texts.ERASE_HELP,
            typed=person,
        )


def _typed(person: str) -> Field:
    return Field("typed", texts.CONFIRM_ID.format(id=person), required=True)


def _contact_fields(item: Contact | None) -> list[Field]:
    kind = "mobile" if item is None else item.kind
    return [
        Field("kind", texts.KIND, kind, choices=CONTACT_KINDS, required=True),
        Field("value", texts.VALUE, "" if item is None else item.value or "", required=True),
        Field("position", texts.ORDER, "0" if item is None else str(item.position), "number", required=True),
        Field("verified", texts.VERIFIED_NOW, kind="check"),
    ]


def _credential_fields(item: Credential | None) -> list[Field]:
    kind, value, since, until = (
        ("card", "", "", "") if item is None else (item.kind, item.value, item.since, item.until)
    )
    return [
        Field("kind", texts.KIND, kind, choices=CREDENTIAL_KINDS, required=True),
        Field("value", texts.NUMBER, value or "", required=True),
        Field("since", texts.USED_SINCE, since or "", "date"),
        Field("until", texts.USED_UNTIL, until or "", "date"),
    ]


def _credential_values(values: Values) -> dict[str, Any]:
    said = {name: values[name].strip() or None for name in ("value", "since", "until")}
    return {"kind": values["kind"], **said}


def _contact_values(values: Values) -> dict[str, Any]:
    position = values["position"].strip()
    if not (position.isascii() and position.isdigit() and len(position) < 4):
        error = Refused("bad_position", texts.BAD_ORDER.en)
        error.text = texts.BAD_ORDER
        raise error
    return {"kind": values["kind"], "value": values["value"].strip(), "position": int(position)}
