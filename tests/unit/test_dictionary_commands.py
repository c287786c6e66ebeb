"""`precheck dictionary`: what it prints of directories and of captured messages, and the codes it ends with."""

import json
import re
from datetime import date

import pytest

from server.cli.main import main
from server.dictionary.lookup import read_dictionary
from server.dictionary.report import coverage
from tests.unit.dictionaries import DOCTORS, ITEMS, PRIVILEGES, write_dictionary
from tests.web.messages import CHILD_DRUG, encoded, message, order
from tests.web.product import ROOT

SAMPLE = ROOT / "docs" / "samples" / "dictionary"
A_DAY = "2026-07-06"


@pytest.fixture
def run(capsys):
    """Run a command here; return (exit code, output, errors)."""

    def run(*words):
        try:
            code = main(["dictionary", *map(str, words)])
        except SystemExit as ended:
            code = ended.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


class TestHelp:
    @pytest.mark.parametrize("words", [(), ("check",), ("coverage",), ("unmapped",), ("status",)], ids=" ".join)
    def test_every_command_has_help(self, run, words):
        code, out, _ = run(*words, "--help")
        assert code == 0
        assert out.startswith(f"usage: {' '.join(('precheck', 'dictionary', *words))}")

    @pytest.mark.parametrize("words", [(), ("check",), ("coverage", "DIR"), ("cheque",)])
    def test_wrong_usage(self, run, words):
        code, out, err = run(*words)
        assert (code, out) == (2, "")
        assert "usage: precheck dictionary" in err


class TestCheck:
    def test_the_sample(self, run):
        code, out, err = run("check", SAMPLE)
        assert (code, err) == (0, "")
        for name in ("items", "diagnoses", "operations", "departments", "practitioners", "privileges"):
            assert f"{name}.csv: " in out

    def test_what_the_items_have(self, run, tmp_path):
        rows = (
            "L1,XJ01CAA040E001010101234,甲,西药,阿莫西林,,限制使用级,片剂,0.25,g,24,",
            "L2,ZA01BAX0377010100093,乙,中成药,甲:5 mg,,,,,,,",
            "L3,BAD-1,丙,,,,,,,,1,",
            "L4,,丁,医用耗材,,,,,,,,",
        )
        _, out, _ = run("check", write_dictionary(tmp_path, items=(ITEMS, *rows)))
        for line in (
            "items.csv: 4 rows",
            "  with a national code: 3 of 4 (75 %)",
            "  with a kind: 3 of 4 (75 %)",
            "  of the 3 drugs and items without a kind",
            "    with ingredients: 2 of 3 (66 %)",
            "    with classes, or a national code that says one: 1 of 3 (33 %)",
            "    with a form: 1 of 3 (33 %)",
            "    with a strength, or amounts of the ingredients: 2 of 3 (66 %)",
            "    with a pack size: 2 of 3 (66 %)",
            "    with an antibiotic grade: 1",
            "  `national_code` of no national shape: 1",
            "    items.csv:4: BAD-1",
            "diagnoses.csv: not there",
        ):
            assert line in out.splitlines()

    def test_codes_of_no_national_shape(self, run, tmp_path):
        tables = {
            "diagnoses": ("local_code,national_code", "1,J06.900", "2,感冒"),
            "operations": ("national_code,incision_class", "47.0100,I", "阑尾,"),
            "departments": ("standard_code", "A03", "A0501", "03.02", "内科"),
        }
        _, out, _ = run("check", write_dictionary(tmp_path, **tables))
        lines = out.splitlines()
        for place in ("diagnoses.csv:3: 感冒", "operations.csv:3: 阑尾", "departments.csv:5: 内科"):
            assert f"    {place}" in lines
        assert "  with an incision class: 1 of 2 (50 %)" in lines
        assert out.count("of no national shape: 1") == 3

    def test_doctors_and_privileges(self, tmp_path):
        privileges = (
            PRIVILEGES[0],
            f"D1,narcotic,{A_DAY},{A_DAY}",
            "D1,herb,,2026-07-05",
            "D2,herb,2026-07-07,",
            "D9,herb,,",
        )
        tables = {
            "practitioners": (*DOCTORS, "D3,,,"),
            "privileges": privileges,
            "departments": ("standard_code", "A03"),
        }
        read = read_dictionary(write_dictionary(tmp_path, **tables))
        lines = list(coverage(*read, date.fromisoformat(A_DAY), bool))
        for line in (
            "practitioners.csv: 3 rows",
            "  with privileges: 2 of 3 (66 %)",
            "  with a title: 1 of 3 (33 %)",
            "  of a department that departments.csv does not have: 1",
            "    practitioners.csv:2: D1: 101",
            "privileges.csv: 4 rows",
            f"  in force on {A_DAY}: 2",
            "  expired: 1",
            "    privileges.csv:3: D1: herb to 2026-07-05",
            "  not yet in force: 1",
            "    privileges.csv:4: D2: herb from 2026-07-07",
            "  of a doctor who is not in practitioners.csv: 1",
            "    privileges.csv:5: D9: herb",
            "  herb: 3 doctors",
            "  narcotic: 1 doctors",
        ):
            assert line in lines
        assert re.search(r"held by nobody: .*antibiotic_special.*; whoever prescribes", "\n".join(lines))

    def test_doctors_without_a_list_of_privileges(self, run, tmp_path):
        _, out, _ = run("check", write_dictionary(tmp_path, practitioners=DOCTORS))
        assert "  privileges: unknown of every doctor, for want of privileges.csv" in out.splitlines()

    def test_a_long_list_is_cut_and_says_so(self, run, tmp_path):
        rows = ("national_code", *(f"x{number}" for number in range(25)))
        _, out, _ = run("check", write_dictionary(tmp_path, diagnoses=rows))
        assert "  `national_code` of no national shape: 25" in out.splitlines()
        assert "    and 15 more" in out.splitlines()

    def test_what_is_wrong_has_its_place(self, run, tmp_path):
        folder = write_dictionary(tmp_path, items=(ITEMS, "L1,,,糖,,,,,,,,"), departments=("code", "A03"))
        code, out, err = run("check", folder)
        assert (code, out) == (1, "")
        assert f"precheck: dictionary {folder}: 3 errors" in err
        assert "items.csv:2:4: `kind` is `糖`" in err
        assert "departments.csv:1:1: unknown column `code`" in err

    def test_the_shapes_are_those_of_the_profile(self, run, tmp_path):
        folder = write_dictionary(tmp_path / "d", items=(ITEMS, "L1,OURS-1,,,,,,,,,,"))
        profiles = tmp_path / "profiles"
        profiles.mkdir()
        (profiles / "ours.toml").write_text('extends = "default"\nitem_code_shapes = ["OURS-[0-9]"]\n')
        assert "of no national shape" in run("check", folder)[1]
        assert "of no national shape" not in run("check", folder, "--profiles", profiles, "--profile", "ours")[1]
        code, _, err = run("check", folder, "--profile", "theirs")
        assert (code, "theirs" in err) == (1, True)


class TestCoverage:
    @pytest.fixture
    def files(self, tmp_path):
        """Two captured messages, one of them in GB 18030, and one of our own JSON."""
        national = message([order(CHILD_DRUG, hosplist_code="X1", hosplist_name="小儿药", drord_dept_codg="101")])
        again = message([order(CHILD_DRUG, hosplist_code="X1", drord_dept_codg="101"), order(CHILD_DRUG)])
        own = {"encounter": {"id": "E", "department_code": "A03", "lines": [{"local_code": "Y1"}]}}
        for name, content in (
            ("national", encoded(national)),
            ("again", encoded(again, "gb18030")),
            ("own", json.dumps(own).encode()),
        ):
            (tmp_path / f"{name}.json").write_bytes(content)
        return [tmp_path / f"{name}.json" for name in ("national", "again", "own")]

    def test_unmapped_codes_by_department(self, run, tmp_path, files):
        tables = {
            "items": (ITEMS, "L1,,,西药,甲,,,,,,,"),
            "departments": ("local_code,standard_code,name", "101,A03,内科"),
        }
        code, out, err = run("coverage", write_dictionary(tmp_path / "d", **tables), *files)
        assert (code, err) == (0, "")
        assert out.splitlines() == [
            "3 messages with 4 current lines: 2 unmapped codes",
            "department A03 内科",
            "  item X1 小儿感冒颗粒: in 2 messages",
            "  item Y1: in 1 messages",
        ]

    def test_a_dictionary_that_has_them_all(self, run, tmp_path, files):
        rows = ("local_code,kind", "X1,西药", "L1,西药", "Y1,西药")
        code, out, _ = run("coverage", write_dictionary(tmp_path / "d", items=rows), *files)
        assert (code, out) == (0, "3 messages with 4 current lines: 0 unmapped codes\n")

    def test_a_file_that_cannot_be_read(self, run, tmp_path):
        assert run("coverage", SAMPLE, tmp_path / "nowhere.json") == (
            1,
            "",
            f"precheck: {tmp_path / 'nowhere.json'}: No such file or directory\n",
        )
        (tmp_path / "broken.json").write_text('{"encounter": {"lines": [{"quantity": "many"}]}}')
        code, out, err = run("coverage", SAMPLE, tmp_path / "broken.json")
        assert (code, out) == (1, "")
        assert "broken.json: " in err
        assert "quantity" in err

    def test_a_bad_dictionary(self, run, tmp_path, files):
        code, _, err = run("coverage", tmp_path / "nowhere", *files)
        assert code == 1
        assert "is no directory" in err
