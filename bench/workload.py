"""Prescriptions to measure with: inpatients' orders and charges that hit rows of many templates of the starter pack.

Each has ten lines. Nine or eight of them are compliant, one or two violate, and every third draws a hint; which ones
is planned here, so that a measurement can assert what the answer must be. Patients have a history of daily orders of
the current stay and of earlier ones, of the same items and of others.
"""

import json
import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from ruleset.case import Case
from ruleset.pack.compile import LoadedPack
from ruleset.timeline import Timeline
from server.entrance.national import read_message
from server.profile import Profiles

NOW = datetime(2026, 7, 8, 9, 30)
STAY_DAYS = 5
PAST_DAYS = 720
PAST_GAP_DAYS = 40
"""Earlier stays ended this long ago: beyond every period of the pack's rows."""
FACILITY = "H00000000001"
OTHER_ITEMS = 50
LINES = 10
SEED = 20260708


class Item(NamedTuple):
    """An item of the catalogue."""

    code: str
    name: str
    kind: str = "101"


class Prescription(NamedTuple):
    """One message with what is known about its answer."""

    number: int
    patient_id: str
    sex: str
    message: bytes
    items: tuple[Item, ...]
    findings: int
    hints: int


class Catalogue:
    """Items by the rule that has a row in force for them, and no other rule has one."""

    def __init__(self, pack: LoadedPack) -> None:
        day = date(NOW.year, NOW.month, NOW.day).toordinal()
        rows = [row for row in map(pack.row, pack.file.all_rows()) if row.valid_from <= day < row.valid_to]
        rules_of: dict[str, set[str]] = {}
        for row in rows:
            for key in row.rule.template.keys(row.params):
                rules_of.setdefault(key, set()).add(row.rule.id)
        self._rows: dict[str, list[Any]] = {}
        for row in rows:
            if all(len(rules_of[key]) == 1 for key in row.rule.template.keys(row.params)):
                self._rows.setdefault(row.rule.id, []).append(row.params)

    def items(self, rule: str, kind: str = "101", **wanted: object) -> list[Item]:
        """Return the items of a rule whose rows have the wanted parameters."""
        return [Item(params.item_code, params.item_name, kind) for params in self._params(rule, wanted)]

    def exclusive_pairs(self) -> list[tuple[Item, Item]]:
        """Return sub and main items that are not charged on one day."""
        return [
            (Item(params.sub_code, params.sub_name, "201"), Item(params.main_code, params.main_name, "201"))
            for params in self._params("service-exclusive", {"window": "单日"})
            if params.sub_code != params.main_code
        ]

    def herbs_of_pairs(self) -> list[str]:
        """Return names of herbs that some pair forbids beside another."""
        return sorted({params.herb_a for params in self._params("herb-pair", {})})

    def _params(self, rule: str, wanted: dict[str, object]) -> list[Any]:
        return [
            params
            for params in self._rows.get(rule, ())
            if all(getattr(params, name) == value for name, value in wanted.items())
        ]


class Ward:
    """Patients, their prescriptions and their histories. The same seed gives the same ward."""

    def __init__(self, pack: LoadedPack, count: int) -> None:
        catalogue = Catalogue(pack)
        self._sex = {"男": catalogue.items("drug-sex", sex="男"), "女": catalogue.items("drug-sex", sex="女")}
        self._mode = catalogue.items("drug-care-mode", allowed_modes=("住院",))
        self._level = catalogue.items("drug-facility-level")
        self._course = catalogue.items("drug-course-days", max_days=14)
        self._narcotic = catalogue.items("internet-forbidden")
        self._second_line = catalogue.items("drug-second-line")
        self._per_day = catalogue.items("service-per-day", "201")
        self._period = catalogue.items("service-per-period", "201")
        self._exclusive = catalogue.exclusive_pairs()
        self._child = catalogue.items("drug-child-only")
        self._herb = catalogue.items("herb-not-paid-alone", "102")
        self._pair_herbs = catalogue.herbs_of_pairs()
        self._profiles = Profiles("", "default")
        self.prescriptions = [self._prescription(number) for number in range(count)]

    def _prescription(self, number: int) -> Prescription:
        pick = random.Random(SEED + number).choice
        sex = "男" if number % 2 else "女"
        violates_age = number % 2 == 0 or number % 4 == 3
        violates_exclusion = number % 2 == 1
        reminds = number % 3 == 0
        sub, main = pick(self._exclusive)
        items = (
            pick(self._sex[sex]),
            pick(self._mode),
            pick(self._level),
            pick(self._course),
            pick(self._second_line) if reminds else pick(self._narcotic),
            pick(self._child) if violates_age else pick(self._sex[sex]),
            sub,
            main if violates_exclusion else pick(self._per_day if number % 3 else self._period),
            pick(self._herb),
            Item("T000799999", pick(self._pair_herbs), "102"),
        )
        patient_id = f"B{number:07d}"
        orders = [order(item, f"RX{number}-{place}", NOW, number) for place, item in enumerate(items)]
        message = envelope(patient_id, sex, f"ZY{number}", number, orders)
        return Prescription(number, patient_id, sex, message, items, violates_age + violates_exclusion, int(reminds))

    def case(self, prescription: Prescription) -> Case:
        """Return the case of a prescription, as the national entrance reads it."""
        return read_message(json.loads(prescription.message), "3101", self._profiles).case

    def history_messages(self, prescription: Prescription, lines: int) -> list[bytes]:
        """Return messages whose current lines, committed, are the patient's history: this stay, then earlier ones."""
        random_ = random.Random(SEED * 3 + prescription.number)
        own = [*prescription.items[:5], *prescription.items[8:]]
        charges = [*own[:4], prescription.items[6]]
        others = [
            *random_.sample(self._sex[prescription.sex], OTHER_ITEMS // 2),
            *random_.sample(self._mode, OTHER_ITEMS // 2),
            *prescription.items,
        ]
        this_stay = [
            order(item, f"HN{day}-{place}", NOW - timedelta(days=day), prescription.number)
            for day in range(1, STAY_DAYS)
            for place, item in enumerate(charges)
        ][: lines // 5]
        earlier = [
            order(
                random_.choice(others),
                f"HP{number}",
                NOW - timedelta(days=PAST_GAP_DAYS + random_.randrange(PAST_DAYS), minutes=random_.randrange(300)),
                prescription.number,
            )
            for number in range(lines - len(this_stay))
        ]
        stays = [(f"ZY{prescription.number}", this_stay)]
        stays += [
            (f"ZP{prescription.number}-{start}", earlier[start : start + 400]) for start in range(0, len(earlier), 400)
        ]
        return [
            envelope(prescription.patient_id, prescription.sex, stay, prescription.number, orders)
            for stay, orders in stays
            if orders
        ]

    def timeline(self, prescription: Prescription, lines: int) -> Timeline:
        """Return the history as the server holds it in memory."""
        committed = [
            line
            for message in self.history_messages(prescription, lines)
            for line in read_message(json.loads(message), "3101", self._profiles).case.lines
        ]
        assert len(committed) == lines
        return Timeline(committed, position=lines)


def order(item: Item, rx_id: str, begin: datetime, number: int) -> dict[str, Any]:
    """Return one order as a HIS writes it: with all its fields, most of which no rule reads."""
    stop = begin + timedelta(days=3 if item.kind == "101" and begin == NOW else 0)
    return {
        "rx_id": rx_id,
        "rxno": f"RX{number}",
        "grpno": "",
        "long_drord_flag": "0",
        "hilist_type": item.kind,
        "chrg_type": "09",
        "drord_bhvr": "0",
        "hilist_code": item.code,
        "hilist_name": item.name,
        "hilist_dosform": "",
        "hilist_lv": "02",
        "hilist_pric": "11.50",
        "hosplist_code": f"L{item.code[-6:]}",
        "hosplist_name": item.name,
        "hosplist_dosform": "",
        "cnt": "1",
        "pric": "11.50",
        "sumamt": "11.50",
        "ownpay_amt": "0.00",
        "selfpay_amt": "0.00",
        "spec": "",
        "spec_unt": "",
        "drord_begn_date": f"{begin:%Y-%m-%d %H:%M:%S}",
        "drord_stop_date": f"{stop:%Y-%m-%d %H:%M:%S}" if stop > begin else "",
        "drord_dept_codg": "K01",
        "drord_dept_name": "示例科",
        "drord_dr_codg": "D0001",
        "drord_dr_name": "示例医师",
        "drord_dr_profttl": "3",
        "curr_drord_flag": "1",
    }


def envelope(patient_id: str, sex: str, stay: str, number: int, orders: Sequence[dict[str, Any]]) -> bytes:
    """Return a national 3101 message, charging scene, around orders of one stay."""
    document = {
        "infno": "3101",
        "msgid": f"{FACILITY}20260708093000{number:04d}",
        "mdtrtarea_admvs": "000000",
        "insuplc_admdvs": "000000",
        "recer_sys_code": "FSI",
        "infver": "V1.0",
        "opter_type": "1",
        "opter": "0001",
        "opter_name": "示例操作员",
        "inf_time": f"{NOW:%Y-%m-%d %H:%M:%S}",
        "fixmedins_code": FACILITY,
        "fixmedins_name": "示例医院",
        "sign_no": "",
        "input": {
            "data": {
                "syscode": "HIS",
                "patient_dtos": [
                    {
                        "patn_id": patient_id,
                        "patn_name": "示例患者",
                        "gend": "1" if sex == "男" else "2",
                        "brdy": "1968-03-14",
                        "poolarea": "000000",
                        "curr_mdtrt_id": stay,
                        "fsi_encounter_dtos": [_encounter(stay, orders)],
                        "fsi_his_data_dto": "",
                    }
                ],
                "rule_ids": None,
                "task_id": "",
                "trig_scen": "4",
            }
        },
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _encounter(stay: str, orders: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "mdtrt_id": stay,
        "medins_id": FACILITY,
        "medins_name": "示例医院",
        "medins_admdvs": "000000",
        "medins_type": "1",
        "medins_lv": "02",
        "wardarea_codg": "",
        "wardno": "",
        "bedno": "",
        "adm_date": "2026-07-03 09:00:00",
        "dscg_date": "",
        "dscg_main_dise_codg": "I50.900",
        "dscg_main_dise_name": "心力衰竭",
        "fsi_diagnose_dtos": [
            {
                "dise_id": "1",
                "inout_dise_type": "1",
                "maindise_flag": "1",
                "dias_srt_no": "1",
                "dise_codg": "I50.900",
                "dise_name": "心力衰竭",
                "dise_date": "2026-07-03 09:00:00",
            }
        ],
        "dr_codg": "D0001",
        "adm_dept_codg": "K01",
        "adm_dept_name": "示例科",
        "dscg_dept_codg": "K01",
        "dscg_dept_name": "示例科",
        "med_mdtrt_type": "2",
        "med_type": "21",
        "fsi_order_dtos": orders,
        "matn_stas": "0",
        "medfee_sumamt": "-",
        "ownpay_amt": "-",
        "selfpay_amt": "-",
        "acct_payamt": "",
        "ma_amt": "",
        "hifp_payamt": "",
        "setl_totlnum": "0",
        "insutype": "310",
        "reim_flag": "0",
        "out_setl_flag": "0",
        "fsi_operation_dtos": None,
    }
