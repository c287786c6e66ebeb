"""`precheck conformance`: what a vendor is told of its messages."""

import contextlib
import copy
import itertools
import json
import re
import subprocess
import sys

import pytest

from client_shim import Encoding, Format
from client_shim.build import EXAMPLE
from ruleset.facts import FACTS
from server.check import Request
from server.cli import main as command_line
from server.conformance import refusals, standard
from server.conformance.coverage import Coverage, facts_asked
from server.conformance.examine import Arrival, examine
from server.conformance.ground import REFUSALS, open_ground
from server.conformance.samples import DEFAULT_FOLDER, Samples, difference
from server.conformance.text import message_lines, report_lines
from server.entrance import fields
from tests.web.messages import CHILD_DRUG, SECONDARY_DRUG, WOMEN_DRUG, camel_case, encoded, encounter, message, order
from tests.web.product import PATIENCE_S, ROOT, Server, command, environment

SAMPLES = Samples(DEFAULT_FOLDER).every


@pytest.fixture(scope="module")
def ground():
    with open_ground(()) as opened:
        yield opened


@pytest.fixture
def told(ground):
    """A function that sends a document and returns the report on it."""
    arrived = []
    service = ground.service("文件", arrived.append)

    def send(document, form="3101", encoding=None, call="check"):
        body = document if isinstance(document, bytes) else encoded(document)
        with contextlib.suppress(*REFUSALS):
            getattr(service, call)(Request(body, form, encoding))
        return examine(1, arrived.pop(), ground.profiles)

    return send


def understood(examined):
    return {(one.object, one.field): (one.fact, one.stated, one.value) for one in examined.understood}


def text_of(examined):
    return "\n".join(message_lines(examined, brief=False))


class TestWhatWasUnderstood:
    def test_each_field_with_the_fact_that_it_became(self, told):
        line = order(CHILD_DRUG, ext={"dose": "5", "dose_unit": "毫克", "freq": "tid", "route": "po", "days": "3"})
        read = understood(told(message([line])))
        assert read["patient_dtos", "gend"] == ("sex", "1", "male")
        assert read["fsi_encounter_dtos", "medins_lv"] == ("facility_level", "02", "tertiary")
        assert read["fsi_encounter_dtos", "med_mdtrt_type"] == ("care_modes", "1", "outpatient")
        assert read["fsi_order_dtos", "hilist_code"] == ("item_code", CHILD_DRUG[0], CHILD_DRUG[0])
        assert read["fsi_order_dtos.ext", "route"] == ("route", "po", "口服")
        assert read["fsi_order_dtos.ext", "days"] == ("days", "3", "3")
        assert read["envelope", "inf_time"][2] == "2026-07-08 09:12:30"

    def test_camel_case_is_read_as_the_same(self, told):
        document = message([order(WOMEN_DRUG)])
        assert understood(told(camel_case(document))) == understood(told(document))

    def test_objects_in_lists_of_the_extension(self, told):
        document = message(
            [order(CHILD_DRUG)], patient={"ext": {"allergies": [{"substance": "青霉素", "severity": "重"}]}}
        )
        read = understood(told(document))
        assert read["patient_dtos.ext.allergies", "substance"] == ("substance", "青霉素", "青霉素")
        assert read["patient_dtos.ext.allergies", "severity"] == ("severity", "重", "severe")

    def test_what_means_nothing_is_not_called_understood(self, told):
        examined = told(message([order(CHILD_DRUG, cnt="-")]))
        (quantity,) = [one for one in examined.understood if one.field == "cnt"]
        assert quantity.state == "nothing"
        assert "（数量） “-” → 没有" in text_of(examined)

    def test_our_own_json(self, told):
        (sample,) = [one for one in SAMPLES if one.name == "own-check.json"]
        examined = told(sample.document, "precheck")
        read = understood(examined)
        assert read["fsi_order_dtos.ext", "dose"] == ("dose", "0.2", "0.2")
        assert read["patient_dtos", "gend"] == ("sex", "male", "male")
        assert read["patient_dtos.ext.labs", "value"] == ("value", "310", "310")
        assert not examined.not_understood

    @pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
    def test_every_value_of_a_sample_is_either_read_or_named_as_unread(self, told, sample):
        entry = sample.entry
        examined = told(sample.document, entry.format, call=entry.call)
        if entry.call == "feedback" or examined.error or entry.format == "precheck":
            return
        paths = {one.path for one in examined.understood} | {one.path for one in examined.unread}
        text = sample.document.decode("gbk" if entry.encoding == "gbk" else "utf-8")
        unread = {(one.object, one.field) for one in examined.unread}
        for path, value in leaves(json.loads(text), ""):
            holder, _, name = path.rpartition(".")
            if value in (None, "") or path in paths or (standard.object_at(holder), name) in unread:
                continue
            assert name in {"msgid", "fixmedins_code", "curr_mdtrt_id", "currMdtrtId", "trig_scen"} or "[" in name


def leaves(value, path):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{number}]")
    else:
        yield path, value


class TestWhatWasNot:
    def test_a_misspelled_field_is_named_with_what_it_may_have_been(self, told):
        examined = told(message([order(CHILD_DRUG, hilist_cod="X", hilist_code="_")]))
        (field,) = [one for one in examined.unread if one.field == "hilist_cod"]
        assert (field.is_standard, field.meant) == (False, "fsi_order_dtos.hilist_code")
        assert "hilist_cod = “X”；是不是 fsi_order_dtos.hilist_code？" in text_of(examined)

    def test_a_field_of_the_extension_beside_it(self, told):
        examined = told(message([order(CHILD_DRUG, dose="5")]))
        assert [(one.field, one.meant) for one in examined.unread if not one.is_standard] == [
            ("dose", "fsi_order_dtos.ext.dose")
        ]
        assert "应写在 fsi_order_dtos.ext 里" in text_of(examined)

    def test_what_no_rule_needs_is_no_mistake(self, told):
        examined = told(message([order(CHILD_DRUG)], visit={"wardno": "12"}))
        assert [one for one in examined.unread if not one.is_standard] == []
        assert "wardno" in {one.field for one in examined.unread}
        assert "没有规则用到" in text_of(examined)

    def test_what_is_read_of_the_current_encounter_only(self, told):
        past = encounter([order(CHILD_DRUG, curr_drord_flag="0")], mdtrt_id="E0")
        examined = told(message([order(CHILD_DRUG)], past=[past]))
        (level,) = [one for one in examined.unread if one.field == "medins_lv"]
        assert level.is_read_elsewhere
        assert re.search("历史就诊里不读：.*medins_lv", text_of(examined))

    def test_a_code_that_the_profile_does_not_know(self, told):
        examined = told(message([order(CHILD_DRUG)], visit={"insutype": "91"}))
        (code,) = [one for one in examined.not_understood if one.field == "insutype"]
        assert (code.kind, code.value) == ("code", "91")
        assert code.path.endswith(".insutype")

    def test_a_code_that_says_unknown_is_told_apart(self, told):
        examined = told(message([order(CHILD_DRUG)], patient={"gend": "9"}))
        assert [one.kind for one in examined.not_understood if one.field == "gend"] == ["unknown"]

    @pytest.mark.parametrize(
        ("ext", "field", "kind"),
        [
            ({"dose": "5", "dose_unit": "毫生"}, "dose_unit", "unit"),
            ({"strength": "5", "strength_unit": "每瓶一个"}, "strength_unit", "unit"),
            ({"drip_rate": "5", "drip_rate_unit": "快"}, "drip_rate_unit", "unit"),
            ({"ingredients": [{"name": "甲", "amount": "5", "unit": "份"}]}, "unit", "unit"),
            ({"freq": "遵医嘱"}, "freq", "frequency"),
            ({"freq": "bid", "freq_per_day": "5"}, "freq", "frequency"),
            ({"route": "喂"}, "route", "word"),
        ],
    )
    def test_units_frequencies_and_routes(self, told, ext, field, kind):
        examined = told(message([order(CHILD_DRUG, ext=ext)]))
        found = [one for one in examined.not_understood if one.kind != "unknown"]
        assert [(one.field, one.kind) for one in found] == [(field, kind)]

    @pytest.mark.parametrize("freq", ["bid", "prn", "持续泵入", "3次/日", "q8h"])
    def test_a_frequency_that_is_understood_is_not_complained_of(self, told, freq):
        examined = told(message([order(CHILD_DRUG, ext={"freq": freq})]))
        assert [one for one in examined.not_understood if one.kind == "frequency"] == []

    def test_contradicting_care_modes(self, told):
        examined = told(message([order(CHILD_DRUG)], visit={"med_mdtrt_type": "2", "med_type": "11"}))
        assert "care_modes" in {one.field for one in examined.not_understood}

    def test_required_fields_that_are_missing(self, told):
        examined = told(message([order(CHILD_DRUG, rxno="")], patient={"poolarea": "370100"}))
        assert "fsi_order_dtos.rxno" in examined.missing
        assert "patient_dtos.poolarea" not in examined.missing
        assert "envelope.opter" in examined.missing

    def test_a_refused_message_is_looked_over_all_the_same(self, told):
        examined = told(message([order(CHILD_DRUG, cnt="two", hilist_cod="X", psn="Y")], patient={"psn_no": "Z"}))
        assert examined.error
        assert [one.field for one in examined.unread] == ["hilist_cod", "psn"], "what nobody knows, and no more"
        assert "fsi_encounter_dtos.dr_codg" in examined.missing

    def test_where_the_entrance_looks_for_another_name_first_the_other_is_unread(self, told):
        document = message([order(CHILD_DRUG)], patient={"psn_no": "somebody else"})
        examined = told(document)
        assert [one.value for one in examined.unread if one.field == "psn_no"] == ["somebody else"]


class TestOurOwnJson:
    def test_every_field_that_is_none_is_named_though_the_first_one_ends_the_reading(self, told):
        document = {"patient": {"sexx": "male"}, "encounter": {"lines": [{"order_id": "a", "dosee": 1, "qwerty": 2}]}}
        examined = told(document, "precheck")
        assert examined.error
        assert {(one.path, one.meant) for one in examined.unread} == {
            ("patient.sexx", "patient.sex"),
            ("encounter.lines[0].dosee", "encounter.lines.dose"),
            ("encounter.lines[0].qwerty", ""),
        }
        assert "是不是 patient.sex？" in text_of(examined)

    def test_what_a_field_with_a_fixed_list_may_say(self, told):
        examined = told({"patient": {"sex": "man"}}, "precheck")
        assert examined.advice == ("patient.sex 可以是：male、female",)
        examined = told({"encounter": {"lines": [{"skin_test": "?"}]}}, "precheck")
        assert examined.advice == ("encounter.lines[0].skin_test 可以是：negative、positive、ordered、exempt",)

    def test_a_word_of_the_site_that_nobody_knows(self, told):
        document = {"encounter": {"id": "E", "lines": [{"order_id": "a", "route": "喂", "dose_unit": "毫生"}]}}
        found = told(document, "precheck").not_understood
        assert {(one.kind, one.field) for one in found} == {("word", "route"), ("unit", "dose_unit")}


def test_feedback_to_what_was_never_given_out(told):
    (sample,) = [one for one in SAMPLES if one.name == "feedback-3103.json"]
    content = sample.document.replace(b'"warn_rslt_id": "', b'"warn_rslt_id": "other')
    examined = told(content, "3103", call="feedback")
    assert examined.told == {"recorded": 2, "unmatched": 2}
    assert "这些结果标识不是本次运行发出的：other" in text_of(examined)


class TestRefusals:
    def test_in_chinese_with_field_and_value(self, told):
        examined = told(message([order(CHILD_DRUG, cnt="two")]))
        assert not examined.is_judged
        place = "input.data.patient_dtos.fsi_encounter_dtos[0].fsi_order_dtos[0].cnt"
        assert examined.error_text == f"{place}：应为数（数字，或数字写成的文本）；实际是 'two'"
        assert ("envelope", "inf_time") in understood(examined), "what was read before it is told all the same"

    def test_every_refusal_of_a_value_has_a_wording(self):
        """Each literal of values.py, so that a new one cannot be forgotten."""
        source = (ROOT / "server/entrance/values.py").read_text(encoding="utf-8")
        problems = re.findall(r'BadValueError\(f?"([^"]+)"', source)
        assert len(problems) > 10
        for problem in problems:
            filled = re.sub(r"\{[^}]+\}", "5", problem)
            assert refusals.problem_in_chinese(filled) != filled, problem

    @pytest.mark.parametrize(
        ("body", "encoding", "advice"),
        [
            (b'{"a": 1}\0', None, "末尾有零字节"),
            ("{}".encode("utf-16"), None, "UTF-16"),
            ('{"名": "值"}'.encode("utf-16-le"), None, "UTF-16"),
            (b"data=%7B%22a%22%3A1%7D", None, "表单"),
            (b'\xef\xbb\xbf{"a": 1}', None, "BOM"),
            ('{"patient_dtos": "患者"}'.encode(), "gb18030", "声明的编码是 GBK"),
            (json.dumps('{"patient_dtos": {}}').encode(), None, "多做了一次序列化"),
        ],
    )
    def test_bytes_that_are_usually_sent_by_mistake(self, told, body, encoding, advice):
        examined = told(body, encoding=encoding)
        assert examined.error
        assert any(advice in text for text in examined.advice), examined.advice


class TestAdvice:
    @pytest.mark.parametrize(
        ("document", "advice"),
        [
            (message([order(CHILD_DRUG, curr_drord_flag="0")]), "没有当前医嘱"),
            (message([order(CHILD_DRUG, rx_id="A"), order(WOMEN_DRUG, rx_id="A")]), "共用同一个 rx_id（A）"),
            (message([order(CHILD_DRUG, cnt="250", sumamt="10.00")]), "金额不等于数量乘单价"),
            (message([order(CHILD_DRUG, drord_begn_date="")]), "没有 drord_begn_date"),
            (message([order(CHILD_DRUG, drord_begn_date="2026-07-08")]), "只有日期没有时刻"),
            (message([order(("X" * 3, "����冒颗粒"))]), "在编码转换中丢失了"),
            (message([order(CHILD_DRUG, ext={"dose_unit": "mg"})]), "有剂量单位而没有剂量"),
        ],
    )
    def test_the_usual_slips(self, told, document, advice):
        assert any(advice in text for text in told(document).advice)

    def test_a_good_message_gets_none(self, told):
        (sample,) = [one for one in SAMPLES if one.name == "outpatient-complete.json"]
        assert told(sample.document).advice == ()


class TestTheReport:
    def test_what_was_never_sent_and_what_the_rules_wait_for(self, ground, told):
        coverage = Coverage(ground.packs.current())
        for _ in range(2):
            coverage.add(told(message([order(CHILD_DRUG, dosee="1", ext={"days": 3})])))
        report = coverage.report()
        sent = {(one.object, one.field): one.messages for one in report.fields}
        assert sent["fsi_order_dtos.ext", "days"] == sent["patient_dtos", "gend"] == 2
        assert sent["fsi_order_dtos.ext", "dose"] == sent["fsi_operation_dtos", "oprn_code"] == 0
        facts = {one.fact: one for one in report.facts}
        assert facts["days"].arrived
        assert not facts["allergies"].arrived
        assert facts["allergies"].missed == 2
        assert facts["allergies"].rules == 2
        assert report.unknown_fields == {"fsi_order_dtos.dosee": 2}
        text = "\n".join(report_lines(report))
        assert "过敏史（ext.allergies）：缺 2 次" in text

    def test_a_code_that_nobody_knows_is_not_told_as_one_that_was_not_sent(self, ground, told):
        """A level of 99 was counted as a level that is missing: the vendor looked for a field that they do send."""
        coverage = Coverage(ground.packs.current())
        limited = order(SECONDARY_DRUG)
        coverage.add(told(message([limited], visit={"medins_lv": "99"})))
        coverage.add(told(message([limited], visit={"medins_lv": ""})))
        (level,) = [one for one in coverage.report().facts if one.fact == "facility_level"]
        assert (level.missed, level.misread) == (2, 1)
        assert "医疗机构等级（medins_lv）：缺 1 次，送了值而没读懂 1 次，" in "\n".join(report_lines(coverage.report()))

    def test_a_fact_that_only_a_list_of_objects_states_has_arrived(self, ground, told):
        coverage = Coverage(ground.packs.current())
        coverage.add(told(message([order(CHILD_DRUG)], patient={"ext": {"labs": [{"name": "钾", "value": "4"}]}})))
        assert {one.fact for one in coverage.report().facts if one.arrived} >= {"observations"}

    def test_fields_that_look_hard_coded_and_repeated_ids(self, ground, told):
        coverage = Coverage(ground.packs.current())
        for number in range(3):
            line = order(CHILD_DRUG, cnt=str(number + 1), drord_dr_profttl="1")
            coverage.add(told(message([line], head={"msgid": "same"})))
        report = coverage.report()
        assert "drord_dr_profttl=1" in report.same_everywhere
        assert not [text for text in report.same_everywhere if text.startswith("cnt")]
        assert report.repeated_message_ids == {"same": 3}

    def test_facts_asked_are_those_of_rules_with_rows(self, ground):
        asked = facts_asked(ground.packs.current())
        assert set(asked) <= set(FACTS)
        rules, rows = asked["sex"]
        assert rules >= 2
        assert rows > 9000
        assert "expression" not in asked


class TestTheStandard:
    def test_every_field_that_is_read_has_a_chinese_name(self):
        nameless = [key for key in standard.fields_read() if key not in standard.standard()]
        assert not nameless

    def test_every_group_of_the_field_table_is_known(self):
        count = sum(len(group.fields) for group in fields.ALL_GROUPS)
        assert len(standard.fields_read()) == count

    def test_required_fields_are_those_of_the_interface(self):
        required = {field.name for field in standard.standard().values() if field.required}
        assert {"patn_id", "hilist_code", "curr_drord_flag", "msgid", "trig_scen"} <= required
        assert not {"grpno", "drord_stop_date", "dose", "fsi_his_data_dto"} & required


class TestBytes:
    EXPECTED = '{\n "名": "值",\n "b": 1\n}\n'.encode()

    @pytest.mark.parametrize(
        ("got", "said"),
        [
            (EXPECTED, ""),
            (EXPECTED + b"\0", "零字节"),
            (b"\xef\xbb\xbf" + EXPECTED, "BOM"),
            (EXPECTED.replace(b"\n", b"\r\n"), "CRLF"),
            (EXPECTED.replace(b"\n", b""), "--data-binary"),
            (EXPECTED.rstrip(), "末尾的换行"),
            (EXPECTED[:12], "被截断：只收到 27 字节中的 12 字节"),
            (EXPECTED.decode().encode("gbk"), "样例是 UTF-8，收到的是 GBK"),
            (EXPECTED.decode().encode("utf-16"), "UTF-16"),
            (EXPECTED.decode("gbk", "replace").encode(), "当成 GBK"),
            (EXPECTED.decode("latin-1").encode(), "当成 LATIN-1"),
            (b'{"b": 1, "\xe5\x90\x8d": "\xe5\x80\xbc"}', "重新序列化"),
            (EXPECTED.replace(b"1", b"2"), f"第 {EXPECTED.index(b'1') + 1} 字节起不同"),
        ],
    )
    def test_what_became_of_them(self, got, said):
        text = difference(self.EXPECTED, got)
        assert said in text if said else text == ""

    def test_a_gbk_sample_that_was_converted(self):
        document = '{"名": "值"}'.encode("gbk")
        assert "样例是 GBK，收到的是 UTF-8" in difference(document, document.decode("gbk").encode())


# ---- the command ----


def run(capsys, *arguments):
    code = command_line.main(["conformance", *map(str, arguments)])
    return code, capsys.readouterr().out


class TestFiles:
    def test_text(self, capsys):
        code, out = run(capsys, DEFAULT_FOLDER / "block.json", DEFAULT_FOLDER / "refused.json")
        assert code == 1, "one of them was refused"
        assert "拦截 BLOCK" in out
        assert "拒绝：input.data.patient_dtos[0].brdy：应为日期" in out
        assert "══ 汇总：2 次调用，1 次被拒绝" in out

    def test_json_lines(self, capsys):
        code, out = run(capsys, "--json", DEFAULT_FOLDER / "warn.json", DEFAULT_FOLDER / "feedback-3103.json")
        assert code == 0
        check, feedback, last = map(json.loads, out.splitlines())
        assert check["message"]["answer"]["output"]["ext"]["verdict"] == "WARN"
        assert feedback["message"]["told"] == {"recorded": 2, "unmatched": 0}
        assert last["report"]["verdicts"] == {"WARN": 1}

    @pytest.mark.parametrize("word", ["feedback", "warns"])
    def test_a_check_that_says_feedback_somewhere_is_still_a_check(self, capsys, tmp_path, word):
        """The word anywhere in a file made feedback of it."""
        document = {**json.loads((DEFAULT_FOLDER / "own-check.json").read_bytes()), "message_id": word}
        (tmp_path / "own.json").write_text(json.dumps(document), encoding="utf-8")
        _, out = run(capsys, "--json", tmp_path / "own.json")
        told = json.loads(out.splitlines()[0])["message"]
        assert (told["call"], told["error"]) == ("check", "")

    @pytest.mark.parametrize("sample", ["own-feedback.json", "feedback-3103.json"])
    def test_feedback_about_a_check_is_feedback(self, capsys, tmp_path, sample):
        document = (DEFAULT_FOLDER / sample).read_text(encoding="utf-8").replace("已", "patient_dtos 已")
        (tmp_path / sample).write_text(document, encoding="utf-8")
        _, out = run(capsys, "--json", tmp_path / sample)
        assert json.loads(out.splitlines()[0])["message"]["call"] == "feedback"

    def test_brief_leaves_out_what_was_understood(self, capsys):
        _, out = run(capsys, "--brief", DEFAULT_FOLDER / "pass.json")
        assert "读懂" in out
        assert "→" not in out.partition("══")[0]

    def test_nothing_to_do_is_wrong_usage(self, capsys):
        assert command_line.main(["conformance"]) == 2
        assert "--station-endpoint" in capsys.readouterr().err

    def test_a_file_that_is_not_there(self, capsys):
        assert command_line.main(["conformance", "no-such-file.json"]) == 1
        assert "no-such-file.json" in capsys.readouterr().err

    def test_it_leaves_nothing_behind(self, tmp_path):
        """No store, no pack, nothing: not where it is run, and not where temporary files go."""
        done = command(
            "conformance",
            "--brief",
            DEFAULT_FOLDER / "settlement-3102.json",
            cwd=tmp_path,
            env={"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr
        assert list(tmp_path.iterdir()) == []

    def test_the_samples_themselves(self, capsys):
        code, out = run(capsys, "--samples", "--brief")
        assert code == 0
        assert f"{len(SAMPLES)} 个逐字节收到且答复与预期相同" in out

    def test_an_answer_that_differs_is_told(self, capsys, tmp_path):
        for path in DEFAULT_FOLDER.rglob("*.*"):
            target = tmp_path / path.relative_to(DEFAULT_FOLDER)
            target.parent.mkdir(exist_ok=True, parents=True)
            target.write_bytes(path.read_bytes())
        answer = tmp_path / "answers/pass.json"
        answer.write_text(answer.read_text("utf-8").replace('"PASS"', '"BLOCK"'), encoding="utf-8")
        code, out = run(capsys, "--samples", tmp_path, "--brief")
        assert code == 1
        assert "样例 pass.json：答复与预期不同，不同之处：output.ext.verdict" in out

    def test_a_folder_without_samples(self, capsys, tmp_path):
        assert command_line.main(["conformance", "--samples", str(tmp_path)]) == 1
        assert "samples.toml" in capsys.readouterr().err


class Endpoint:
    """A running `precheck conformance --station-endpoint`, with unbuffered output as in many containers."""

    def __init__(self, *options):
        command = [sys.executable, "-m", "server", "conformance", "--json", "--station-endpoint", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*command, *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(PYTHONUNBUFFERED="1"),
        )
        ready = self.process.stderr.readline()
        assert ready.startswith("precheck conformance "), ready + self.process.stderr.read()
        at = dict(word.split("=", 1) for word in ready.split()[2:])
        self.grpc, self.http = at["grpc"], at["http"]

    def ended(self):
        """Wait for its end; return the exit code and the lines that it printed."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        assert err == ""
        return self.process.returncode, [json.loads(line) for line in out.split("\n") if line]

    def stopped(self):
        self.process.terminate()
        return self.ended()

    post_bytes, request, connection, client = Server.post_bytes, Server.request, Server.connection, Server.client

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class TestTheEndpoint:
    def test_both_ways_in_and_every_call(self):
        first, second = message([order(CHILD_DRUG)]), message([order(WOMEN_DRUG)])
        patient = first["input"]["data"]["patient_dtos"]["patn_id"]
        with Endpoint() as endpoint, endpoint.client(station_id="ward-3") as client:
            in_gbk = encoded(first, "gbk")
            answer = client.check(in_gbk, format=Format.NHSA_3101, encoding=Encoding.GBK)
            assert answer.name == "PCK_WARN"
            assert endpoint.post_bytes("/nhsa/3101", encoded(second))[0] == 200
            assert client.commit(encoded(first), format=Format.NHSA_3101).lines == 1
            assert client.void(patient, "E1").lines == 1
            jr_id = json.loads(answer.answer.decode("gbk"))["output"]["result"][0]["jr_id"]
            warns = {"input": {"data": {"warns": [{"warn_rslt_id": jr_id, "dspo_way": "2"}]}}}
            assert endpoint.post_bytes("/nhsa/3103", encoded(warns))[0] == 200
            code, lines = endpoint.stopped()
        assert code == 0
        *messages, last = lines
        messages = [line["message"] for line in messages]
        assert [(one["call"], one["transport"]) for one in messages] == [
            ("check", "gRPC"),
            ("check", "HTTP"),
            ("commit", "gRPC"),
            ("void", "gRPC"),
            ("feedback", "HTTP"),
        ]
        assert messages[0]["encoding"] == "gb18030"
        assert messages[0]["size_bytes"] == len(in_gbk)
        assert messages[0]["station_id"] == "ward-3"
        assert messages[3]["told"]["voided_lines"] == 1
        assert messages[4]["told"] == {"recorded": 1, "unmatched": 0}
        assert sum(last["report"]["calls"].values()) == 5

    def test_what_never_reached_the_service_is_told_of_too_and_each_refusal_once(self):
        with Endpoint() as endpoint, endpoint.client() as client:
            assert endpoint.post_bytes("/nhsa/31O1", b"{}")[0] == 404
            assert endpoint.post_bytes("/nhsa/3101", b"{}", {"Content-Type": "text/plain; charset=big5"})[0] == 415
            assert endpoint.post_bytes("/nhsa/3101", b"{")[0] == 400
            assert client.check(b"[]", format=Format.NHSA_3101).name == "PCK_E_REJECTED"
            assert client.check(b"{}", format=77).name == "PCK_E_REJECTED"
            code, lines = endpoint.stopped()
        assert code == 1
        errors = [line["message"]["error"] for line in lines[:-1]]
        assert len(errors) == 5, errors
        assert errors[0] == "POST /nhsa/31O1: there is no such address and method"
        assert "big5" in errors[1]
        assert "truncated" in errors[2]
        assert "没有 /nhsa/31O1 这个地址或方法" in lines[0]["message"]["error_text"]

    def test_a_client_that_sends_the_samples_as_they_are(self):
        with Endpoint("--samples", "--messages", len(SAMPLES)) as endpoint, endpoint.client() as client:
            for sample, use_http in zip(SAMPLES, itertools.cycle((True, False)), strict=False):
                send_sample(endpoint, client, sample, use_http=use_http)
            code, lines = endpoint.ended()
        assert [line["sample"] for line in lines[:-1] if not is_right(line["sample"])] == []
        assert (code, lines[-1]["samples_not_arrived"]) == (0, [])

    def test_the_example_in_c_sends_them_as_they_are(self):
        """Its own feedback comes in between, and is no sample: that is no fault."""
        with Endpoint("--samples") as endpoint:
            files = [DEFAULT_FOLDER / sample.name for sample in SAMPLES]
            command = [EXAMPLE, endpoint.grpc, *map(str, files)]
            subprocess.run(
                command,
                check=False,
                stdout=subprocess.DEVNULL,
                timeout=PATIENCE_S,
                env={"STATION_DEADLINE_MS": "20000", "LC_ALL": "C"},
            )
            code, lines = endpoint.stopped()
        assert (code, lines[-1]["samples_not_arrived"]) == (0, [])
        assert [line["sample"]["sample"] for line in lines[:-1]].count("") > 5

    def test_a_client_that_changes_them(self):
        by_name = {sample.name: sample for sample in SAMPLES}
        passing, herbs = by_name["pass.json"].document, by_name["herbs.gbk"].document
        with Endpoint("--samples") as endpoint, endpoint.client() as client:
            endpoint.post_bytes("/nhsa/3101", passing.replace(b"\n", b""))
            client.check(herbs, format=Format.NHSA_3101, encoding=Encoding.UTF_8)
            endpoint.post_bytes("/nhsa/3102", by_name["warn.json"].document)
            endpoint.post_bytes("/nhsa/3101", encoded(message([order(CHILD_DRUG)])))
            code, lines = endpoint.stopped()
        assert code == 1
        changed, undeclared, misrouted, foreign, last = lines
        assert "--data-binary" in changed["sample"]["bytes_differ"]
        assert undeclared["sample"]["sent_differently"] == "应声明编码 gbk，却声明了 utf-8"
        assert misrouted["sample"]["sent_differently"] == "应按 3101 发送，却按 3102 发送了"
        assert foreign["sample"]["sample"] == ""
        assert len(last["samples_not_arrived"]) == len(SAMPLES)

    def test_over_tls(self, tmp_path):
        from tests.abi.certificates import make

        made = make(tmp_path)
        options = ("--tls-certificate", f"{made.server}.pem", "--tls-key", f"{made.server}.key", "--messages", 1)
        with Endpoint(*options) as endpoint, endpoint.client(tls_ca_file=made.ca) as client:
            assert client.check(encoded(message([order(CHILD_DRUG)])), format=Format.NHSA_3101).name == "PCK_WARN"
            code, lines = endpoint.ended()
        assert (code, len(lines)) == (0, 2)

    def test_an_address_that_is_taken(self, product):
        done = subprocess.run(
            [sys.executable, "-m", "server", "conformance", "--station-endpoint", product.grpc],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment(),
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 1
        assert f"cannot listen on {product.grpc}" in done.stderr


def is_right(compared):
    return compared["sample"] and not (
        compared["bytes_differ"] or compared["sent_differently"] or compared["answer_differs"]
    )


def send_sample(endpoint, client, sample, *, use_http):
    from tests.kit.test_samples import over_http, over_the_library

    if use_http:
        over_http(endpoint, sample)
    else:
        over_the_library(client, sample)


def test_a_report_never_changes_what_is_answered(ground, told):
    """The answer of the watched service is the plain one's, for every sample; stored history is each one's own."""
    from server.check import CheckService
    from server.conformance.samples import stable

    for sample in SAMPLES:
        entry = sample.entry
        if entry.call == "check" and entry.format == "3101" and "refused" not in sample.expected:
            parts = (ground.packs, ground.profiles, ground.history, ground.store, ground.metrics, ground.dictionaries)
            plain = CheckService(*parts).check(Request(sample.document, "3101", None)).answer
            encoding = "gbk" if entry.encoding == "gbk" else "utf-8"
            assert stable(json.loads(plain.decode(encoding))) == stable(told(sample.document).answer)


def test_an_arrival_without_a_document(ground):
    examined = examine(
        1,
        Arrival("check", "gRPC", Request(b"", "3101", None), error="no time left; nothing was checked"),
        ground.profiles,
    )
    assert "期限已经用完" in examined.error_text
    assert "拒绝" in text_of(examined)


def test_the_message_itself_is_left_as_it_was(told):
    document = message([order(CHILD_DRUG)])
    before = copy.deepcopy(document)
    told(document)
    assert document == before
