"""Dictionaries are read strictly: every fault has its file, line and column, and nothing is guessed."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from ruleset.case import Ingredient, Privilege
from server.dictionary import reading
from server.dictionary.lookup import NO_DICTIONARY, load_dictionary
from server.dictionary.reading import DictionaryError
from server.dictionary.tables import PRIVILEGE_CODES, TABLE_OF, TABLES
from tests.unit.dictionaries import DOCTORS, ITEMS, PRIVILEGES, write_dictionary


@pytest.fixture
def load(tmp_path):
    def load(encoding="utf-8", **tables):
        return load_dictionary(str(write_dictionary(tmp_path / "dictionary", encoding, **tables)))

    return load


@pytest.fixture
def faults(load):
    """What is wrong with some tables, as `file:line:column: message` with its help."""

    def faults(**tables):
        with pytest.raises(DictionaryError) as raised:
            load(**tables)
        return [str(diagnostic) for diagnostic in raised.value.diagnostics]

    return faults


def item_rows(*rows):
    return (ITEMS, *rows)


class TestTables:
    @pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
    def test_columns_are_the_fields_of_the_row(self, table):
        fields = msgspec.structs.fields(table.row)
        assert {column.name for column in table.columns} == {field.name for field in fields}
        assert {column.name for column in table.columns if column.required} == {
            field.name for field in fields if field.required
        }

    @pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
    def test_no_two_columns_have_one_name(self, table):
        names = [name for column in table.columns for name in (column.name, column.title)]
        assert len(set(names)) == len(names)


class TestEncodings:
    LINES = ("本院编码,标准科别编码,名称", "101,A03,内科门诊")

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
    def test_what_spreadsheets_write(self, load, encoding):
        coded = load(encoding, departments=self.LINES).departments["101"]
        assert (coded.code, coded.name) == ("A03", "内科门诊")

    def test_utf_16_is_neither(self, tmp_path):
        folder = write_dictionary(tmp_path / "d", "utf-16", departments=self.LINES)
        with pytest.raises(DictionaryError, match=r"departments\.csv:1:1: neither UTF-8 nor GB 18030"):
            load_dictionary(str(folder))

    def test_a_character_that_a_chunk_cuts(self, load, monkeypatch):
        monkeypatch.setattr(reading, "CHUNK_BYTES", 7)
        assert load(departments=self.LINES).departments["101"].name == "内科门诊"
        assert load("gb18030", departments=self.LINES).departments["101"].name == "内科门诊"

    def test_a_character_that_the_end_cuts(self, tmp_path):
        folder = write_dictionary(tmp_path / "d", departments=self.LINES)
        file = folder / "departments.csv"
        file.write_bytes(file.read_bytes().rstrip() + b"\xe5")
        with pytest.raises(DictionaryError, match="neither UTF-8 nor GB 18030"):
            load_dictionary(str(folder))

    def test_lines_end_as_windows_ends_them_and_blank_ones_do_not_count(self, tmp_path):
        folder = tmp_path / "d"
        folder.mkdir()
        (folder / "departments.csv").write_bytes(b'standard_code,name\r\nA03,"a\r\nb"\r\n,\r\n\r\nA04,x,y\r\n')
        with pytest.raises(DictionaryError) as raised:
            load_dictionary(str(folder))
        assert [(fault.line, fault.message) for fault in raised.value.diagnostics] == [
            (2, "`name` is `a\r\nb`, expected a text; it is one that has a control character"),
            (6, "3 cells where the header has 2"),
        ]


class TestFiles:
    def test_no_directory_is_no_dictionary(self):
        assert load_dictionary("") is NO_DICTIONARY

    def test_a_directory_that_is_missing(self, tmp_path):
        with pytest.raises(DictionaryError, match="nowhere:1:1: is no directory"):
            load_dictionary(str(tmp_path / "nowhere"))

    def test_a_directory_without_a_table(self, faults):
        (fault,) = faults()
        assert "has none of the files items.csv, diagnoses.csv" in fault

    def test_a_file_with_another_name_is_asked_about(self, faults):
        (fault,) = faults(item=item_rows())
        assert fault == "item.csv:1:1: is no file of a dictionary\n  help: did you mean `items.csv`?"

    def test_what_is_no_csv_is_left_alone(self, load, tmp_path):
        folder = write_dictionary(tmp_path / "dictionary", departments=("standard_code", "A03"))
        (folder / "notes.txt").write_text("x")
        assert load(diagnoses=("national_code", "J06.900")).rows == {"departments": 1, "diagnoses": 1}

    def test_an_empty_file(self, faults):
        assert faults(departments=()) == ["departments.csv:1:1: has no header"]

    def test_a_quote_that_is_not_closed(self, faults):
        (fault,) = faults(departments=("standard_code,name", 'A03,"x'))
        assert fault.startswith("departments.csv:2:1: not valid CSV: ")

    def test_the_same_files_have_the_same_digest_and_others_another(self, load, tmp_path):
        one = load(departments=("standard_code,name", "A03,x")).digest
        assert load(departments=("standard_code,name", "A03,x")).digest == one
        assert load(departments=("standard_code,name", "A03,y")).digest != one

    def test_a_file_that_is_too_large(self, faults, monkeypatch):
        monkeypatch.setattr(reading, "FILE_MAX_BYTES", 20)
        (fault,) = faults(departments=("standard_code,name", "A03,内科门诊"))
        assert fault == "departments.csv:1:1: larger than FILE_MAX_BYTES, 20 bytes"

    def test_too_many_rows(self, faults, load, monkeypatch):
        monkeypatch.setattr(reading, "ROWS_PER_FILE_MAX", 2)
        lines = ("standard_code", "A03", "A04", "A05")
        assert len(load(departments=lines[:-1]).departments) == 2
        (fault,) = faults(departments=lines)
        assert fault == "departments.csv:4:1: more than ROWS_PER_FILE_MAX, 2 rows"

    def test_more_errors_than_are_shown(self, load, monkeypatch):
        monkeypatch.setattr(reading, "ERRORS_SHOWN_MAX", 2)
        rows = ("national_code,name", *(f",{number}" for number in range(5)))
        with pytest.raises(DictionaryError) as raised:
            load(diagnoses=rows)
        assert str(raised.value).splitlines()[0].endswith(": 5 errors")
        assert str(raised.value).splitlines()[-1] == "and 3 more"


class TestHeader:
    def test_by_name_or_by_title_in_any_order(self, load):
        assert load(departments=("名称,standard_code,本院编码", "内科,A03,101")).departments["101"].code == "A03"

    def test_an_unknown_column_is_asked_about(self, faults):
        (fault,) = faults(departments=("local_cod,standard_code", "101,A03"))
        assert fault == "departments.csv:1:1: unknown column `local_cod`\n  help: did you mean `local_code`?"

    def test_a_missing_column(self, faults):
        (fault,) = faults(departments=("local_code,name", "101,x"))
        assert fault == "departments.csv:1:1: column `standard_code` (标准科别编码) is missing"

    def test_a_column_that_stands_twice(self, faults):
        (fault,) = faults(departments=("standard_code,标准科别编码", "A03,A03"))
        assert fault == "departments.csv:1:2: column `standard_code` stands twice"


BAD_CELLS = [
    ("L1,,,糖,,,,,,,,", 4, "`kind` is `糖`, expected one of 西药, "),
    ("L1,,,drugs,,,,,,,,", 4, "did you mean `drug`?"),
    ("L1,,,,甲：1 mg,,,,,,,", 5, "expected a generic name, with or without an amount"),
    ("L1,,,,甲:many,,,,,,,", 5, "expected a number with a unit after the name"),
    ("L1,,,,甲:5,,,,,,,", 5, "expected a number with a unit after the name"),
    ("L1,,,,甲:5 furlong,,,,,,,", 5, "expected a unit"),
    ("L1,,,,甲:0 mg,,,,,,,", 5, "expected a number above 0"),
    ("L1,,,,甲||乙,,,,,,,", 5, "expected a generic name"),
    ("L1,,,,甲|甲:5 mg,,,,,,,", 5, "expected substances, each once"),
    ("L1,,,,,J01|,,,,,,", 6, "expected names, separated by `|`"),
    ("L1,,,,,J01|J01,,,,,,", 6, "expected names, each once"),
    ("L1,,,,,J01,高级,,,,,", 7, "`antibiotic_grade` is `高级`, expected one of 非限制使用级, "),
    ("L1,,,,,,,,many,mg,,", 9, "`strength` is `many`, expected a number above 0"),
    ("L1,,,,,,,,-5,mg,,", 9, "`strength` is `-5`, expected a number above 0"),
    ("L1,,,,,,,,5,furlong,,", 10, "`strength_unit` is `furlong`, expected a unit"),
    ("L1,,,,,,,,5,,,", 9, "`strength` and `strength_unit` go together"),
    ("L1,,,,,,,,,mg,,", 9, "`strength` and `strength_unit` go together"),
    ("L1,,,,,,,,,,0,", 11, "`pack_size` is `0`, expected a number above 0"),
    ("L1,3.402E+12,,,,,,,,,,", 2, "`national_code` is `3.402E+12`, expected a code, not a rounded number"),
    (",,x,,,,,,,,,", 1, "neither `local_code` nor `national_code`"),
    ("L1,,,,,,限制使用级,,,,,", 7, "`antibiotic_grade` needs `classes`"),
    ("L1,,,,甲:250 mg,,,,0.5,g,,", 5, "the only substance has 250 mg, but the strength is 0.5 g"),
]


class TestItems:
    @pytest.mark.parametrize(("row", "column", "text"), BAD_CELLS)
    def test_a_bad_cell_has_its_place(self, faults, row, column, text):
        found = faults(items=item_rows("L0,,好,,,,,,,,,", row))
        assert len(found) == 1
        assert found[0].startswith(f"items.csv:3:{column}: ")
        assert text in found[0]

    def test_every_fault_is_found_at_once(self, faults):
        found = faults(items=item_rows("L1,,,糖,,,,,x,,,", "L1,,,,,,,,,,,", "L1,,,,,,,,,,,"), departments=("x", "y"))
        assert [fault.split(": ")[0] for fault in found] == [
            "departments.csv:1:1",
            "departments.csv:1:1",
            "items.csv:2:4",
            "items.csv:2:9",
            "items.csv:4:1",
        ]

    def test_an_item_in_full(self, load):
        row = "L1,XJ01CAA040E001010101234,甲,西药,阿莫西林:0.25g|克拉维酸钾:125 mg,J01CR02,限制使用级,片剂,,,24,0.375 g×24"
        item = load(items=item_rows(row)).local_items["L1"]
        assert item.national_code == "XJ01CAA040E001010101234"
        assert item.item_kind == "drug"
        assert item.ingredients == (
            Ingredient("阿莫西林", Decimal("0.25"), "g"),
            Ingredient("克拉维酸钾", Decimal(125), "mg"),
        )
        assert (item.classes, item.grade) == (("J01CR02",), "antibiotic_restricted")
        assert (item.form, item.pack_size, item.specification) == ("片剂", 24, "0.375 g×24")

    def test_the_strength_is_the_amount_of_the_only_substance(self, load):
        item = load(items=item_rows("L1,,,,甲,,,,0.25,g,,")).local_items["L1"]
        assert item.ingredients == (Ingredient("甲", Decimal("0.25"), "g"),)

    def test_the_same_amount_in_another_unit_is_the_same(self, load):
        assert load(items=item_rows("L1,,,,甲:250 mg,,,,0.25,g,,")).local_items["L1"].strength == Decimal("0.25")

    def test_a_local_code_that_stands_twice(self, faults):
        found = faults(items=item_rows("L1,N1,,,,,,,,,,", "L2,N1,,,,,,,,,,", "L1,N2,,,,,,,,,,"))
        assert found == ["items.csv:4:1: `local_code` `L1` stands at line 2 too"]

    @pytest.mark.parametrize(
        ("one", "other", "column", "name"),
        [
            ("L1,N,,,甲,,,,,,,", "L2,N,,,乙,,,,,,,", 5, "ingredients"),
            ("L1,N,,,甲:1 mg,,,,,,,", "L2,N,,,甲:1 g,,,,,,,", 5, "ingredients"),
            ("L1,N,,,,,,,1,mg,,", "L2,N,,,,,,,1,g,,", 9, "strength"),
            ("L1,N,,,,A01,,,,,,", "L2,N,,,,A02,,,,,,", 6, "classes"),
            ("L1,N,,西药,,,,,,,,", "L2,N,,医用耗材,,,,,,,,", 4, "kind"),
            ("L1,N,,,,,,片剂,,,,", "L2,N,,,,,,胶囊,,,,", 8, "form"),
        ],
    )
    def test_items_of_one_national_code_that_contradict_each_other(self, faults, one, other, column, name):
        (fault,) = faults(items=item_rows(one, "L3,N,,,,,,,,,,", other))
        assert fault.startswith(f"items.csv:4:{column}: `{name}` of national code `N` differs from line 2")

    def test_items_of_one_national_code_know_it_of_each_other(self, load):
        rows = ("L1,N,盒装,西药,甲:250 mg|乙,A01|B01,,片剂,,,24,24片", "L2,N,散装,,乙|甲:0.25 g,B01|A01,,,,,1,")
        dictionary = load(items=item_rows(*rows))
        other = dictionary.local_items["L2"]
        assert (other.item_kind, other.form) == ("drug", "片剂")
        assert (other.local_name, other.pack_size, other.specification) == ("散装", 1, "")
        shared = dictionary.items["N"]
        assert shared.form == "片剂"
        assert shared.pack_size is None, "it is 24 here and 1 there, so of the code alone nobody knows"


class TestCodes:
    def test_local_and_national_codes_lead_to_the_national_one(self, load):
        coded = load(diagnoses=("local_code,national_code,name", "Z1,J06.900,上感", ",N76.000,")).diagnoses
        assert {code: entry.code for code, entry in coded.items()} == {
            "Z1": "J06.900",
            "J06.900": "J06.900",
            "N76.000": "N76.000",
        }

    def test_a_local_code_that_is_another_national_one_is_the_local_one(self, load):
        coded = load(departments=("local_code,standard_code", "02,03", "01,02")).departments
        assert (coded["02"].code, coded["01"].code, coded["03"].code) == ("03", "02", "03")

    @pytest.mark.parametrize("table", ["diagnoses", "operations", "departments"])
    def test_a_local_code_that_stands_twice(self, faults, table):
        column = "standard_code" if table == "departments" else "national_code"
        (fault,) = faults(**{table: (f"{column},local_code", "47.0100,1", "47.0200,1")})
        assert fault == f"{table}.csv:3:2: `local_code` `1` stands at line 2 too"

    def test_an_incision_class_in_which_local_operations_differ(self, load):
        lines = ("local_code,national_code,incision_class", "S1,47.0100,Ⅱ", "S2,47.0100,III", "S3,53.0000,I")
        operations = load(operations=lines).operations
        assert operations["S1"].incision_class == "II"
        assert operations["47.0100"].incision_class is None
        assert operations["53.0000"].incision_class == "I"


class TestDoctors:
    def test_privileges_belong_to_doctors(self, load):
        departments = ("local_code,standard_code", "101,A03")
        doctors = load(practitioners=DOCTORS, privileges=PRIVILEGES, departments=departments).doctors
        first = doctors["D1"].practitioner
        assert first.privileges == (Privilege("antibiotic_special", date(2026, 1, 28)),)
        assert (first.name, first.title, first.department_code) == ("医师甲", "主任医师", "A03")
        assert doctors["D2"].practitioner.privileges == ()

    def test_without_privileges_nobody_is_without_one(self, load):
        assert load(practitioners=DOCTORS).doctors["D1"].practitioner is None

    def test_privileges_without_doctors(self, faults):
        (fault,) = faults(privileges=PRIVILEGES)
        assert fault.startswith("privileges.csv:1:1: needs practitioners.csv")

    def test_a_list_of_privileges_without_any(self, faults):
        (fault,) = faults(practitioners=DOCTORS, privileges=PRIVILEGES[:1])
        assert fault.startswith("privileges.csv:1:1: has no row")

    def test_a_doctor_who_stands_twice(self, faults):
        (fault,) = faults(practitioners=(*DOCTORS, "D1,医师丙,,"))
        assert fault == "practitioners.csv:4:1: `practitioner_id` `D1` stands at line 2 too"

    @pytest.mark.parametrize(
        ("row", "text"),
        [
            ("D1,antibiotic_special,2026-01-28,", "privileges.csv:3:2: says the same as line 2"),
            (
                "D1,narcotics,,",
                "privileges.csv:3:2: `privilege` is `narcotics`, expected a privilege; a code of your own",
            ),
            ("D1,narcotics,,", "did you mean `narcotic`?"),
            ("D1,麻醉药,,", "did you mean `麻醉药品`?"),
            ("D1,,,", "privileges.csv:3:2: `privilege` is empty"),
            ("D1,herb,2026-02-30,", "privileges.csv:3:3: `valid_from` is `2026-02-30`, expected a date that exists"),
            ("D1,herb,,soon", "privileges.csv:3:4: `valid_to` is `soon`, expected a date"),
            ("D1,herb,,2026-01-28 10:00", "privileges.csv:3:4: `valid_to` is `2026-01-28 10:00`, expected a date"),
            ("D1,herb,2026-01-28,2026-01-27", "privileges.csv:3:4: never valid: `valid_to` 2026-01-27 is before"),
        ],
    )
    def test_a_bad_privilege(self, faults, row, text):
        (fault,) = faults(practitioners=DOCTORS, privileges=(*PRIVILEGES, row))
        assert text in fault

    @pytest.mark.parametrize(
        ("cell", "privilege"),
        [("麻醉药品", "narcotic"), ("特殊使用级抗菌药物", "antibiotic_special"), ("chemotherapy", "chemotherapy")],
    )
    def test_a_privilege_by_its_word_or_of_the_hospitals_own(self, load, cell, privilege):
        lines = (PRIVILEGES[0], f"D1,{cell},,")
        (held,) = load(practitioners=DOCTORS, privileges=lines).doctors["D1"].practitioner.privileges
        assert held == Privilege(privilege)

    def test_the_fact_model_names_every_privilege_that_has_a_word(self):
        import ruleset.case

        text = Path(ruleset.case.__file__).read_text(encoding="utf-8")
        assert all(f"`{code}`" in text for code in PRIVILEGE_CODES)

    @pytest.mark.parametrize(
        ("cell", "day"),
        [
            ("2026-01-28", date(2026, 1, 28)),
            ("2026/1/28", date(2026, 1, 28)),
            ("2026/1/28 0:00", date(2026, 1, 28)),
            ("2026年1月28日", date(2026, 1, 28)),
            ("20260128", date(2026, 1, 28)),
            ("9999-12-31", None),
        ],
    )
    def test_dates_as_spreadsheets_write_them(self, load, cell, day):
        lines = (PRIVILEGES[0], f"D1,herb,,{cell}")
        (held,) = load(practitioners=DOCTORS, privileges=lines).doctors["D1"].practitioner.privileges
        assert held.valid_to == day


def test_reading_beside_checks_reads_the_same(tmp_path):
    rows = (f"L{number},N{number % 7},,西药,,,,,,,," for number in range(100))
    folder = str(write_dictionary(tmp_path / "d", items=item_rows(*rows), practitioners=DOCTORS, privileges=PRIVILEGES))
    assert load_dictionary(folder, beside_checks=True) == load_dictionary(folder)


def test_every_table_has_its_file():
    assert [TABLE_OF[table.name].file for table in TABLES] == [
        "items.csv",
        "diagnoses.csv",
        "operations.csv",
        "departments.csv",
        "practitioners.csv",
        "privileges.csv",
    ]
