"""All messages together: what was never sent, what was not understood, and what the rules in force wait for."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ruleset.facts import FACTS
from ruleset.scope import CONDITIONS
from ruleset.snapshot import Snapshot
from server.conformance.examine import Examination
from server.conformance.standard import fields_read, label_of

SAME_EVERYWHERE_MESSAGES_MIN = 3
"""A field that says the same in so many messages, of as many patients, may be hard-coded."""
VARYING = (
    ("patient_dtos", "gend"),
    ("patient_dtos", "brdy"),
    ("fsi_encounter_dtos", "matn_stas"),
    ("fsi_encounter_dtos", "med_type"),
    ("fsi_encounter_dtos", "insutype"),
    ("fsi_diagnose_dtos", "dise_codg"),
    ("fsi_order_dtos", "cnt"),
    ("fsi_order_dtos", "drord_dr_codg"),
    ("fsi_order_dtos", "drord_dr_profttl"),
)
"""Fields that differ from patient to patient in any hospital."""
EXPRESSION = "expression"
"""The need of a template that may ask for any fact: which ones, its rows say."""


class FieldCoverage(msgspec.Struct, frozen=True):
    """One field that the entrance reads."""

    object: str
    field: str
    label: str
    messages: int
    """In how many messages it said something."""


class FactCoverage(msgspec.Struct, frozen=True):
    """One fact that rules in force may ask for."""

    fact: str
    label: str
    national: tuple[str, ...]
    """The fields that would state it; empty for one that no message carries."""
    rules: int
    rows: int
    """How many rules, and rows of theirs, may ask for it."""
    arrived: bool
    missed: int
    """How often a rule could not be decided for want of it."""
    misread: int
    """How many of these times the message stated it, by a value that nobody here understands or that says "unknown"."""


class Report(msgspec.Struct, frozen=True):
    """The report on a run."""

    revision: str
    calls: Mapping[str, int]
    """By call, transport and format: `check gRPC 3101`."""
    encodings: Mapping[str, int]
    refused: int
    verdicts: Mapping[str, int]
    completeness: Mapping[str, int]
    lines: int
    fields: tuple[FieldCoverage, ...]
    facts: tuple[FactCoverage, ...]
    unknown_fields: Mapping[str, int]
    """Fields that neither the national interface nor our extension has, by `object.field`."""
    codes: Mapping[str, int]
    """What was not understood, by `field=value`."""
    not_evaluated: Mapping[str, int]
    same_everywhere: tuple[str, ...]
    repeated_message_ids: Mapping[str, int]

    @property
    def fields_never_sent(self) -> Sequence[FieldCoverage]:
        """The fields that the entrance reads and no message stated."""
        return [field for field in self.fields if not field.messages]


class Coverage:
    """Adds messages up."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._calls: Counter[str] = Counter()
        self._encodings: Counter[str] = Counter()
        self._refused = 0
        self._verdicts: Counter[str] = Counter()
        self._completeness: Counter[str] = Counter()
        self._lines = 0
        self._fields: Counter[tuple[str, str]] = Counter()
        self._values: dict[tuple[str, str], set[str]] = {}
        self._patients: set[str] = set()
        self._missed: Counter[str] = Counter()
        self._misread: Counter[str] = Counter()
        self._unknown_fields: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()
        self._not_evaluated: Counter[str] = Counter()
        self._message_ids: Counter[str] = Counter()

    def add(self, examined: Examination) -> None:
        """Take one message in."""
        self._calls[f"{examined.call} {examined.transport} {examined.format}"] += 1
        if examined.encoding:
            self._encodings[examined.encoding] += 1
        self._refused += bool(examined.error)
        outcome = examined.outcome
        if outcome:
            self._completeness[outcome.get("completeness", "")] += 1
            if outcome.get("completeness") != "NONE":
                self._verdicts[outcome.get("verdict", "")] += 1
        self._lines += examined.current_lines
        stated = {(one.object, one.field) for one in examined.understood if one.state != "nothing"}
        self._fields.update(stated)
        for one in examined.understood:
            if one.state != "nothing":
                self._values.setdefault((one.object, one.field), set()).add(one.stated)
        if examined.patient_id:
            self._patients.add(examined.patient_id)
        self._unknown_fields.update(f"{one.object}.{one.field}" for one in examined.unread if not one.is_standard)
        self._codes.update(f"{one.field}={one.value}" for one in examined.not_understood if one.kind != "unknown")
        if examined.message_id and examined.call == "check":
            self._message_ids[examined.message_id] += 1
        for gap in outcome.get("not_evaluated", ()):
            self._not_evaluated[gap["reason"]] += 1
        missed = Counter(_missed(outcome))
        self._missed.update(missed)
        misread = {_as_fact_table(one.object, one.field) for one in examined.not_understood}
        for name, count in missed.items():
            if name in FACTS and not misread.isdisjoint(FACTS[name].national):
                self._misread[name] += count

    def report(self) -> Report:
        """Return the report on all messages so far."""
        fields = tuple(
            FieldCoverage(object_, name, label_of(object_, name), self._fields[object_, name])
            for object_, name in fields_read()
        )
        return Report(
            revision=self._snapshot.revision,
            calls=dict(sorted(self._calls.items())),
            encodings=dict(sorted(self._encodings.items())),
            refused=self._refused,
            verdicts=dict(sorted(self._verdicts.items())),
            completeness=dict(sorted(self._completeness.items())),
            lines=self._lines,
            fields=fields,
            facts=tuple(self._facts()),
            unknown_fields=dict(self._unknown_fields.most_common()),
            codes=dict(self._codes.most_common()),
            not_evaluated=dict(self._not_evaluated.most_common()),
            same_everywhere=tuple(self._same_everywhere()),
            repeated_message_ids={name: count for name, count in self._message_ids.items() if count > 1},
        )

    def _same_everywhere(self) -> Iterator[str]:
        for key in VARYING:
            enough = min(self._fields[key], len(self._patients)) >= SAME_EVERYWHERE_MESSAGES_MIN
            if enough and len(self._values[key]) == 1:
                yield f"{key[1]}={next(iter(self._values[key]))}"

    def _facts(self) -> Iterator[FactCoverage]:
        """Yield the facts that rules may ask for, those that were missed most often first."""
        arrived = {_as_fact_table(object_, field) for object_, field in self._fields}
        arrived |= {object_ for object_, _ in self._fields}
        asked = facts_asked(self._snapshot)
        for name, (rules, rows) in sorted(asked.items(), key=lambda one: (-self._missed[one[0]], -one[1][0], one[0])):
            fact = FACTS[name]
            has_arrived = any(field in arrived for field in fact.national)
            missed, misread = self._missed[name], self._misread[name]
            yield FactCoverage(name, fact.label, fact.national, rules, rows, has_arrived, missed, misread)


def _as_fact_table(object_: str, field: str) -> str:
    """Return a field as the dictionary of facts names it: `ext.dose`; of an object in a list of `ext`, the list."""
    _, in_ext, rest = object_.partition(".ext")
    if not in_ext:
        return field
    return f"ext{rest}" if rest else f"ext.{field}"


def _missed(outcome: Mapping[str, Any]) -> Iterator[str]:
    """Yield the facts for want of which something was not decided, each once for every cause that waits for it."""
    for entry in outcome.get("display", {}).get("missing", ()):
        yield from entry["missing"]


def facts_asked(snapshot: Snapshot) -> Mapping[str, tuple[int, int]]:
    """Return the facts that rules with rows may ask for, each with the number of those rules, and of their rows."""
    rules: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    for pack in snapshot.packs:
        count: Counter[int] = Counter()
        in_rows: dict[int, set[str]] = {}
        for record in pack.file.all_rows():
            count[record.rule] += 1
            for part in ("scope", "exempt"):
                conditions = (record.common or {}).get(part) or {}
                in_rows.setdefault(record.rule, set()).update(_facts_of(conditions))
        for place, number in count.items():
            rule = pack.rules[place]
            facts = {name for name in rule.template.needs if EXPRESSION not in rule.template.needs}
            for conditions in (rule.scope, rule.exempt):
                if conditions is not None:
                    facts |= _facts_of(msgspec.to_builtins(conditions))
            if rule.exempt_payers:
                facts.add("payer")
            for name in facts | in_rows.get(place, set()):
                rules[name] += 1
                rows[name] += number
    return {name: (rules[name], rows[name]) for name in rules}


def _facts_of(conditions: Mapping[str, Any]) -> set[str]:
    return {
        fact for name, stated in conditions.items() if stated and name in CONDITIONS for fact in CONDITIONS[name].facts
    }
