"""What reviewers broke, each named for its fault."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from precheck.v1 import check_pb2, check_pb2_grpc

from server.settings import SettingsError, load_settings
from tests.web.messages import (
    BED,
    CHILD_DRUG,
    PER_DAY,
    WOMEN_DRUG,
    WOMEN_ONLY,
    encounter,
    ext_of,
    found,
    message,
    new_patient,
    order,
    patient_of,
    rules,
    settlement,
    visit_of,
)
from tests.web.packs import write_pack
from tests.web.product import PATIENCE_S, STOP_MAX_S, Server, until

PRESSURE = ("003107020020000", "持续有创性血压监测")
ECG = ("003107010220000", "心电监测")
EXCLUSIVE = "GZ10000102012000"


@pytest.mark.parametrize("reverse", [False, True])
def test_current_encounter_in_two_objects_lost_the_lines_of_the_second(product, reverse):
    document = message([order(BED, cnt="2", rx_id="bed")])
    objects = [visit_of(document), encounter([order(WOMEN_DRUG, rx_id="women")])]
    patient_of(document)["fsi_encounter_dtos"] = objects[::-1] if reverse else objects
    answer = product.check(document)
    assert sorted(rules(answer)) == sorted([PER_DAY, WOMEN_ONLY])


def test_objects_of_one_encounter_that_disagree_are_refused(product):
    document = message([order(BED)])
    patient_of(document)["fsi_encounter_dtos"] = [visit_of(document), encounter([], medins_lv="08")]
    status, answer = product.post("/nhsa/3101", document)
    assert status == 400
    assert "facility_level" in answer["err_msg"]


def test_an_empty_container_hid_its_camel_case_twin(product):
    document = message([order(BED, cnt="1")])
    past = encounter([order(BED, curr_drord_flag="0", drord_begn_date="2026-07-08 07:00:00")], mdtrt_id="E0")
    patient_of(document).update({"fsi_his_data_dto": None, "fsiHisDataDto": past})
    assert rules(product.check(document)) == [PER_DAY]


def test_an_empty_trig_scen_hid_its_camel_case_twin(product):
    document = message([order(BED)], data={"trig_scen": "", "trigScen": "6"})
    assert ext_of(product.check(document))["committed_lines"] == 1


@pytest.mark.parametrize("quantity", ["NaN", "Infinity", "-1e999999", "1e999999"])
@pytest.mark.parametrize("path", ["/v1/check", "/v1/commit"])
def test_our_json_took_numbers_without_bounds(product, path, quantity):
    document = {
        "time": "2026-07-08T09:00:00",
        "patient": {"id": new_patient()},
        "encounter": {"id": "E1", "lines": [{"order_id": "1", "item_code": BED[0], "quantity": quantity}]},
    }
    status, answer = product.post(path, document)
    assert status == 400
    assert "lines[0].quantity" in answer["error"]


def test_our_json_took_texts_without_bounds(product):
    document = {"patient": {"id": "x" * 200_000}, "encounter": {"id": "E1"}}
    status, answer = product.post("/v1/check", document)
    assert status == 400
    assert "patient.id" in answer["error"]


def test_two_charges_without_id_and_time_were_one(product):
    patient = new_patient()
    for hour in ("08", "09"):
        charge = order(BED, rx_id="", drord_begn_date="_")
        document = message([charge], patient={"patn_id": patient}, head={"inf_time": f"2026-07-08 {hour}:00:00"})
        assert ext_of(product.check(settlement(document)))["committed_lines"] == 1
    document = message([order(BED, drord_begn_date="2026-07-08 10:00:00")], patient={"patn_id": patient})
    (result,) = product.check(document)["output"]["result"]
    assert len(result["judge_result_detail_dtos"]) == 3


@pytest.mark.parametrize(
    ("main", "sub", "outcome"),
    [
        ("2026-07-08", "2026-07-08", "unknown"),
        ("2026-07-08 00:30:00", "2026-07-08", "unknown"),
        ("2026-07-08", "2026-07-09", "unknown"),
        ("2026-07-08", "2026-07-10", "apart"),
        ("2026-07-08 22:30:00", "2026-07-09", "apart"),
        ("2026-07-08 00:00:00", "2026-07-08 00:00:00", "beside"),
    ],
)
def test_a_date_alone_was_taken_for_midnight_in_windows_of_hours(product, main, sub, outcome):
    answer = product.check(message([order(PRESSURE, drord_begn_date=main), order(ECG, drord_begn_date=sub)]))
    hints = [hint for hint in ext_of(answer)["hints"] if hint["rule_id"] == EXCLUSIVE]
    assert (rules(answer) == [EXCLUSIVE]) == (outcome == "beside")
    assert bool(hints) == (outcome == "unknown")
    assert all("drord_begn_date" in hint["missing"] for hint in hints)


@pytest.mark.parametrize(
    ("birth", "is_adult"),
    [
        ("315504000000", True),  # 1980, digits of milliseconds
        ("-315648000000", True),  # 1960
        (57600000, True),  # 1970-01-02
        (218995200000, True),  # 1976, twelve digits that begin like a year
        ("218995200000", True),
        ("192211200000", True),  # 1976, twelve digits that could be a date and time of 1922
        ("1579017600000", False),
        (20200115, False),
    ],
)
def test_milliseconds_of_other_lengths_were_refused(product, birth, is_adult):
    answer = product.check(message([order(CHILD_DRUG)], patient={"brdy": birth}))
    assert bool(found(answer)) == is_adult


def test_a_birth_date_of_zero_is_nothing(product):
    answer = product.check(message([order(CHILD_DRUG)], patient={"brdy": 0}))
    assert [hint["missing"] for hint in ext_of(answer)["hints"]] == [["brdy"]]


def test_a_body_in_gbk_could_not_void(product):
    body = json.dumps({"patient_id": "患者", "encounter_id": "就诊", "reason": "取消"}, ensure_ascii=False).encode(
        "gbk"
    )
    status, _, answer = product.post_bytes("/v1/void", body)
    assert (status, json.loads(answer)["voided_lines"]) == (200, 0)


def test_blanks_around_an_id_voided_nothing(product):
    patient = new_patient()
    product.check(settlement(message([order(BED)], patient={"patn_id": patient})))
    status, answer = product.post("/v1/void", {"patient_id": f" {patient} ", "encounter_id": "E1 "})
    assert (status, answer["voided_lines"]) == (200, 1)


def test_client_certificates_without_tls_were_ignored():
    with pytest.raises(SettingsError, match="tls_client_ca"):
        load_settings(None, {}, {"tls_client_ca": "ca.pem"})


def test_an_empty_pack_passed_everything(product, tmp_path):
    (tmp_path / "pack.toml").write_text('id = "e"\nrevision = 1\ntitle = "空"\n', encoding="utf-8")
    done = activate(product, tmp_path)
    assert done.returncode == 1
    assert "no rows" in done.stderr


def test_a_pack_without_tests_was_activated(product, tmp_path):
    pack = write_pack(tmp_path / "pack")
    (pack / "tests" / "cases.toml").unlink()
    done = activate(product, pack)
    assert done.returncode == 1
    assert "no tests" in done.stderr


def activate(product, pack):
    command = [sys.executable, "-m", "server", "pack", "activate", str(pack), "--grpc", product.grpc]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_a_settlement_whose_caller_had_gone_was_committed(tmp_path):
    past = [{"rx_id": f"R{n}", "hilist_code": "X", "curr_drord_flag": "0"} for n in range(20_000)]
    document = message([order(BED)], past=[encounter(past, mdtrt_id="E0")], data={"trig_scen": "6"})
    with Server(tmp_path / "data", "--pack", write_pack(tmp_path / "pack")) as server:
        request = check_pb2.CheckDocumentRequest(
            document=json.dumps(document).encode(), format=check_pb2.DOCUMENT_FORMAT_NHSA_3102
        )
        with grpc.insecure_channel(server.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
            check_pb2_grpc.PrecheckStub(channel).CheckDocument(request, timeout=0.03)
        assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert rules(server.check(message([order(BED)]))) == []  # the server has come to the end of the other one
        assert server.rows("SELECT count(*) FROM event") == [(0,)]


def test_sigterm_waited_for_a_pack_that_was_being_prepared(tmp_path):
    pack = write_pack(tmp_path / "pack")
    with Server(tmp_path / "data", "--pack", pack) as server:
        server.process.send_signal(signal.SIGHUP)
        child = until(lambda: preparation_of(server.process.pid), "the pack is being prepared")
        os.kill(child, signal.SIGSTOP)
        server.process.terminate()
        began = time.monotonic()
        assert server.process.wait(STOP_MAX_S) == 0
        assert time.monotonic() - began < STOP_MAX_S


def preparation_of(parent):
    """Return the process id of the server's pack preparation, or None."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_child = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]) == parent
            if is_child and b"server.packs" in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except OSError:
            continue
    return None


def test_health_was_refused_while_calls_were_many(tmp_path):
    cap = {"PRECHECK_CALLS_IN_FLIGHT_MAX": "1"}
    with (
        Server(tmp_path / "data", "--pack", write_pack(tmp_path / "pack"), env=cap) as server,
        grpc.insecure_channel(server.grpc) as channel,
    ):
        past = [{"rx_id": f"R{n}", "hilist_code": "X", "curr_drord_flag": "0"} for n in range(20_000)]
        slow = message([order(BED)], past=[encounter(past, mdtrt_id="E0")])
        request = check_pb2.CheckDocumentRequest(
            document=json.dumps(slow).encode(), format=check_pb2.DOCUMENT_FORMAT_NHSA_3101
        )
        running = check_pb2_grpc.PrecheckStub(channel).CheckDocument.future(request, timeout=PATIENCE_S)
        statuses = [server.get("/healthz")[0]]
        while not running.done():
            statuses.append(server.get("/healthz")[0])
        assert set(statuses) == {200}
        assert running.result().answer


def test_a_settlement_whose_answer_was_too_large_was_committed_and_refused(product):
    """Findings are one per pair of lines: 2 x 120 of them made an answer larger than a message may be."""
    patient = {"patn_id": new_patient()}
    orders = [order(item) for item in (PRESSURE, ECG) for _ in range(120)]
    status, answer = product.post("/nhsa/3102", settlement(message(orders, patient=patient)))
    assert status == 400
    assert "240 current lines" in answer["err_msg"]
    assert "send fewer lines" in answer["err_msg"]
    after = product.check(message([order(ECG)], patient=patient))
    assert not [detail for detail in found(after) if EXCLUSIVE in detail]
    assert ext_of(after)["history_position"] == 0
