"""Unmapped codes are counted by department, within bounds, since the dictionary was loaded."""

from datetime import UTC, datetime, timedelta

import pytest

from ruleset.case import Case, Encounter, Line, Patient
from ruleset.timeline import EMPTY
from server.dictionary import unmapped as module
from server.dictionary.holder import DictionaryHolder
from server.dictionary.reading import DictionaryError
from server.dictionary.unmapped import DepartmentLabels, Unmapped, UnmappedCodes
from server.metrics import Metrics
from tests.unit.dictionaries import ITEMS, write_dictionary

NOON = datetime(2026, 7, 6, 12, tzinfo=UTC)


def item(code, department="A03"):
    return Unmapped("item", code, department)


class TestCounting:
    def test_by_department_and_kind_the_most_frequent_first(self):
        codes = UnmappedCodes(lambda: NOON)
        codes.count([(item("X1"), "甲"), (item("X2"), ""), (Unmapped("practitioner", "D9", "A03"), "")])
        codes.count([(item("X2"), ""), (item("X1", "A01"), "甲")])
        listed, unlisted = codes.listed()
        assert [(code.unmapped, code.times) for code in listed] == [
            (item("X1", "A01"), 1),
            (item("X2"), 2),
            (item("X1"), 1),
            (Unmapped("practitioner", "D9", "A03"), 1),
        ]
        assert unlisted == 0

    def test_the_first_name_and_the_last_time(self):
        times = iter((NOON, NOON + timedelta(hours=1)))
        codes = UnmappedCodes(lambda: next(times))
        codes.count([(item("X1"), "甲")])
        codes.count([(item("X1"), "乙")])
        ((code,), _) = codes.listed()
        assert (code.name, code.times, code.last_met) == ("甲", 2, NOON + timedelta(hours=1))

    def test_what_is_beyond_the_limit_is_counted_and_not_listed(self, monkeypatch):
        monkeypatch.setattr(module, "UNMAPPED_CODES_MAX", 2)
        codes = UnmappedCodes(lambda: NOON)
        codes.count([(item(code), "") for code in ("X1", "X2", "X3", "X1", "X3")])
        listed, unlisted = codes.listed()
        assert [(code.unmapped.code, code.times) for code in listed] == [("X1", 2), ("X2", 1)]
        assert unlisted == 2

    def test_the_metric_tells_a_bounded_number_of_departments_apart(self, monkeypatch):
        monkeypatch.setattr(module, "UNMAPPED_DEPARTMENTS_MAX", 2)
        labels = DepartmentLabels()
        assert [labels.label(name) for name in ("a", "b", "c", "a", "c")] == ["a", "b", "other", "a", "other"]


@pytest.fixture
def holder():
    return DictionaryHolder(Metrics())


@pytest.fixture
def folder(tmp_path):
    return write_dictionary(tmp_path / "dictionary", items=(ITEMS, "L1,,,西药,甲,,,,,,,"))


def case(*codes):
    lines = tuple(Line(local_code=code, item_kind="drug", position=place) for place, code in enumerate(codes, 1))
    return Case(patient=Patient(id="P"), encounter=Encounter(department_code="101"), lines=lines)


def counted(holder):
    exposition = holder._metrics.exposition().decode()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in exposition.splitlines()
        if line.startswith(("precheck_unmapped_codes_total", "precheck_dictionary_loads_total"))
    }


class TestHolder:
    def test_without_a_dictionary_nothing_is_looked_up(self, holder):
        given = case("X")
        assert holder.enriched(given, EMPTY) == (given, EMPTY, "")
        assert holder.current().unmapped.listed() == ([], 0)
        assert counted(holder) == {}

    def test_no_directory_is_no_load(self, holder):
        holder.load("")
        assert counted(holder) == {}
        assert holder.current().loaded_at is None

    def test_a_check_is_enriched_and_what_is_unmapped_counted(self, holder, folder):
        holder.load(str(folder))
        enriched = holder.enriched(case("L1", "X1", "X1"), EMPTY).case
        assert [bool(line.ingredients) for line in enriched.lines] == [True, False, False]
        holder.enriched(case("X1"), EMPTY)
        ((code,), _) = holder.current().unmapped.listed()
        assert (code.unmapped, code.times) == (item("X1", "101"), 2)
        assert counted(holder) == {
            'precheck_dictionary_loads_total{outcome="loaded"}': 1,
            'precheck_unmapped_codes_total{department="101",kind="item"}': 2,
        }

    def test_a_bad_directory_leaves_the_old_dictionary_in_force(self, holder, folder):
        holder.load(str(folder))
        before = holder.current()
        write_dictionary(folder, items=(ITEMS, "L1,,,糖,,,,,,,,"))
        with pytest.raises(DictionaryError, match=r"items\.csv:2:4"):
            holder.load(str(folder))
        assert holder.current() is before
        assert "items.csv:2:4" in holder.last_error
        assert counted(holder)['precheck_dictionary_loads_total{outcome="failed"}'] == 1
        write_dictionary(folder, items=(ITEMS, "L2,,,西药,乙,,,,,,,"))
        holder.load(str(folder))
        assert holder.last_error == ""
        assert list(holder.current().dictionary.local_items) == ["L2"]

    def test_counting_begins_anew_with_another_dictionary(self, holder, folder):
        """What is still listed is still missing."""
        holder.load(str(folder))
        holder.enriched(case("X1"), EMPTY)
        write_dictionary(folder, items=(ITEMS, "X1,,,西药,甲,,,,,,,"))
        holder.load(str(folder))
        holder.enriched(case("X1"), EMPTY)
        assert holder.current().unmapped.listed() == ([], 0)

    def test_a_dictionary_can_be_taken_out_of_force(self, holder, folder):
        holder.load(str(folder))
        holder.load("")
        assert holder.current().dictionary.rows == {}
        assert holder.enriched(case("X1"), EMPTY)[0] == case("X1")
