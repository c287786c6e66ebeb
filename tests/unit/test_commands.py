"""The command line: what it prints and the codes it ends with."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from server.cli.main import main
from tests.web.messages import CHILD_DRUG, NARCOTIC, SECONDARY_DRUG, encoded, message, order, settlement
from tests.web.packs import STARTER, write_pack
from tests.web.product import ROOT, command, environment

SAMPLES = ROOT / "docs" / "samples"


def run(capsys, *arguments):
    """Run a command here; return (exit code, output, errors)."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as ended:
        code = ended.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def file(tmp_path):
    def write(document, encoding="utf-8"):
        path = tmp_path / "message.json"
        path.write_bytes(encoded(document, encoding))
        return path

    return write


COMMANDS = [
    (),
    ("serve",),
    ("check",),
    ("demo",),
    ("pack",),
    ("pack", "lint"),
    ("pack", "fmt"),
    ("pack", "docs"),
    ("pack", "build"),
    ("pack", "test"),
    ("pack", "explain"),
    ("pack", "activate"),
    ("pack", "status"),
]


class TestHelp:
    @pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
    def test_every_command_has_help(self, capsys, words):
        code, out, _ = run(capsys, *words, "--help")
        assert code == 0
        assert out.startswith(f"usage: {' '.join(('precheck', *words))}")

    def test_no_command_is_wrong_usage(self, capsys):
        code, out, _ = run(capsys)
        assert code == 2
        assert "serve" in out

    @pytest.mark.parametrize("words", [("cheque",), ("check",), ("pack",), ("serve", "--colour", "red")])
    def test_wrong_usage(self, capsys, words):
        code, out, err = run(capsys, *words)
        assert (code, out) == (2, "")
        assert "usage: precheck" in err

    def test_version(self, capsys):
        code, out, _ = run(capsys, "--version")
        assert (code, out) == (0, "precheck 0.1.0\n")

    def test_the_installed_command(self):
        done = command("--version")
        assert (done.returncode, done.stdout) == (0, b"precheck 0.1.0\n")


def test_a_reader_who_has_seen_enough():
    """`precheck pack explain … | head -1` ended with a traceback."""
    arguments = [sys.executable, "-m", "server", "pack", "explain", str(STARTER)]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment()
    ) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (1, b"")


class TestCheck:
    @pytest.mark.parametrize(("name", "code"), [("pass", 0), ("warn", 10), ("block", 11)])
    def test_the_exit_code_tells_the_verdict_when_asked(self, capsys, product, name, code):
        words = ("check", SAMPLES / f"{name}.json", "--grpc", product.grpc)
        ended, out, err = run(capsys, *words, "--exit-code")
        assert (ended, err) == (code, "")
        assert run(capsys, *words)[0] == 0
        assert name.upper() in out.splitlines()[0]
        assert product.revision in out.splitlines()[0]

    def test_a_person_can_read_it(self, capsys, product):
        _, out, _ = run(capsys, "check", SAMPLES / "block.json", "--grpc", product.grpc)
        for text in (
            "拦截 BLOCK",
            "部分未判断",
            "NHSA2025-47",
            "违规: HL1-1（第1行）盐酸羟考酮缓释片",
            "涉及金额: 196.00 元",
            "依据: ",
            "处理: ",
            "[未判断] HL1-2（第2行）院内合剂",
        ):
            assert text in out

    def test_a_hint_says_what_is_missing(self, capsys, product, file):
        document = message([order(NARCOTIC, rx_id="A")])
        code, out, _ = run(capsys, "check", file(document), "--grpc", product.grpc)
        assert code == 0
        assert "缺少: 是否互联网诊疗\n" in out

    def test_a_note_on_the_message(self, capsys, product, file):
        document = message([order(CHILD_DRUG)], data={"trig_scen": "23"})
        _, out, _ = run(capsys, "check", file(document), "--grpc", product.grpc)
        assert "[说明] trig_scen 23" in out

    @pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
    def test_json(self, capsys, product, file, encoding):
        code, out, _ = run(
            capsys, "check", file(message([order(CHILD_DRUG)]), encoding), "--json", "--grpc", product.grpc
        )
        answer = json.loads(out)
        assert code == 0
        assert CHILD_DRUG[1] in answer["output"]["result"][0]["vola_cont"]

    def test_from_standard_input(self, capsys, product, monkeypatch):
        document = encoded(message([order(CHILD_DRUG)]))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(document)))
        code, out, _ = run(capsys, "check", "-", "--grpc", product.grpc)
        assert (code, "小儿感冒颗粒" in out) == (0, True)

    def test_our_own_json(self, capsys, product, file):
        document = {
            "time": "2026-07-08T09:00:00",
            "patient": {"id": "", "birth_date": "1981-06-30"},
            "encounter": {"lines": [{"order_id": "A", "item_code": CHILD_DRUG[0], "item_name": CHILD_DRUG[1]}]},
        }
        code, out, _ = run(capsys, "check", file(document), "--grpc", product.grpc)
        assert code == 0
        assert "违规: A（第1行）小儿感冒颗粒" in out
        assert "涉及金额: 不明" in out

    def test_a_3102_message(self, capsys, product, file):
        document = settlement(message([order(CHILD_DRUG)]), scene="7")
        _, out, _ = run(capsys, "check", file(document), "--json", "--grpc", product.grpc)
        assert json.loads(out)["output"]["ext"]["transaction"] == "3102"

    def test_with_a_profile(self, capsys, product, file):
        path = file(message([order(SECONDARY_DRUG)], visit={"medins_lv": "2"}))
        code, out, _ = run(capsys, "check", path, "--profile", "one_digit", "--grpc", product.grpc)
        assert (code, "全部规则已判断" in out) == (0, True)

    def test_nothing_to_judge(self, capsys, product, file):
        document = message([order(CHILD_DRUG, curr_drord_flag="0")])
        code, out, _ = run(capsys, "check", file(document), "--grpc", product.grpc, "--exit-code")
        assert code == 12
        assert "PASS" not in out
        assert "通过" not in out

    @pytest.mark.parametrize(
        ("content", "field"), [(b"{", "document"), (b'{"patient_dtos": 7}', "patient_dtos"), (b"", "document")]
    )
    def test_what_is_no_message(self, capsys, product, tmp_path, content, field):
        path = tmp_path / "bad.json"
        path.write_bytes(content)
        code, out, err = run(capsys, "check", path, "--grpc", product.grpc)
        assert (code, out) == (1, "")
        assert "not checked (INVALID_ARGUMENT)" in err
        assert field in err

    def test_a_file_that_is_missing(self, capsys, tmp_path):
        code, out, err = run(capsys, "check", tmp_path / "nowhere.json")
        assert (code, out) == (1, "")
        assert "nowhere.json" in err

    def test_no_server(self, capsys):
        code, out, err = run(capsys, "check", SAMPLES / "pass.json", "--grpc", "127.0.0.1:1")
        assert (code, out) == (1, "")
        assert "UNAVAILABLE" in err


class TestPack:
    @pytest.fixture
    def source(self, tmp_path):
        return write_pack(tmp_path / "pack")

    def test_lint(self, capsys, source):
        code, out, err = run(capsys, "pack", "lint", source)
        assert (code, out) == (0, "tiny@1: 2 rules, 2 rows, no errors, 2 warnings\n")
        assert err.count("warning: nobody tests this rule") == 2

    def test_lint_names_every_fault(self, capsys, source):
        (source / "rules" / "drug-child-only.toml").write_text('template = "T07"\ntitel = "x"\n', encoding="utf-8")
        (source / "rows" / "service-per-day.csv").write_text("item_code\nX\n", encoding="utf-8")
        code, out, err = run(capsys, "pack", "lint", source)
        assert (code, out) == (1, "")
        assert "rules/drug-child-only.toml:2" in err
        assert "titel" in err

    @pytest.mark.parametrize("verb", ["lint", "build", "test", "explain"])
    def test_a_pack_that_is_missing(self, capsys, tmp_path, verb):
        code, out, err = run(capsys, "pack", verb, tmp_path / "nowhere")
        assert (code, out) == (1, "")
        assert err

    def test_build_gives_the_same_bytes(self, capsys, source, tmp_path):
        files = [tmp_path / "one.pack", tmp_path / "two.pack"]
        for file in files:
            code, out, _ = run(capsys, "pack", "build", source, "-o", file)
            assert code == 0
            assert str(file) in out
        assert files[0].read_bytes() == files[1].read_bytes()

    def test_build_of_a_broken_pack_leaves_no_file(self, capsys, source, tmp_path):
        (source / "pack.toml").write_text("id = 7\n")
        assert run(capsys, "pack", "build", source, "-o", tmp_path / "x.pack")[0] == 1
        assert not (tmp_path / "x.pack").exists()

    def test_test(self, capsys, tmp_path):
        case = f"""
            [[case]]
            name = "成人"
            kind = "violating"
            time = 2026-07-08T09:00:00
            patient = {{ birth_date = 1981-06-30 }}
            lines = [{{ item_code = "{CHILD_DRUG[0]}" }}]
            findings = [{{ rule = "drug-child-only", violating = ["1"] }}]
        """
        passing = write_pack(tmp_path / "passing", tests=case)
        assert run(capsys, "pack", "test", passing) == (0, "1 passed, 0 failed\n", "")
        failing = write_pack(tmp_path / "failing", tests=case.replace("1981", "2020"))
        code, out, err = run(capsys, "pack", "test", failing)
        assert (code, out) == (1, "0 passed, 1 failed\n")
        assert "成人" in err
        assert "drug-child-only" in err
        untested = write_pack(tmp_path / "untested")
        (untested / "tests" / "cases.toml").unlink()
        assert run(capsys, "pack", "test", untested)[0] == 1

    def test_explain(self, capsys, source, tmp_path):
        file = tmp_path / "x.pack"
        run(capsys, "pack", "build", source, "-o", file)
        for pack in (source, file):
            code, out, _ = run(capsys, "pack", "explain", pack)
            assert code == 0
            assert "drug-child-only" in out
            code, out, _ = run(capsys, "pack", "explain", pack, "--item", CHILD_DRUG[0])
            assert code == 0
            assert CHILD_DRUG[0] in out
            row = out.split()[0]
            assert run(capsys, "pack", "explain", pack, "--row", row)[1].startswith(row)
            code, _, err = run(capsys, "pack", "explain", pack, "--item", "X")
            assert (code, "no row `X`" in err) == (1, True)

    def test_status_and_activate_without_a_server(self, capsys):
        for words in (("status",), ("activate",)):
            code, out, err = run(capsys, "pack", *words, "--grpc", "127.0.0.1:1")
            assert (code, out) == (1, "")
            assert err.startswith("precheck: not ")

    def test_status(self, capsys, product):
        code, out, _ = run(capsys, "pack", "status", "--grpc", product.grpc)
        assert code == 0
        assert product.revision in out
        assert "nhsa revision " in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("rollback", "tiny", "--reason", "x"),
        ("withdraw", "tiny@1", "--reason", "x"),
        ("shadow", "--end"),
        ("shadow", "--report"),
        ("canary", "--end"),
        ("status",),
    ],
)
def test_a_mistyped_data_directory_is_said_and_not_made(capsys, tmp_path, arguments):
    mistyped = tmp_path / "dta"
    code, _, errors = run(capsys, "pack", *arguments, "--data", mistyped)
    assert (code, "is no data directory" in errors) == (1, True)
    assert not mistyped.exists()


class TestExplain:
    SAMPLE = Path(__file__).resolve().parents[2] / "docs" / "samples" / "block.json"

    def test_a_line_that_is_not_there_was_explained_as_a_pass(self, capsys):
        code, out, err = run(capsys, "explain", self.SAMPLE, "--line", "99")
        assert (code, out) == (1, "")
        assert err == "precheck: --line: no line `99`: 2 current lines (HL1-1、HL1-2)\n"

    def test_a_line_by_its_order_id_or_its_place(self, capsys):
        by_id = run(capsys, "explain", self.SAMPLE, "--line", "HL1-1")
        assert by_id[0] == 0
        assert "第1行 HL1-1" in by_id[1]
        assert "第2行" not in by_id[1]
        assert run(capsys, "explain", self.SAMPLE, "--line", "1") == by_id

    def test_a_row_that_no_pack_has_was_explained_as_a_pass(self, capsys):
        code, out, err = run(capsys, "explain", self.SAMPLE, "--row", "internet-forbidden:XN02AAQ033A010010100978")
        assert (code, out) == (1, "")
        assert "--row: no row `internet-forbidden:XN02AAQ033A010010100978` in nhsa@" in err
        assert "did you mean `internet-forbidden:XN02AAQ033A010010100978@2026-04-28`?" in err

    def test_a_row_that_was_no_candidate_looked_like_a_pass(self, capsys):
        other = "drug-sex:XL02BBA326A001010102180@2025-05-23"
        code, out, _ = run(capsys, "explain", self.SAMPLE, "--row", other)
        assert code == 0
        assert out.startswith(f"{other}（T06 药品区分性别使用）: 不是候选行，没有判断（不等于不违规）")
        assert "item:XL02BBA326A001010102180" in out
        assert "PASS" not in out

    def test_a_row_that_is_no_candidate_of_the_line_asked_for(self, capsys):
        row = "internet-forbidden:XN02AAQ033A010010100978@2026-04-28"
        assert "违规，拦截" in run(capsys, "explain", self.SAMPLE, "--row", row, "--line", "1")[1]
        assert "不是候选行" in run(capsys, "explain", self.SAMPLE, "--row", row, "--line", "2")[1]

    def test_a_pack_that_is_not_there_was_a_number_of_the_operating_system(self, capsys):
        code, out, err = run(capsys, "explain", self.SAMPLE, "--pack", "nhs")
        assert (code, out) == (1, "")
        assert err == (
            "precheck: --pack: no pack `nhs`: no such path, and shipped are demo, nhsa, safety-cn; did you mean `nhsa`?\n"
        )

    @pytest.mark.parametrize("text", [b"", b" \n", b"\xef\xbb\xbf"])
    def test_an_empty_file_was_called_truncated(self, capsys, tmp_path, text):
        (tmp_path / "empty.json").write_bytes(text)
        assert run(capsys, "explain", tmp_path / "empty.json") == (1, "", "precheck: document: the document is empty\n")
