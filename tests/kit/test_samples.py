"""The sample messages of docs/samples: the real server answers each as its answer file says, by HTTP and by the library."""

import json

import pytest

from client_shim import Encoding, Format
from server.conformance.samples import DEFAULT_FOLDER, Samples, paths_that_differ, stable
from tests.web.product import ROOT, Server

FORMATS = {
    "precheck": Format.PRECHECK_JSON,
    "3101": Format.NHSA_3101,
    "3102": Format.NHSA_3102,
    "3103": Format.NHSA_3103,
}
PATHS = {
    ("precheck", "check"): "/v1/check",
    ("precheck", "feedback"): "/v1/feedback",
    ("3101", "check"): "/nhsa/3101",
    ("3102", "check"): "/nhsa/3102",
    ("3103", "feedback"): "/nhsa/3103",
}
SAMPLES = Samples(DEFAULT_FOLDER).every
REFUSED = {sample.name: sample.expected["refused"] for sample in SAMPLES if "refused" in sample.expected}
PACKS = ("--pack", ROOT / "ruleset/packs/nhsa", "--pack", ROOT / "ruleset/packs/safety-cn")


def value_of(answer, encoding):
    return json.loads(answer.decode("gbk" if encoding == "gbk" else "utf-8"))


def over_http(server, sample):
    """Return what the sample is answered with; of a refused one, its error."""
    entry = sample.entry
    charset = "GBK" if entry.encoding == "gbk" else "utf-8"
    headers = {"Content-Type": f"application/json; charset={charset}"}
    status, headers, content = server.post_bytes(PATHS[entry.format, entry.call], sample.document, headers)
    if status != 200:
        assert (sample.name in REFUSED, status) == (True, 400)
        answer = json.loads(content)
        assert answer["output"] == {"result": [], "ext": {"completeness": "NONE"}}
        return answer["err_msg"]
    assert headers["content-type"].endswith(charset)
    return stable(value_of(content, entry.encoding))


def over_the_library(client, sample):
    entry = sample.entry
    encoding = Encoding.GBK if entry.encoding == "gbk" else Encoding.UTF_8
    if entry.call == "feedback":
        receipt = client.feedback(sample.document, format=FORMATS[entry.format], encoding=encoding)
        return stable(value_of(receipt.answer, entry.encoding))
    answer = client.check(sample.document, format=FORMATS[entry.format], encoding=encoding)
    return stable(value_of(answer.answer, entry.encoding)) if answer.answer else answer.error


@pytest.fixture(scope="module", params=["http", "library"])
def answers(request, tmp_path_factory):
    """The answers to all samples in their order, from a server of its own: some rest on earlier ones."""
    with Server(tmp_path_factory.mktemp("samples") / "data", *PACKS) as server, server.client() as client:
        ask = {
            "http": lambda sample: over_http(server, sample),
            "library": lambda sample: over_the_library(client, sample),
        }[request.param]
        return {sample.name: ask(sample) for sample in SAMPLES}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_the_answer_is_the_expected_one(answers, sample):
    if sample.name in REFUSED:
        assert REFUSED[sample.name] in answers[sample.name]
    else:
        differences = list(paths_that_differ(sample.expected, answers[sample.name]))
        assert not differences, (
            "if rules changed on purpose: python docs/samples/write_answers.py, and look at the diff"
        )


def test_every_outcome_has_a_sample():
    outcomes = {outcome_of(sample.expected) for sample in SAMPLES}
    assert outcomes == {
        ("PASS", "COMPLETE"),
        ("PASS", "PARTIAL"),
        ("WARN", "COMPLETE"),
        ("WARN", "PARTIAL"),
        ("BLOCK", "COMPLETE"),
        ("BLOCK", "PARTIAL"),
        "NONE",
        "refused",
        "feedback",
    }


def outcome_of(expected):
    if "refused" in expected:
        return "refused"
    ext = expected["output"]["ext"] if "output" in expected else expected
    if "recorded" in ext:
        return "feedback"
    return "NONE" if ext["completeness"] == "NONE" else (ext["verdict"], ext["completeness"])


def test_what_the_samples_are_to_show():
    """What the index promises of each, in numbers; the whole answers stand in their files."""
    expected = {sample.name: sample.expected for sample in SAMPLES}

    def rules(name):
        answer = expected[name]
        found = answer["output"]["result"] if "output" in answer else answer["findings"]
        return sorted(result.get("rule_id") or result["rule"] for result in found)

    assert rules("outpatient-complete.json") == rules("refund.json") == rules("chronic-long-prescription.json") == []
    assert rules("child-emergency.json") == ["safety-cn:age-forbidden", "safety-cn:single-dose"]
    # Both packs know the pair; the doctor is shown it once, beside the herb that is not paid.
    assert rules("herbs.gbk") == ["GZ10000101003000", "GZ10000301012000", "GZ10000301012000"]
    assert len(expected["herbs.gbk"]["output"]["ext"]["display"]["findings"]) == 2
    assert rules("inpatient-orders.json") == ["safety-cn:infusion-concentration", "safety-cn:perioperative"]
    assert "safety-cn:allergy-severe" in rules("drug-safety-ext.json")
    assert rules("after-settlement.json") == ["NHSA2025-31"]
    (finding,) = expected["after-settlement.json"]["output"]["result"]
    related = [line for line in finding["judge_result_detail_dtos"] if line["vola_item_type"] == "2"]
    assert [line["mdtrt_id"] for line in related] == ["MZ18"], "the line that only the settlement committed"
    assert expected["settlement-3102.json"]["output"]["ext"]["committed_lines"] == 1
    assert len(expected["missing-facts.json"]["output"]["ext"]["hints"]) > 5
    assert expected["feedback-3103.json"]["output"]["ext"] == {"recorded": 2, "unmatched": []}


def test_every_file_of_the_folder_is_a_sample_or_its_answer():
    messages = {path.name for path in DEFAULT_FOLDER.iterdir() if path.suffix in {".json", ".gbk"}}
    assert messages == {sample.name for sample in SAMPLES}
    answers = {f"answers/{path.name}" for path in (DEFAULT_FOLDER / "answers").iterdir()}
    assert answers == {sample.entry.answer for sample in SAMPLES}


def test_the_people_of_the_samples_are_invented():
    for sample in SAMPLES:
        text = sample.document.decode("gbk" if sample.entry.encoding == "gbk" else "utf-8")
        if sample.entry.call == "check":
            assert "示例" in text
        assert "身份证" not in text
