"""National messages: small ones built here, and what is compared of their answers."""

import copy
import itertools
import json
import re
import uuid

CHILD_DRUG = ("ZA01BAX0377010100093", "小儿感冒颗粒")
WOMEN_DRUG = ("XG01AFK079A008010100225", "克霉唑阴道片")
SECONDARY_DRUG = ("ZA12CAD0073010100142", "丹参注射液")
INPATIENT_DRUG = ("XB05BAF152B002010100273", "复方氨基酸注射液(18AA-Ⅱ)")
COURSE_DRUG = ("XN07XXT050B002010100239", "天麻素注射液")
NARCOTIC = ("XN02AAQ033A010010100978", "盐酸羟考酮缓释片")
BED = ("001109000010000", "普通病房床位费")
HBA1C = ("002503020030000", "糖化血红蛋白测定")

CHILD_ONLY = "GZ10000301002000"
WOMEN_ONLY = "GZ10000301004000"
PER_DAY = "GZ10000102014000"
PER_PERIOD = "NHSA2025-31"
CARE_MODE = "NHSA2025-13"
LEVEL = "GZ10000101012000"
COURSE = "GZ10000101010000"

_serial = itertools.count(1)


def new_patient():
    """Return a patient id that no other test has."""
    return f"T{uuid.uuid4().hex[:16]}"


def order(item, **fields):
    """Return one order line; `_` leaves a field out."""
    code, name = item
    line = {
        "rx_id": f"RX{next(_serial)}",
        "rxno": "CF1",
        "long_drord_flag": "0",
        "hilist_type": "201" if code[:1].isdigit() else "101",
        "chrg_type": "09",
        "drord_bhvr": "0",
        "hilist_code": code,
        "hilist_name": name,
        "hilist_lv": "02",
        "hosplist_code": "L1",
        "hosplist_name": name,
        "cnt": "1",
        "pric": "10.0000",
        "sumamt": "10.00",
        "ownpay_amt": "0.00",
        "selfpay_amt": "0.00",
        "drord_begn_date": "2026-07-08 09:00:00",
        "drord_stop_date": "",
        "curr_drord_flag": "1",
        **fields,
    }
    return {name: value for name, value in line.items() if value != "_"}


def encounter(orders, **fields):
    return {
        "mdtrt_id": "E1",
        "medins_id": "H00000000009",
        "medins_lv": "02",
        "adm_date": "2026-07-08 08:00:00",
        "dscg_date": "",
        "fsi_diagnose_dtos": [{"dise_codg": "J06.900", "dise_name": "急性上呼吸道感染", "maindise_flag": "1"}],
        "med_mdtrt_type": "1",
        "med_type": "11",
        "insutype": "310",
        "matn_stas": "0",
        "fsi_order_dtos": orders,
        "fsi_operation_dtos": None,
        **fields,
    }


def message(orders, *, patient=None, visit=None, data=None, head=None, past=()):
    """Return a 3101 message of a man of 45 with one outpatient encounter; the arguments change parts of it."""
    return {
        "infno": "3101",
        "msgid": f"H00000000009{next(_serial):018d}",
        "inf_time": "2026-07-08 09:12:30",
        "fixmedins_code": "H00000000009",
        **(head or {}),
        "input": {
            "data": {
                "patient_dtos": {
                    "patn_id": new_patient(),
                    "patn_name": "甲某",
                    "gend": "1",
                    "brdy": "1981-06-30",
                    "curr_mdtrt_id": "E1",
                    "fsi_encounter_dtos": [encounter(orders, **(visit or {})), *past],
                    **(patient or {}),
                },
                "trig_scen": "2",
                **(data or {}),
            }
        },
    }


def data_of(document):
    return document["input"]["data"]


def patient_of(document):
    patient = data_of(document)["patient_dtos"]
    return patient[0] if isinstance(patient, list) else patient


def visit_of(document):
    visits = patient_of(document)["fsi_encounter_dtos"]
    return visits[0] if isinstance(visits, list) else visits


def orders_of(document):
    return visit_of(document)["fsi_order_dtos"]


def settlement(document, scene="6"):
    """Return the message as it is sent at settlement, which commits its lines."""
    copied = copy.deepcopy(document)
    copied["infno"] = "3102"
    data_of(copied)["trig_scen"] = scene
    return copied


def camel(name):
    name = name.removeprefix("fsi_") if name.endswith("_dtos") and name.startswith("fsi_") else name
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def camel_case(value):
    """Return a message with every key in camel case, and the containers under their short names."""
    if isinstance(value, dict):
        return {camel(name): camel_case(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [camel_case(inner) for inner in value]
    return value


def ext_of(answer):
    return answer["output"]["ext"]


def rules(answer):
    """Return the official codes of the findings, sorted."""
    return sorted(result["rule_id"] for result in answer["output"]["result"])


def found(answer):
    """Return the findings as {(rule, lines): amount}; the lines as `rx_id V` (violating) or `rx_id R` (related)."""
    table = {}
    for result in answer["output"]["result"]:
        roles = {"1": "V", "2": "R"}
        lines = tuple(f"{d['rx_id']} {roles[d['vola_item_type']]}" for d in result["judge_result_detail_dtos"])
        key = (result["rule_id"], tuple(sorted(lines)))
        assert key not in table, f"twice: {key}"
        table[key] = f"{result['vola_amt']:.2f}" if result["vola_amt_stas"] == "1" else None
    return table


def hinted(answer):
    """Return the hints as a sorted list of (line, missing fields); a line by its item's name."""
    return sorted((hint["hilist_name"], tuple(hint["missing"])) for hint in ext_of(answer)["hints"])


def gaps(answer):
    """Return what was not evaluated as a sorted list of (reason, rx_id, item's name)."""
    return sorted(
        (gap["reason"], gap.get("rx_id", ""), gap.get("hilist_name", "")) for gap in ext_of(answer)["not_evaluated"]
    )


def summary(answer):
    """Return everything that an answer says of a message, without what changes from call to call."""
    ext = ext_of(answer)
    return {
        "verdict": ext["verdict"],
        "completeness": ext["completeness"],
        "found": found(answer),
        "hints": hinted(answer),
        "gaps": gaps(answer),
    }


def without_places(value):
    """Return a JSON value without the places of lines and without what changes from call to call."""
    dropped = (
        "position",
        "check_id",
        "inf_refmsgid",
        "refmsg_time",
        "respond_time",
        "history_position",
        "history_changed_at",
    )
    if isinstance(value, dict):
        return {name: without_places(inner) for name, inner in value.items() if name not in dropped}
    if isinstance(value, list):
        return [without_places(inner) for inner in value]
    return value


def encoded(document, encoding="utf-8"):
    return json.dumps(document, ensure_ascii=False).encode(encoding)
