"""A case with the dictionary's facts: what the message states wins, what nobody knows stays unknown and says so."""

from datetime import date, datetime
from decimal import Decimal
from random import Random

import pytest

from ruleset.case import (
    Case,
    Counter,
    Diagnosis,
    Encounter,
    Ingredient,
    Line,
    Operation,
    Patient,
    Practitioner,
    Privilege,
    UnknownFact,
    Visit,
    identity,
)
from ruleset.chart import Chart
from ruleset.document import read_document
from ruleset.facts import FACTS
from ruleset.timeline import Timeline
from server.dictionary import history
from server.dictionary.enrichment import FACT_OF_FIELD, enrich
from server.dictionary.history import EnrichedHistories
from server.dictionary.lookup import NO_DICTIONARY, load_dictionary
from server.dictionary.unmapped import Unmapped
from tests.unit.dictionaries import DOCTORS, ITEMS, PRIVILEGES, write_dictionary

AMOXICILLIN = "XJ01CAA040E001010101234"
ASPIRIN = "XB01ACA055A001010101234"
TABLES = {
    "items": (
        ITEMS,
        f"L1,{AMOXICILLIN},阿莫西林胶囊,西药,阿莫西林,J01CA04,限制使用级,胶囊剂,0.25,g,24,0.25 g×24粒",
        "L2,,院内制剂,西药,甲:5 mg|乙,,,,,,,",
        f"L3,{ASPIRIN},阿司匹林肠溶片,西药,阿司匹林,,,片剂,100,mg,30,",
        f"L4,{ASPIRIN},阿司匹林片（散装）,西药,,,,,,,1,",
    ),
    "diagnoses": ("local_code,national_code,name", "Z1,J06.900,急性上呼吸道感染"),
    "operations": ("local_code,national_code,name,incision_class", "S1,47.0100,阑尾切除术,Ⅱ"),
    "departments": ("local_code,standard_code,name", "101,A03,内科", "102,A05,妇科"),
    "practitioners": DOCTORS,
    "privileges": PRIVILEGES,
}


@pytest.fixture
def load(tmp_path):
    def load(**tables):
        return load_dictionary(str(write_dictionary(tmp_path / "dictionary", **tables)))

    return load


@pytest.fixture
def dictionary(load):
    return load(**TABLES)


def drug(**fields):
    return Line(**{"order_id": "A", "item_kind": "drug", "encounter_id": "E", "position": 1, **fields})


def line_of(dictionary, **fields):
    """The line as it comes out, when it is the only one."""
    (line,) = enrich(Case(lines=(drug(**fields),)), dictionary).case.lines
    return line


def unknown(line):
    return {fact.fact: fact.reason for fact in line.unknown_facts}


class TestItems:
    @pytest.mark.parametrize(
        "codes",
        [
            {"local_code": "L1"},
            {"item_code": AMOXICILLIN},
            {"local_code": "L1", "item_code": AMOXICILLIN},
            {"local_code": "L9", "item_code": AMOXICILLIN},
            {"item_code": "L1"},
            {"item_code": "L1", "local_code": "L1"},
        ],
        ids=str,
    )
    def test_an_item_is_found_by_either_code(self, dictionary, codes):
        line = line_of(dictionary, **codes)
        assert line.item_code == AMOXICILLIN
        assert line.ingredients == (Ingredient("阿莫西林", Decimal("0.25"), "g"),)
        assert line.classes == ("J01CA04", "antibiotic_restricted")
        assert (line.form, line.strength, line.strength_unit) == ("胶囊剂", Decimal("0.25"), "g")
        assert (line.pack_size, line.specification) == (24, "0.25 g×24粒")
        assert line.unknown_facts == ()

    def test_what_the_message_states_wins(self, dictionary):
        stated = {
            "local_code": "L1",
            "local_name": "本院阿莫西林",
            "item_code": AMOXICILLIN,
            "ingredients": (Ingredient("别的"),),
            "classes": ("A01",),
            "form": "颗粒剂",
            "strength": Decimal(125),
            "strength_unit": "mg",
            "pack_size": Decimal(12),
            "specification": "125 mg×12袋",
        }
        line = line_of(dictionary, **stated)
        assert line == drug(**{**stated, "classes": ("A01", "antibiotic_restricted")})

    @pytest.mark.parametrize("stated", [{"strength": Decimal(5)}, {"strength_unit": "mL"}])
    def test_half_a_strength_is_not_completed_from_another(self, dictionary, stated):
        line = line_of(dictionary, local_code="L1", **stated)
        assert (line.strength, line.strength_unit) == (stated.get("strength"), stated.get("strength_unit", ""))

    def test_the_grade_is_not_added_to_classes_that_have_it(self, dictionary):
        line = line_of(dictionary, local_code="L1", classes=("antibiotic_restricted", "J01"))
        assert line.classes == ("antibiotic_restricted", "J01")

    def test_an_item_without_a_national_code_keeps_the_line_without_one(self, dictionary):
        line = line_of(dictionary, local_code="L2")
        assert (line.item_code, line.local_name) == ("", "院内制剂")
        assert [ingredient.name for ingredient in line.ingredients] == ["甲", "乙"]

    def test_an_item_without_a_national_code_gives_its_facts_beside_the_stated_code(self, dictionary):
        line = line_of(dictionary, local_code="L2", item_code="XA01AAA001A001010101234")
        assert line.item_code == "XA01AAA001A001010101234"
        assert [ingredient.name for ingredient in line.ingredients] == ["甲", "乙"]

    def test_the_shelf_says_more_than_the_national_code(self, dictionary):
        assert line_of(dictionary, local_code="L4", item_code=ASPIRIN).pack_size == 1
        assert line_of(dictionary, local_code="L3", item_code=ASPIRIN).pack_size == 30
        by_code = line_of(dictionary, item_code=ASPIRIN)
        assert by_code.pack_size is None
        assert by_code.strength == 100

    def test_a_local_code_of_another_drug_gives_no_fact(self, dictionary):
        """The message says one national code, the dictionary another for its local code: the drug may be either."""
        other = "XA01AAA001A001010101234"
        enriched = enrich(Case(lines=(drug(local_code="L1", item_code=other),)), dictionary)
        (line,) = enriched.case.lines
        assert (line.item_code, line.ingredients) == (other, ())
        assert unknown(line)["ingredients"] == (
            f"字典中没有这样的对照：本院编码“L1”对应“{AMOXICILLIN}”，报文为“{other}”"
        )
        assert list(enriched.unmapped) == [Unmapped("item", "L1", "")]

    def test_a_local_code_of_another_drug_gives_the_facts_of_the_stated_one(self, dictionary):
        line = line_of(dictionary, local_code="L1", item_code=ASPIRIN)
        assert (line.item_code, line.ingredients[0].name) == (ASPIRIN, "阿司匹林")

    def test_an_unmapped_drug_says_why_its_facts_are_unknown(self, dictionary):
        line = line_of(dictionary, local_code="L9", form="片剂")
        reason = "字典中没有项目“L9”"
        assert unknown(line) == dict.fromkeys(
            ("item_code", "ingredients", "classes", "strength", "pack_size"), reason
        ), "the form is stated"

    @pytest.mark.parametrize(
        ("fields", "counted"),
        [
            ({"item_kind": "service", "item_code": "001109000010000", "local_code": "F1"}, False),
            ({"item_kind": "service", "local_code": "F1"}, True),
            ({"item_kind": "drug", "item_code": "XC01AAA001A001010101234"}, True),
            ({"item_kind": None, "item_code": "XC01AAA001A001010101234"}, True),
            ({"item_kind": "drug", "local_name": "手写药名"}, False),
        ],
        ids=str,
    )
    def test_what_counts_as_unmapped(self, dictionary, fields, counted):
        """Not: what has a national code and is of a catalogue that the dictionary does not hold; what has no code."""
        enriched = enrich(Case(lines=(drug(**fields),)), dictionary)
        assert bool(enriched.unmapped) is counted
        assert bool(enriched.case.lines[0].unknown_facts) is counted

    def test_a_dictionary_that_names_no_catalogue_is_of_all(self, load):
        dictionary = load(items=("local_code,ingredients", "L1,甲"))
        case = Case(lines=(drug(item_kind="service", item_code="001109000010000", local_code="F1"),))
        assert list(enrich(case, dictionary).unmapped) == [Unmapped("item", "F1", "")]

    def test_an_unmapped_service_lacks_its_code_and_no_substance(self, dictionary):
        assert list(unknown(line_of(dictionary, item_kind="service", local_code="F1"))) == ["item_code"]

    def test_unknown_facts_of_the_message_stay(self, dictionary):
        fact = UnknownFact("quantity", "x", "看不懂")
        assert line_of(dictionary, local_code="L9", unknown_facts=(fact,)).unknown_facts[0] == fact

    def test_every_fact_is_one(self):
        assert set(FACT_OF_FIELD) <= set(Line.__struct_fields__)
        assert set(FACT_OF_FIELD.values()) <= set(FACTS)


class TestEncounter:
    def test_diagnoses_become_national(self, dictionary):
        given = (Diagnosis(code="Z1", primary=True), Diagnosis(code="J06.900", name="上感"), Diagnosis(name="手写"))
        encounter = enrich(Case(encounter=Encounter(diagnoses=given)), dictionary).case.encounter
        assert encounter.diagnoses == (
            Diagnosis(code="J06.900", name="急性上呼吸道感染", primary=True),
            Diagnosis(code="J06.900", name="上感"),
            Diagnosis(name="手写"),
        )
        assert encounter.unknown_facts == ()

    @pytest.mark.parametrize("code", ["I10.x00x002", "E11.900", "S06.000", "A04.03.15", "B05.02", "K35", "M05.300x001"])
    def test_a_national_code_needs_no_entry(self, dictionary, code):
        case = Case(encounter=Encounter(diagnoses=(Diagnosis(code=code, name="x"),)))
        enriched = enrich(case, dictionary)
        assert enriched.case is case
        assert not enriched.unmapped

    @pytest.mark.parametrize("code", ["0012", "J06-1", "上感", "j06.900"])
    def test_another_code_without_an_entry_is_taken_away(self, dictionary, code):
        """Left in place it would be compared, and be no match where nobody knows."""
        given = (Diagnosis(code=code, name="x"), Diagnosis(code=code))
        enriched = enrich(Case(encounter=Encounter(department_code="101", diagnoses=given)), dictionary)
        encounter = enriched.case.encounter
        assert encounter.diagnoses == (Diagnosis(name="x"), Diagnosis(name=code))
        assert unknown(encounter) == {"diagnoses": f"字典中没有诊断“{code}”"}
        assert list(enriched.unmapped) == [Unmapped("diagnosis", code, "A03")]

    def test_operations_become_national_and_take_their_incision_class(self, dictionary):
        given = (
            Operation(code="S1"),
            Operation(code="47.0100", name="x", incision_class="III"),
            Operation(code="53.0000", name="y"),
            Operation(code="S9", name="z"),
        )
        enriched = enrich(Case(encounter=Encounter(operations=given)), dictionary)
        assert enriched.case.encounter.operations == (
            Operation(code="47.0100", name="阑尾切除术", incision_class="II"),
            given[1],
            given[2],
            Operation(name="z"),
        )
        assert unknown(enriched.case.encounter) == {"operations": "字典中没有手术“S9”"}
        assert enriched.unmapped == {Unmapped("operation", "S9", ""): "z"}

    def test_departments_become_standard(self, dictionary):
        case = Case(
            encounter=Encounter(department_code="101"),
            lines=(drug(department_code="102"), drug(department_code="A05"), drug()),
        )
        enriched = enrich(case, dictionary).case
        assert enriched.encounter.department_code == "A03"
        assert [line.department_code for line in enriched.lines] == ["A05", "A05", ""]

    def test_an_unmapped_department_keeps_its_code_beside_the_unknown_fact(self, dictionary):
        case = Case(encounter=Encounter(department_code="999"), lines=(drug(department_code="999", local_code="L1"),))
        enriched = enrich(case, dictionary)
        for part in (enriched.case.encounter, *enriched.case.lines):
            assert part.department_code == "999"
            assert unknown(part) == {"department": "字典中没有科室“999”"}
        assert list(enriched.unmapped) == [Unmapped("department", "999", "999")], "once, however many lines name it"

    def test_unmapped_codes_are_counted_where_they_are_met(self, dictionary):
        lines = (
            drug(local_code="X1", local_name="甲药", department_code="102"),
            drug(local_code="X1", local_name="甲药", department_code="102"),
            drug(local_code="X2", department_code="777"),
            drug(local_code="X3"),
            drug(local_code="X4", department_code="102"),
        )
        enriched = enrich(Case(encounter=Encounter(department_code="101"), lines=lines), dictionary)
        assert enriched.unmapped == {
            Unmapped("item", "X1", "A05"): "甲药",
            Unmapped("department", "777", "777"): "",
            Unmapped("item", "X2", "777"): "",
            Unmapped("item", "X3", "A03"): "",
            Unmapped("item", "X4", "A05"): "",
        }

    def test_counters_follow_the_codes_they_count_by(self, dictionary):
        def counter(subject, subject_id):
            return Counter(subject=subject, subject_id=subject_id, metric="m", period="month", value=Decimal(1))

        given = [("department", "101"), ("disease", "Z1"), ("practitioner", "D1"), ("department", "777")]
        encounter = Encounter(counters=tuple(counter(*subject) for subject in given))
        counters = enrich(Case(encounter=encounter), dictionary).case.encounter.counters
        assert [counter.subject_id for counter in counters] == ["A03", "J06.900", "D1", "777"]


class TestDoctors:
    def case(self, *lines, **encounter):
        return Case(encounter=Encounter(**encounter), lines=tuple(drug(**fields) for fields in lines))

    def test_the_doctors_of_lines_and_encounter_come_with_their_privileges(self, dictionary):
        case = self.case({"practitioner_id": "D1", "local_code": "L1"}, {"local_code": "L1"}, practitioner_id="D2")
        enriched = enrich(case, dictionary)
        privileges = (Privilege("antibiotic_special", date(2026, 1, 28)),)
        assert enriched.case.practitioners == (
            Practitioner("D2", "医师乙"),
            Practitioner("D1", "医师甲", "主任医师", "A03", privileges),
        )
        assert not enriched.unmapped

    def test_a_doctor_who_is_absent_is_unknown_and_not_without_privileges(self, dictionary):
        case = self.case({"practitioner_id": "D9", "local_code": "L1"}, practitioner_id="D8")
        enriched = enrich(case, dictionary)
        assert enriched.case.practitioners == ()
        assert unknown(enriched.case.lines[0]) == {"privileges": "字典中没有医师“D9”"}
        assert unknown(enriched.case.encounter) == {"privileges": "字典中没有医师“D8”"}
        assert list(enriched.unmapped) == [Unmapped("practitioner", "D8", ""), Unmapped("practitioner", "D9", "")]

    def test_every_line_of_an_absent_doctor_says_so(self, dictionary):
        ids = ("D9", "D1", "D9", "D9")
        enriched = enrich(self.case(*({"practitioner_id": name, "local_code": "L1"} for name in ids)), dictionary)
        assert [list(unknown(line)) for line in enriched.case.lines] == [
            ["privileges"],
            [],
            ["privileges"],
            ["privileges"],
        ]

    def test_without_a_list_of_privileges_no_doctor_has_none(self, load):
        dictionary = load(practitioners=DOCTORS)
        enriched = enrich(self.case({"practitioner_id": "D2"}, {"practitioner_id": "D9"}), dictionary)
        assert enriched.case.practitioners == ()
        assert list(enriched.unmapped) == [Unmapped("practitioner", "D9", "")]

    def test_the_title_is_filled_where_the_message_has_none(self, dictionary):
        lines = (
            {"practitioner_id": "D1"},
            {"practitioner_id": "D1", "practitioner_title": "主治"},
            {"practitioner_id": "D2"},
        )
        titles = [line.practitioner_title for line in enrich(self.case(*lines), dictionary).case.lines]
        assert titles == ["主任医师", "主治", ""]

    def test_what_the_message_says_of_a_doctor_wins(self, dictionary):
        stated = (Practitioner("D1"), Practitioner("D9", privileges=(Privilege("herb"),)))
        lines = (drug(practitioner_id="D1", local_code="L1"), drug(practitioner_id="D9", local_code="L1"))
        enriched = enrich(Case(lines=lines, practitioners=stated), dictionary)
        assert enriched.case.practitioners == stated
        assert not enriched.unmapped
        assert all(line.unknown_facts == () for line in enriched.case.lines)


class TestNothingToDo:
    def test_without_a_dictionary(self):
        case = Case(lines=(drug(local_code="X"),))
        assert enrich(case, NO_DICTIONARY).case is case

    @pytest.mark.parametrize("table", TABLES)
    def test_of_a_table_that_is_not_there_nothing_misses(self, load, table):
        """Each table alone; only what is looked up in it is unmapped."""
        kinds = {"items": "item", "diagnoses": "diagnosis", "operations": "operation"}
        kinds |= {"departments": "department", "practitioners": "practitioner", "privileges": "practitioner"}
        tables = {table: TABLES[table]}
        if table == "privileges":
            tables["practitioners"] = TABLES["practitioners"]
        case = Case(
            encounter=Encounter(
                department_code="999",
                practitioner_id="D9",
                diagnoses=(Diagnosis(code="?1"),),
                operations=(Operation(code="?2"),),
            ),
            lines=(drug(local_code="X", department_code="999", practitioner_id="D9"),),
        )
        assert {unmapped.kind for unmapped in enrich(case, load(**tables)).unmapped} == {kinds[table]}

    def test_a_case_that_states_everything_is_the_very_same(self, dictionary):
        once = enrich(Case(encounter=Encounter(department_code="101"), lines=(drug(local_code="L1"),)), dictionary).case
        assert enrich(once, dictionary).case is once


class TestPast:
    def test_past_lines_of_the_message(self, dictionary):
        past = (
            drug(local_code="L1", department_code="101"),
            drug(local_code="X", department_code="999", practitioner_id="D9"),
        )
        enriched = enrich(Case(history=past), dictionary)
        first, second = enriched.case.history
        assert (first.ingredients[0].name, first.department_code) == ("阿莫西林", "A03")
        assert second is past[1], "nothing is known of it"
        assert not enriched.unmapped, "what is past was counted when it was new"

    def test_past_encounters(self, dictionary):
        visits = (
            Visit("V1", department_code="101", diagnoses=(Diagnosis(code="Z1"), Diagnosis(code="?"))),
            Visit("V2", department_code="A05", diagnoses=(Diagnosis(code="J06.900", name="x"),)),
        )
        first, second = enrich(Case(visits=visits), dictionary).case.visits
        assert first.department_code == "A03"
        assert first.diagnoses == (Diagnosis(code="J06.900", name="急性上呼吸道感染"), Diagnosis(name="?"))
        assert second is visits[1]

    def test_two_local_codes_of_one_national_code_stay_two_lines(self, dictionary):
        case = read_document(shared_order())
        assert len({identity(line) for line in case.lines}) == 3
        enriched = enrich(case, dictionary).case.lines
        assert {line.item_code for line in enriched} == {ASPIRIN}
        assert len({identity(line) for line in enriched}) == 3

    def test_one_local_code_under_two_names_stays_two_lines(self, dictionary):
        case = read_document(shared_order(("L3", "肠溶片", 1), ("L3", "阿司匹林肠溶片", 2)))
        enriched = enrich(case, dictionary).case.lines
        assert [line.ordinal for line in enriched] == [0, 1]


def shared_order(*lines):
    """A document whose lines share one order id, as (local code, name, quantity)."""
    lines = lines or (("L3", "肠溶片", 1), ("L4", "散装", 2), ("L4", "散装", 3))
    return {
        "time": "2026-07-06T09:00:00",
        "patient": {"id": "P"},
        "encounter": {
            "id": "E",
            "lines": [
                {"order_id": "A", "local_code": code, "local_name": name, "quantity": quantity}
                for code, name, quantity in lines
            ],
        },
    }


class TestStoredHistory:
    def stored(self, *lines, position=7, visits=()):
        return Timeline(lines, position, visits)

    def test_stored_lines_are_found_by_what_the_dictionary_says_of_them(self, dictionary):
        line = drug(local_code="L1", begin=datetime(2026, 7, 6, 9))
        raw = self.stored(line)
        enriched = EnrichedHistories(dictionary).of("P", raw)
        (found,) = enriched.by_item[AMOXICILLIN].lines
        assert found.ingredients[0].name == "阿莫西林"
        assert enriched.position == 7
        assert list(raw.by_item) == [""], "the stored lines themselves are as the message stated them"

    def test_remembered_until_the_history_changes(self, dictionary):
        histories = EnrichedHistories(dictionary)
        raw = self.stored(drug(local_code="L1"))
        first = histories.of("P", raw)
        assert histories.of("P", raw) is first
        longer = raw.with_changes((drug(order_id="B", local_code="L3"),), (), 8)
        assert set(histories.of("P", longer).by_item) == {AMOXICILLIN, ASPIRIN}

    def test_a_line_that_was_voided_is_gone(self, dictionary):
        histories = EnrichedHistories(dictionary)
        line = drug(local_code="L1")
        raw = self.stored(line, drug(order_id="B", local_code="L3"))
        histories.of("P", raw)
        assert set(histories.of("P", raw.with_changes((), (identity(line),), 9)).by_item) == {ASPIRIN}

    def test_the_very_same_where_nothing_is_known(self, dictionary):
        raw = self.stored(drug(local_code="X"), visits=(Visit("V", department_code="A03"),))
        assert EnrichedHistories(dictionary).of("P", raw) is raw
        assert EnrichedHistories(NO_DICTIONARY).of("P", self.stored(drug(local_code="L1"))).by_item.keys() == {""}

    def test_stored_encounters(self, dictionary):
        raw = self.stored(visits=(Visit("V", diagnoses=(Diagnosis(code="Z1"),)),))
        assert EnrichedHistories(dictionary).of("P", raw).visits["V"].diagnoses[0].code == "J06.900"

    def test_no_more_is_remembered_than_the_limit(self, dictionary, monkeypatch):
        monkeypatch.setattr(history, "ENRICHED_LINES_MAX", 4)
        histories = EnrichedHistories(dictionary)
        raw = {name: self.stored(drug(local_code="L1")) for name in "PQR"}
        first = {name: histories.of(name, timeline) for name, timeline in raw.items()}
        assert histories.of("R", raw["R"]) is first["R"]
        assert histories.of("P", raw["P"]) is not first["P"]
        long = self.stored(*(drug(order_id=str(number), local_code="L1") for number in range(9)))
        assert len(histories.of("S", long)) == 9

    def test_a_line_of_the_message_replaces_the_stored_one_by_the_mapped_code(self, dictionary):
        """Stored before the dictionary knew the code; stated again today. One line, not two."""
        line = drug(local_code="L1", local_name="阿莫西林", quantity=Decimal(1), begin=datetime(2026, 7, 6, 9))
        assert quantities(dictionary, AMOXICILLIN, stored=[line], stated=[line]) == [1]

    @pytest.mark.parametrize("stated", [(), (0,), (1,), (2,), (0, 2), (1, 2), (2, 1, 0)])
    def test_lines_that_share_an_order_are_each_counted_once(self, dictionary, stated):
        """Whichever of the stored lines the message states again."""
        lines = read_document(shared_order()).lines
        found = quantities(dictionary, ASPIRIN, stored=lines, stated=[lines[place] for place in stated])
        assert found == [1, 2, 3]

    @pytest.mark.parametrize("seed", range(40))
    def test_it_does_not_matter_where_a_past_line_comes_from(self, dictionary, seed):
        """Past lines in the message, in the store or in both: the same lines of each item are seen."""
        chance = Random(seed)
        lines = read_document(random_history(chance)).history
        seen = []
        for _ in range(3):
            stored = [line for line in lines if chance.random() < 0.5]
            kept = {id(line) for line in stored}
            stated = tuple(line for line in lines if id(line) not in kept or chance.random() < 0.3)
            case = Case(patient=Patient(id="P"), history=stated)
            chart = Chart(
                enrich(case, dictionary).case, EnrichedHistories(dictionary).of("P", Timeline(stored, 1)), NoRows()
            )
            seen.append(
                {code: sorted(line.quantity for line in chart.lines_of(code)) for code in (AMOXICILLIN, ASPIRIN)}
            )
        assert seen[1:] == seen[:-1]
        assert any(seen[0].values()), "some line is of an item"


def random_history(chance):
    """A document with past lines that share orders and times; each has a quantity of its own."""
    codes = (
        {"local_code": "L1", "local_name": "阿莫西林"},
        {"local_code": "L3", "local_name": "肠溶片"},
        {"local_code": "L4", "local_name": "散装"},
        {"local_code": "L4", "item_code": ASPIRIN},
        {"item_code": AMOXICILLIN},
        {"local_code": "L9", "local_name": "新药"},
    )
    # A site states the national code of an item always or never.
    known = chance.sample(codes[:3], 2) if chance.random() < 0.5 else codes[3:]
    lines = [
        {
            **chance.choice((*known, codes[-1])),
            "order_id": chance.choice("AB"),
            "begin": f"2026-07-0{chance.randint(1, 2)}T09:00:00",
            "quantity": number,
        }
        for number in range(1, 9)
    ]
    lines.append({**known[0], "order_id": "C", "begin": "2026-07-03T09:00:00", "quantity": 9})
    return {"encounter": {"id": "E"}, "history": [{"id": "E", "lines": lines}]}


class NoRows:
    """A pack without rows."""

    kinds = frozenset()

    def rows(self, key):
        return ()

    def lists(self, key):
        return ()


def quantities(dictionary, item_code, *, stored, stated):
    """The quantities of an item that a template sees."""
    case = Case(patient=Patient(id="P"), encounter=Encounter(id="E"), lines=tuple(stated))
    chart = Chart(enrich(case, dictionary).case, EnrichedHistories(dictionary).of("P", Timeline(stored, 1)), NoRows())
    return sorted(line.quantity for line in chart.lines_of(item_code))
