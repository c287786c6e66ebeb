"""The hospital's dictionary in a running server: what it adds to checks, how it is swapped, what it is found to miss."""

import itertools
import re
import signal

import pytest

from tests.unit.dictionaries import ITEMS, write_dictionary
from tests.web.messages import (
    BED,
    PER_DAY,
    ext_of,
    found,
    gaps,
    hinted,
    message,
    new_patient,
    order,
    rules,
    settlement,
    visit_of,
)
from tests.web.packs import write_pack
from tests.web.product import Server, command, until

PRIVILEGE = "TEST-PRIVILEGE"
DEPARTMENT = "TEST-DEPARTMENT"
RULE = """
template = "{template}"
title = "试验"
official_code = "{code}"
kind = "safety"
action = "WARN"
message = "“{{item}}”不符"
remedies = ["换药"]
citations = [{{ document = "试验" }}]
"""
BED_ROW = f"XM-BED,{BED[0]},普通病房床位费,医疗服务项目,,,,,,,,"
TABLES = {
    "items": (ITEMS, "YP-AB,,试验霉素片,西药,试验霉素,J01,特殊使用级,片剂,0.25,g,12,", BED_ROW),
    "diagnoses": ("local_code,national_code,name", "ZD1,J06.900,急性上呼吸道感染"),
    "departments": ("local_code,standard_code,name", "101,A03,内科门诊", "102,A05,妇科门诊"),
    "practitioners": ("practitioner_id,name", "YS1,医师甲", "YS2,医师乙", "YS3,医师丙"),
    "privileges": (
        "practitioner_id,privilege,valid_from,valid_to",
        "YS1,特殊使用级抗菌药物,2026-07-08,2026-07-08",
        "YS3,特殊使用级抗菌药物,2026-07-09,",
    ),
}
_serial = itertools.count()
NOT_MAPPED = {**TABLES, "items": TABLES["items"][:-1]}


def pack(folder):
    """A pack whose rows ask for a class and a department, beside those of the tiny one."""
    write_pack(folder)
    for name, template, code, rows in (
        (
            "privilege",
            "T05",
            PRIVILEGE,
            "drug_class,state,privileges\nantibiotic_special,无处方权,antibiotic_special\n",
        ),
        ("department", "T04", DEPARTMENT, "ingredient,departments\n试验霉素,A03\n"),
    ):
        (folder / "rules" / f"{name}.toml").write_text(RULE.format(template=template, code=code), encoding="utf-8")
        (folder / "rows" / f"{name}.csv").write_text(rows, encoding="utf-8")
    return folder


class Hospital:
    """A server with a dictionary that the tests rewrite."""

    def __init__(self, folder):
        self.dictionary = write_dictionary(folder / "dictionary", **TABLES)
        self.settings = folder / "settings.toml"
        self.configure(self.dictionary)
        self.server = Server(folder / "data", "--settings", self.settings, "--pack", pack(folder / "pack"))

    def configure(self, directory):
        self.settings.write_text(f'dictionaries = "{directory}"\n', encoding="utf-8")

    def loads(self, outcome):
        return self.server.metric(f'precheck_dictionary_loads_total{{outcome="{outcome}"}}')

    def reload(self, outcome="loaded", directory=None, **tables):
        """Write tables, send SIGHUP and wait until they were tried."""
        before = self.loads(outcome)
        self.configure(directory or write_dictionary(self.dictionary, **tables))
        self.server.signal(signal.SIGHUP)
        until(lambda: self.loads(outcome) > before, f"the dictionary {outcome}")

    def by_command(self, *words):
        return command("dictionary", *words, "--grpc", self.server.grpc)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    hospital = Hospital(tmp_path_factory.mktemp("hospital"))
    with hospital.server as server:
        yield hospital
        assert server.process.poll() is None, server.log.read_text()[-3000:]


@pytest.fixture
def hospital(running):
    """The server on the first dictionary, with nothing counted, whatever a test before did."""
    departments = (*TABLES["departments"], f"no message has this {next(_serial)},A99,")
    running.reload(**{**TABLES, "departments": departments})
    return running


def antibiotic(**fields):
    """An order of an item that has no national code."""
    return order(("", "试验霉素片"), **{"hosplist_code": "YP-AB", "hilist_type": "101", **fields})


def bed(**fields):
    """An order whose site states its own code only."""
    return order(("", ""), hosplist_code="XM-BED", hosplist_name="床位", hilist_type="201", **fields)


class TestPrivileges:
    def check(self, hospital, doctor):
        line = antibiotic(rx_id="A", drord_dr_codg=doctor, drord_dept_codg="101")
        return hospital.server.check(message([line]))

    def test_granted(self, hospital):
        answer = self.check(hospital, "YS1")
        assert (rules(answer), hinted(answer)) == ([], [])

    @pytest.mark.parametrize("doctor", ["YS2", "YS3"], ids=["without any", "not yet in force"])
    def test_not_granted(self, hospital, doctor):
        assert found(self.check(hospital, doctor)).keys() == {(PRIVILEGE, ("A V",))}

    def test_unknown_of_a_doctor_who_is_not_in_the_dictionary(self, hospital):
        answer = self.check(hospital, "YS9")
        assert rules(answer) == []
        (hint,) = ext_of(answer)["hints"]
        assert hint["rule_id"] == PRIVILEGE
        assert "字典中没有医师“YS9”" in hint["text"]
        assert ext_of(answer)["completeness"] == "PARTIAL"


class TestCodes:
    def test_a_local_code_is_judged_as_its_national_one(self, hospital):
        answer = hospital.server.check(message([bed(rx_id="A", cnt=2)]))
        assert found(answer) == {(PER_DAY, ("A V",)): "10.00"}
        assert gaps(answer) == []
        (detail,) = answer["output"]["result"][0]["judge_result_detail_dtos"]
        assert detail["ext"]["hilist_code"] == BED[0]

    def test_an_unmapped_code_is_not_judged_and_says_why(self, hospital):
        hospital.reload(**NOT_MAPPED)
        answer = hospital.server.check(message([bed(rx_id="A", cnt=2), order(BED, rx_id="B", cnt=2)]))
        assert found(answer).keys() == {(PER_DAY, ("B V",))}, "what could be judged was"
        (gap,) = ext_of(answer)["not_evaluated"]
        assert (gap["reason"], gap["rx_id"]) == ("no_item_code", "A")
        assert "字典中没有项目“XM-BED”" in gap["missing_text"]

    def test_departments_are_compared_by_their_standard_codes(self, hospital):
        def check(department):
            return hospital.server.check(message([antibiotic(drord_dept_codg=department, drord_dr_codg="YS1")]))

        assert rules(check("101")) == []
        assert rules(check("102")) == [DEPARTMENT]
        answer = check("103")
        assert rules(answer) == []
        (hint,) = ext_of(answer)["hints"]
        assert "字典中没有科室“103”" in hint["text"]

    def test_our_own_json(self, hospital):
        line = {"order_id": "A", "local_code": "XM-BED", "item_kind": "service", "quantity": 2}
        document = {"time": "2026-07-08T09:00:00", "encounter": {"id": "E", "lines": [line]}}
        document["patient"] = {"id": new_patient()}
        status, answer = hospital.server.post("/v1/check", document)
        assert status == 200, answer
        assert [finding["rule"] for finding in answer["findings"]] == [PER_DAY]


class TestHistory:
    def test_a_dictionary_that_is_corrected_later_reaches_old_lines(self, hospital):
        """The line was committed when nobody knew its national code."""
        hospital.reload(**NOT_MAPPED)
        patient = {"patn_id": new_patient()}
        first = settlement(message([bed(rx_id="A")], patient=patient))
        assert ext_of(hospital.server.check(first, "/nhsa/3102"))["committed_lines"] == 1
        second = message([bed(rx_id="B", drord_begn_date="2026-07-08 10:00:00")], patient=patient)
        assert found(hospital.server.check(second)) == {}
        hospital.reload(**TABLES)
        assert found(hospital.server.check(second)) == {(PER_DAY, ("A R", "B V")): "10.00"}

    def test_what_is_stored_is_what_the_message_stated(self, hospital):
        patient = new_patient()
        document = settlement(message([bed(rx_id="A")], patient={"patn_id": patient}))
        hospital.server.check(document, "/nhsa/3102")
        hospital.server.check(document, "/nhsa/3102")
        rows = hospital.server.rows("SELECT content FROM event WHERE patient_id = ?", patient)
        assert len(rows) == 1, "a repeated commit changes nothing"
        assert BED[0].encode() not in rows[0][0]

    def test_a_stored_line_that_the_message_states_again_counts_once(self, hospital):
        patient = {"patn_id": new_patient()}
        lines = [bed(rx_id="A")]
        hospital.server.check(settlement(message(lines, patient=patient)), "/nhsa/3102")
        assert found(hospital.server.check(message(lines, patient=patient))) == {}


class TestUnmapped:
    def test_counted_and_listed_by_department(self, hospital):
        document = message([antibiotic(hosplist_code="", hosplist_name="x", drord_dr_codg="YS1")])
        visit_of(document)["fsi_diagnose_dtos"][0]["dise_codg"] = "ZD9"
        visit_of(document)["adm_dept_codg"] = "102"
        line = order(("", ""), hosplist_code="YP-9", hosplist_name="新药", hilist_type="101", drord_dept_codg="101")
        visit_of(document)["fsi_order_dtos"].append(line)
        metric = 'precheck_unmapped_codes_total{department="A03",kind="item"}'
        before = hospital.server.metric(metric)
        for _ in range(2):
            hospital.server.check(document)
        assert hospital.server.metric(metric) == before + 2
        done = hospital.by_command("unmapped")
        assert (done.returncode, done.stderr) == (0, b"")
        head, *lines = done.stdout.decode().splitlines()
        assert re.fullmatch(r"2 unmapped codes since \d{4}-\d\d-\d\dT\S+", head)
        lines = [re.sub(r"\d{4}-\S+", "TIME", line) for line in lines]
        assert lines == [
            "department A03 内科门诊",
            "  item YP-9 新药: 2 checks, last TIME",
            "department A05 妇科门诊",
            "  diagnosis ZD9 急性上呼吸道感染: 2 checks, last TIME",
        ]

    def test_a_reload_of_the_same_dictionary_goes_on_counting(self, hospital):
        hospital.server.check(message([order(("", ""), hosplist_code="YP-7", hilist_type="101")]))
        hospital.reload(directory=hospital.dictionary)
        assert b"item YP-7: 1 checks" in hospital.by_command("unmapped").stdout

    def test_a_repeated_attempt_counts_once(self, hospital):
        document = message([order(("", ""), hosplist_code="YP-8", hilist_type="101")])
        for _ in range(2):
            hospital.server.check(document, headers={"Precheck-Request-Id": "one attempt"})
        assert b"item YP-8: 1 checks" in hospital.by_command("unmapped").stdout


class TestSwapping:
    def test_the_status_says_what_is_in_force(self, hospital):
        text = hospital.by_command("status").stdout.decode()
        assert f"dictionary {hospital.dictionary}, in force since " in text
        assert "  items: 2 rows" in text
        assert "  privileges: 2 rows" in text
        assert "failed" not in text

    def test_a_bad_one_leaves_the_old_one_in_force(self, hospital):
        hospital.reload("failed", items=(ITEMS, "YP-AB,,,糖,,,,,,,,"))
        assert rules(hospital.server.check(message([bed(cnt=2)]))) == [PER_DAY]
        text = hospital.by_command("status").stdout.decode()
        assert "  items: 2 rows" in text
        assert "last attempt to load one failed: " in text
        assert "items.csv:2:4: `kind` is `糖`" in text
        assert "items.csv:2:4" in hospital.server.log.read_text()

    def test_a_directory_that_is_gone_leaves_the_old_one_in_force(self, hospital, tmp_path):
        hospital.reload("failed", directory=tmp_path / "nowhere")
        assert rules(hospital.server.check(message([bed(cnt=2)]))) == [PER_DAY]

    def test_a_setting_that_is_no_more(self, hospital):
        before = hospital.loads("loaded")
        hospital.settings.write_text("", encoding="utf-8")
        hospital.server.signal(signal.SIGHUP)
        until(lambda: hospital.loads("loaded") > before, "the dictionary out of force")
        assert gaps(hospital.server.check(message([bed(rx_id="A", cnt=2)]))) == [("no_item_code", "A", "床位")]
        assert hospital.by_command("status").stdout == b"no dictionary\n"

    def test_packs_are_activated_beside_a_dictionary_that_fails(self, hospital):
        metric = 'precheck_pack_activations_total{outcome="activated"}'
        before = hospital.server.metric(metric)
        hospital.reload("failed", items=("nothing",))
        until(lambda: hospital.server.metric(metric) > before, "the packs activated")


class TestWithout:
    def test_a_server_without_a_dictionary(self, product):
        for word, text in (("unmapped", b"the server has no dictionary"), ("status", b"no dictionary")):
            done = command("dictionary", word, "--grpc", product.grpc)
            assert done.returncode == 0
            assert done.stdout.startswith(text)

    def test_no_server(self):
        for word in ("unmapped", "status"):
            done = command("dictionary", word, "--grpc", "127.0.0.1:1")
            assert (done.returncode, done.stdout) == (1, b"")
            assert b"UNAVAILABLE" in done.stderr

    def test_a_server_does_not_start_with_a_bad_one(self, tmp_path):
        folder = write_dictionary(tmp_path / "dictionary", items=("nothing",))
        place = ("--data", tmp_path / "data", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
        done = command("serve", *place, env={"PRECHECK_DICTIONARIES": str(folder)})
        assert (done.returncode, done.stdout) == (1, b"")
        assert f"precheck: dictionary {folder}: ".encode() in done.stderr
        assert b"items.csv:1:1: unknown column `nothing`" in done.stderr
