"""What a template may look at while it judges: the case, the patient's lines of all origins, and the rule's own rows.

Lines come from three places: the current ones, past ones in the message, and committed ones in the store. The
message wins: a stored line that the message states too is left out. A chart lives for one check.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from itertools import chain
from typing import TYPE_CHECKING, Any
from weakref import ref

from ruleset import diagnoses
from ruleset.ages import completed
from ruleset.case import Case, Diagnosis, Feed, Line, Patient, Practitioner, Visit, content_of, identity
from ruleset.clinical import gestational_weeks
from ruleset.drug import (
    HERB_KINDS,
    REFUNDS_OF,
    Drug,
    NamedLines,
    RowSource,
    by_name,
    drug_of,
    index_names,
    kind_of,
)
from ruleset.outcome import Missing
from ruleset.template import Subject, herb_key
from ruleset.timeline import NO_LINES, ItemLines, PrescriptionKey, Timeline, order_of

if TYPE_CHECKING:
    from ruleset.rule import Row
    from ruleset.scope import Scope

RUNNING_LOOK_BACK_DAYS = 400
"""How far back a past line may have begun and still count as running: a year's supply and the longest washout."""
PREGNANCY_CODES = (
    *("O0", "O1", "O2", "O3", "O4", "O5", "O6", "O71", "O74", "O75", "O98", "O99"),
    *("Z33", "Z34", "Z35", "Z36"),
)
"""ICD-10 codes of someone who is pregnant now. Not O70, O72, O73, O80 to O92 (the birth and what follows it) and O94 to
O97 (sequelae, death)."""
FERTILE_YEARS = (12, 55)
"""Ages outside which an unstated pregnancy is ruled out."""


class Chart:
    """The case with its history. `same_line_by_content` is the quirk of a site whose rx_ids are not stable."""

    __slots__ = (
        "_by_content",
        "_by_item",
        "_by_prescription",
        "_current",
        "_drugs",
        "_herb_forms",
        "_herb_names",
        "_herbs",
        "_named",
        "_restated",
        "_rows",
        "_stored_named",
        "_visits",
        "case",
        "memo",
        "scopes",
        "speaking",
        "stored",
    )

    def __init__(self, case: Case, stored: Timeline, rows: RowSource, *, same_line_by_content: bool = False) -> None:
        self.case: Case = case
        self._current = frozenset(map(id, case.lines))
        self.stored = stored
        self._rows = rows
        self._by_content = same_line_by_content
        self._herb_names: dict[int, str] = {}
        self._herbs: dict[PrescriptionKey, dict[str, list[Line]]] = {}
        self._herb_forms: dict[PrescriptionKey, dict[str, list[Line]]] = {}
        self._by_prescription: dict[PrescriptionKey, list[Line]] | None = None
        self._drugs: dict[int, Drug] = {}
        self._visits: Mapping[str, Visit] | None = None
        self._named: Mapping[str, Sequence[Line]] | None = None
        self._stored_named: Mapping[str, NamedLines] | None = None
        self._restated: frozenset[int] | None = None
        """Which stored lines the message states too, by the identity of the object"""
        self.memo: dict[Any, Any] = {}
        """What a template works out once for a whole check, under a key that begins with its id."""
        self.speaking: dict[int, tuple[Sequence[Row], Sequence[Row]]] = {}
        """Rows found together, and those of them that may have something to say in this check, by the identity of the
        first; `ruleset.evaluator` works them out"""
        self.scopes: dict[int, tuple[bool | None, tuple[Missing, ...]]] = {}
        """What `in_scope` has worked out, by the identity of the scope (which its row keeps alive)."""
        by_item: dict[str, list[Line]] = {}
        for lines in (case.lines, case.history):
            for line in lines:
                by_item.setdefault(line.item_code, []).append(line)
        self._by_item = by_item

    def _unstated(self, stored: Sequence[Line], message: Iterable[Line]) -> Sequence[Line]:
        """Return the stored lines that `message` does not state; of equal ones, those beyond as many as it states.

        `message` are at least those of its lines that may state these.
        """
        if not self._by_content:
            return self._not_restated(stored)
        counts = Counter(content_of(line) for line in message)
        kept: list[Line] = []
        for line in stored:
            content = content_of(line)
            if counts[content] > 0:
                counts[content] -= 1
            else:
                kept.append(line)
        return kept

    def lines_of(self, item_code: str, since_day: int | None = None) -> Sequence[Line]:
        """Return the lines of an item, current and past, in no particular order.

        With `since_day` (an ordinal) stored lines that end before it may be left out; the caller still looks at dates.
        """
        if not item_code:
            return NO_LINES
        stored = self.stored.by_item.get(item_code)
        if stored is None:
            return self._merged(item_code, NO_LINES)
        return self._merged(item_code, stored.lines if since_day is None else stored.since(since_day))

    def lines_in_encounter(self, item_code: str, encounter_id: str) -> Sequence[Line]:
        """Return the lines of an item, current and past, of one encounter, in no particular order."""
        return self._coded_in_encounter(item_code, encounter_id) if item_code else NO_LINES

    def same_item_in_encounter(self, line: Line) -> Sequence[Line]:
        """Return the lines of a line's item (`Line.item`), itself too, current and past, of its encounter, in no order."""
        lines = self._coded_in_encounter(line.item_code, line.encounter_id)
        return lines if line.item_code else [other for other in lines if other.item == line.item]

    def _coded_in_encounter(self, item_code: str, encounter_id: str) -> Sequence[Line]:
        stored = self.stored.by_item.get(item_code)
        lines = self._merged(item_code, stored.by_encounter.get(encounter_id, NO_LINES) if stored else NO_LINES)
        return [line for line in lines if line.encounter_id == encounter_id]

    def _merged(self, item_code: str, stored: Sequence[Line]) -> Sequence[Line]:
        """Return stored lines of an item with the message's.

        What recognises a line has its item in it, so only the message's lines of the item can state these.
        """
        message = self._by_item.get(item_code)
        if message is None:
            return stored
        return [*self._unstated(stored, message), *message] if stored else message

    def earlier(self, line: Line, since_day: int | None = None) -> list[Line]:
        """Return the other lines of the judged line's item that are not later than it, in no particular order.

        Lines without a time are in no window and are left out. `since_day` as in `lines_of`.
        """
        return _not_later(line, self.lines_of(line.item_code, since_day))

    def earlier_in_encounter(self, line: Line) -> list[Line]:
        """Return those of the `earlier` lines that are of the judged line's encounter."""
        return _not_later(line, self.lines_in_encounter(line.item_code, line.encounter_id))

    def untimed(self) -> list[Line]:
        """Return the lines, current and past, that have no time and are in no window."""
        untimed = [line for line in self._message_lines() if line.begin is None]
        if self.stored.untimed:
            stored = [self.stored.by_identity[key] for key in self.stored.untimed]
            untimed.extend(self._unstated(stored, self._message_lines()))
        return untimed

    def _message_lines(self) -> Iterator[Line]:
        return chain(self.case.lines, self.case.history)

    def prescription(self, line: Line) -> Sequence[Line]:
        """Return all lines of the judged line's prescription; where it has none, those of the encounter without one."""
        whole: Sequence[Line] | None = self.memo.get(("prescription", line.encounter_id, line.prescription_id))
        if whole is None:
            whole = self._prescription(line)
            self.memo["prescription", line.encounter_id, line.prescription_id] = whole
        return whole

    def _prescription(self, line: Line) -> Sequence[Line]:
        if self._by_prescription is None:
            self._by_prescription = {}
            for other in self._message_lines():
                self._by_prescription.setdefault((other.encounter_id, other.prescription_id), []).append(other)
        key = (line.encounter_id, line.prescription_id)
        message = self._by_prescription[key]
        stored = self.stored.by_prescription.get(key)
        # The message may state a stored line under another prescription, so all of its lines are asked.
        return [*self._unstated(stored, self._message_lines()), *message] if stored else message

    def as_of(self, line: Line) -> datetime:
        """Return the moment up to which clinical facts count for a line: what is known when the HIS asks is known.

        That is the line's begin, or the end of its day where it states a date alone, and not before the time of the
        message. Charges are summed by their own order (`earlier`).
        """
        begin = line.begin
        assert begin is not None  # a line without a time is never judged
        if line.begin_is_date:
            begin = datetime.combine(begin, time.max)
        asked = self.case.time
        return begin if asked is None or asked < begin else asked

    def is_current(self, line: Line) -> bool:
        """Say whether a line is being written now."""
        return id(line) in self._current

    def herb_name(self, line: Line) -> str:
        """Return the name that herb rows are matched by: the catalogue name if a row knows it, else the local one."""
        name = self._herb_names.get(id(line))
        if name is None:
            name = line.item_name
            if line.local_name and line.local_name != name and not self._rows.rows(herb_key(name)):
                name = line.local_name
            self._herb_names[id(line)] = name
        return name

    def herb_form(self, line: Line) -> str:
        """Return the first spelling of the line's names that a row for herbs in any form knows; "" where none does."""
        return self.drug(line).herb_form

    def herbs(self, line: Line, *, in_any_form: bool = False) -> Mapping[str, Sequence[Line]]:
        """Return the herbs of the judged line's prescription by their `herb_name`, or `herb_form`; refunds are none.

        A line whose kind is unknown may be a herb and is among them.
        """
        key = (line.encounter_id, line.prescription_id)
        of_prescription = self._herb_forms if in_any_form else self._herbs
        herbs = of_prescription.get(key)
        if herbs is None:
            name_of = self.herb_form if in_any_form else self.herb_name
            herbs = of_prescription[key] = {}
            for other in self.prescription(line):
                if kind_of(other) in HERB_KINDS and not other.is_refund:
                    herbs.setdefault(name_of(other), []).append(other)
        return herbs

    def rows(self, key: str) -> "Sequence[Row]":
        """Return every row indexed under `key`, of all rules and dates."""
        return self._rows.rows(key)

    def lists(self, key: str) -> Sequence[str]:
        """Return the names of the packs' lists that have an item, ingredient or class key among their members."""
        return self._rows.lists(key) if "list" in self._rows.kinds else ()

    def drug(self, line: Line) -> "Drug":
        """Return what substances and classes a line is of."""
        drug = self._drugs.get(id(line))
        if drug is None:
            drug = self._drugs[id(line)] = drug_of(line, self._rows)
        return drug

    def in_scope(self, scope: "Scope", line: Line | None) -> "tuple[bool | None, tuple[Missing, ...]]":
        """Say whether a scope holds; worked out once for a check where it does not ask about the line."""
        if scope.asks_about_line:
            return scope.holds(self, line)
        held = self.scopes.get(id(scope))
        if held is None:
            held = self.scopes[id(scope)] = scope.holds(self, None)
        return held

    def is_in(self, line: Line, name: str) -> bool:
        """Say whether a line is of a substance or a class (an ATC code of any level, a list) of this name."""
        drug = self.drug(line)
        return name in drug.ingredients or name in drug.classes

    def is_compound(self, line: Line) -> bool:
        """Say whether a line is known to be of several substances."""
        return len(self.drug(line).ingredients) > 1

    def named(self, name: str, since_day: int | None = None) -> Sequence[Line]:
        """Return the lines, current and past, of a substance, a class or a list of this name, in no particular order.

        Timed lines alone, without refunds; with `since_day` as in `lines_of`. The cost follows what is
        found, not the length of the history.
        """
        message = self._message_named(name)
        stored = self._stored_under(name, since_day)
        if not stored:
            return message
        if self._by_content:
            return [*self._unstated(stored, self._message_lines()), *message]
        stored = self._not_restated(stored)
        return [*stored, *message] if message else stored

    def only_item_named(self, name: str, item_code: str) -> bool:
        """Say whether every one of the `named` lines, current and past, is of this item."""
        for line in self._message_named(name):
            if line.item_code != item_code:
                return False
        group = self._stored_group(name)
        return group is None or group.item_codes <= {item_code}

    def named_in_use(self, name: str, day: int) -> Sequence[Line]:
        """Return those of the `named` lines that may be in use on `day` (an ordinal) or later; the caller looks closer.

        The stored ones by an index of their last possible days: what has long been used up costs almost nothing.
        """
        since = day - RUNNING_LOOK_BACK_DAYS
        if self._by_content:
            return self.named(name, since)
        group = self._stored_group(name)
        message = self._message_named(name)
        if group is None:
            return message
        stored = group.by_last_day[bisect_left(group.last_days, day) :]
        return [*self._not_restated(stored), *message] if stored else message

    def _stored_under(self, name: str, since_day: int | None) -> Sequence[Line]:
        group = self._stored_group(name)
        if group is None:
            return NO_LINES
        return group.item.lines if since_day is None else group.item.since(since_day)

    def _stored_group(self, name: str) -> "NamedLines | None":
        if self._stored_named is None:
            known = self.stored.by_name
            if known is None or known[0]() is not self._rows:
                known = self.stored.by_name = (ref(self._rows), by_name(self.stored, self._rows))
            self._stored_named = known[1]
        return self._stored_named.get(name)

    def _message_named(self, name: str) -> Sequence[Line]:
        if self._named is None:
            by_name: defaultdict[str, list[Line]] = defaultdict(list)
            for line in self._message_lines():
                if line.begin is not None:
                    for one in index_names(self.drug(line), line):
                        by_name[one].append(line)
            by_name.default_factory = None
            self._named = by_name
        return self._named.get(name, NO_LINES)

    def _not_restated(self, stored: Sequence[Line]) -> Sequence[Line]:
        if self._restated is None:
            known = self.stored.by_identity
            again = (known.get(identity(line)) for line in self._message_lines())
            self._restated = frozenset(id(line) for line in again if line is not None)
        return [line for line in stored if id(line) not in self._restated] if self._restated else stored

    def lines_about(self, subject: Subject, since_day: int | None = None) -> Sequence[Line]:
        """Return the lines that a subject speaks of, current and past, refunds too, in no particular order.

        Timed lines alone, except those found by an item code; a catalogue (`item_kind`) finds only lines that state or tell it.
        `since_day` as in `lines_of`.
        """
        if subject.item_code:
            return self.lines_of(subject.item_code, since_day)
        key = ("lines_about", subject.ingredient, subject.drug_class, subject.item_kind, since_day)
        found: Sequence[Line] | None = self.memo.get(key)
        if found is None:
            name = subject.ingredient or subject.drug_class
            if name:
                lines = [*self.named(name, since_day), *self.named(REFUNDS_OF + name, since_day)]
                # A class and a substance may share a name.
                found = tuple(line for line in lines if self.is_about(line, subject))
            else:
                past = [line for item in self.stored.by_item.values() for line in _since(item, since_day)]
                lines = [*self._unstated(past, self._message_lines()), *self._message_lines()]
                found = tuple(line for line in lines if kind_of(line) == subject.item_kind)
            self.memo[key] = found
        return found

    def is_about(self, line: Line, subject: Subject) -> bool:
        """Say whether a subject speaks of a line."""
        if subject.item_code:
            return line.item_code == subject.item_code
        if subject.ingredient:
            return subject.ingredient in self.drug(line).ingredients
        if subject.drug_class:
            return subject.drug_class in self.drug(line).classes
        return kind_of(line) == subject.item_kind

    def earlier_about(self, subject: Subject, line: Line, since_day: int | None = None) -> list[Line]:
        """Return the lines of a subject, other than the judged one, that are not later than it; as `earlier`."""
        return _not_later(line, self.lines_about(subject, since_day))

    def earlier_about_in_encounter(self, subject: Subject, line: Line) -> list[Line]:
        """Return those of the `earlier_about` lines that are of the judged line's encounter."""
        if subject.item_code:
            return self.earlier_in_encounter(line)
        return [other for other in self.earlier_about(subject, line) if other.encounter_id == line.encounter_id]

    def lines_of_encounter(self) -> Sequence[Line]:
        """Return all lines of the current encounter, current and past, in no particular order."""
        found: Sequence[Line] | None = self.memo.get("lines_of_encounter")
        if found is None:
            encounter_id = self.case.encounter.id
            stored = [
                line
                for (encounter, _), lines in self.stored.by_prescription.items()
                if encounter == encounter_id
                for line in lines
            ]
            message = [*self.case.lines, *(line for line in self.case.history if line.encounter_id == encounter_id)]
            # A stored line may be stated under another encounter, so all of the message's lines are asked.
            found = (*self._unstated(stored, self._message_lines()), *message)
            self.memo["lines_of_encounter"] = found
        return found

    def positive_skin_tests(self) -> Sequence[Line]:
        """Return the lines, current and past, that state a positive skin test; no refunds, none without a time."""
        found: Sequence[Line] | None = self.memo.get("positive_skin_tests")
        if found is None:
            stored = self.stored.skin_tested
            if stored is None:
                stored = self.stored.skin_tested = _skin_tested(self.stored)
            message = filter(_is_skin_tested, self._message_lines())
            found = (*(self._unstated(stored, self._message_lines()) if stored else ()), *message)
            self.memo["positive_skin_tests"] = found
        return found

    def visits(self) -> Mapping[str, Visit]:
        """Return the patient's other encounters by id, those in the message before the stored ones."""
        if self._visits is None:
            visits = dict(self.stored.visits)
            visits.update((visit.id, visit) for visit in self.case.visits)
            visits.pop(self.case.encounter.id, None)
            self._visits = visits
        return self._visits

    def past_diagnoses(self, line: Line, months: int) -> list[tuple[date, Sequence[Diagnosis]]]:
        """Return the diagnoses of the patient's other encounters of the last `months` months, with the day of each.

        The day is that on which the encounter ended, else began. It counts where fewer than `months` whole months lie
        between it and the line's day: exactly so many months ago is outside (data/nhsa/README.md, number 9). Encounters
        that begin after the line's `as_of` do not count, nor do those without a time.
        """
        assert line.begin is not None  # a line without a time is never judged
        until = self.as_of(line)
        found: list[tuple[date, Sequence[Diagnosis]]] = []
        for visit in self.visits().values():
            last = visit.end or visit.begin
            if last is None or (visit.begin or last) > until:
                continue
            if completed(last, line.begin, "月") < months:
                found.append((last.date(), visit.diagnoses))
        return found

    def practitioner_id(self, line: Line | None) -> str:
        """Return who orders: the line's doctor, else the encounter's; empty where nobody is named."""
        return (line.practitioner_id if line is not None else "") or self.case.encounter.practitioner_id

    def practitioner(self, line: Line | None) -> Practitioner | None:
        """Return the ordering doctor with their privileges; None where the hospital's dictionary has no such doctor."""
        identifier = self.practitioner_id(line)
        return (
            next((known for known in self.case.practitioners if known.id == identifier), None) if identifier else None
        )

    def is_complete(self, feed: Feed) -> bool:
        """Say whether the site vouches for a source of facts: what is absent from it did not happen."""
        return feed in self.case.site.complete_feeds

    def attested(self, kind: str, line: Line | None = None) -> bool:
        """Say whether a person vouched for something of the encounter or of this line."""
        return any(
            attestation.kind == kind
            and (not attestation.order_ids or (line is not None and line.order_id in attestation.order_ids))
            for attestation in self.case.encounter.attestations
        )

    def pregnant(self) -> bool | None:
        """Say whether the patient is pregnant: by the stated status, else by sex, weeks, diagnoses and age.

        Weeks of pregnancy, or a last menstruation at most 44 weeks ago, say so although no status is stated, and so do
        confirmed diagnoses (`PREGNANCY_CODES`). Z32 (a test for pregnancy) tells nothing. Where `neither` is stated of
        someone of whom the weeks or a diagnosis say so, one of the two is wrong: unknown.
        """
        patient = self.case.patient
        stated = patient.pregnancy_status
        if stated is not None and stated != "neither":
            return stated == "pregnant"
        if patient.sex == "male":
            return False
        day = self.day_of(None)
        has_weeks = day is not None and not isinstance(gestational_weeks(patient, day, day), Missing)
        if has_weeks or diagnoses.find(self.case.encounter.diagnoses, PREGNANCY_CODES)[0]:
            return None if stated == "neither" else True
        if stated == "neither":
            return False
        return False if day is not None and is_of_no_fertile_age(patient, day) else None

    def out_of_region(self) -> bool | None:
        """Say whether the patient is treated away from where they are insured: as stated, else by the two divisions.

        Divisions are compared by their first four digits: a 统筹区 is a prefecture or larger.
        """
        encounter = self.case.encounter
        if encounter.out_of_region is not None:
            return encounter.out_of_region
        insured = self.case.patient.insured_region
        if not insured or not encounter.region:
            return None
        return insured[:4] != encounter.region[:4]

    def day_of(self, line: Line | None) -> date | None:
        """Return the day that a judgement is about: the line's; for the encounter the message's, else its beginning's."""
        if line is not None and line.begin is not None:
            return line.begin.date()
        case = self.case
        moment = case.time or case.encounter.begin or min((x.begin for x in case.lines if x.begin), default=None)
        return moment.date() if moment is not None else None


def is_of_no_fertile_age(patient: Patient, at: date) -> bool:
    """Say whether the patient's age rules an unstated pregnancy out; it does not where it is not known."""
    birth = patient.birth_date
    if birth is None or birth > (at.date() if isinstance(at, datetime) else at):
        return False
    return not FERTILE_YEARS[0] <= completed(birth, at, "岁") <= FERTILE_YEARS[1]


def _skin_tested(stored: Timeline) -> tuple[Line, ...]:
    """Return the stored lines with a positive skin test; from what an earlier timeline had, where that is known."""
    earlier = stored.earlier
    steps = stored.steps_since(earlier.token) if earlier is not None else None
    if earlier is None or earlier.skin_tested is None or steps is None:
        return tuple(filter(_is_skin_tested, stored.by_identity.values()))
    tested = list(earlier.skin_tested)
    for step in steps:
        gone = set(map(id, step.removed))
        tested = [line for line in tested if id(line) not in gone]
        tested.extend(filter(_is_skin_tested, step.added))
    return tuple(tested)


def _is_skin_tested(line: Line) -> bool:
    return line.skin_test == "positive" and line.begin is not None and not line.is_refund


def _since(item: ItemLines, day: int | None) -> Sequence[Line]:
    return item.lines if day is None else item.since(day)


def _not_later(line: Line, lines: Iterable[Line]) -> list[Line]:
    begin = line.begin
    assert begin is not None  # a line without a time is never judged
    found: list[Line] = []
    for other in lines:
        other_begin = other.begin
        if other is line or other_begin is None or other_begin > begin:
            continue
        if other_begin < begin or order_of(other) <= order_of(line):
            found.append(other)
    return found
