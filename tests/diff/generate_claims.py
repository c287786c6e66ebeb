"""Small random claims about the items, codes and days of `generate_rows`, leaning towards what one template asks."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.diff.generate_rows import CODES, DAY, DEPARTMENTS, DIAGNOSES, HERBS, NATIONAL, OPERATIONS, ROUTES, TRIGGERS
from tests.diff.oracle_world import MODE_OF, PAYER_OF

TIMES = (time(0), time(8), time(9), time(9, 59, 59), time(10), time(15), time(16), time(23, 59, 59))
NEAR = (0, 0, 0, 0, 0, 1, 2, -1, -1, -2, -3)
FAR = (-6, -7, -8, -14, -27, -28, -30, -31, -59, -200, -365, -399, -400, -401)
FACILITIES = {"E1": "F1", "E2": "F1", "E3": "F2"}
VISITS = ("outpatient", "inpatient", "day_surgery", "maternity_outpatient", "maternity_inpatient", "chronic_outpatient")
MODES = tuple(MODE_OF.values())
DRUGS: dict[str, dict[str, Any]] = {
    "A": {"item_name": "甲素片", "ingredients": [{"name": "甲素"}], "classes": ["J01DD04"]},
    "B": {"item_name": "乙素注射剂", "ingredients": [{"name": "乙素"}], "classes": ["J01CA04"]},
    "C": {"item_name": "丙素片", "ingredients": [{"name": "盐酸丙素"}], "classes": ["N02BE01", "院内类"]},
    "D": {
        "item_name": "复方",
        "ingredients": [
            {"name": "甲素", "amount": Decimal(250), "unit": "mg"},
            {"name": "乙素钠", "amount": Decimal("0.5"), "unit": "g"},
        ],
    },
    "S": {"item_name": "盐水", "ingredients": [{"name": "氯化钠"}], "volume_ml": Decimal(100)},
    "G": {"item_name": "糖盐水", "ingredients": [{"name": "氯化钠"}, {"name": "葡萄糖"}], "volume_ml": Decimal(250)},
    "K": {"item_name": "培养", "item_kind": "service"},
    NATIONAL: {"item_name": "注射用头孢曲松钠"},
}
CHILD_PUGH = (
    *({"value": Decimal(points)} for points in (5, 6, 7, 9, 10, 16)),
    *({"text": text} for text in ("A级", "C", "轻度")),
)
HERB_CODES = ("H1", "H2", "H3", "H4")
HERB_TEMPLATES = ("T10", "T23", "T26")
OF_VISITS = ("T39", "T40", "T41")
OPERATIONS_STATED = {  # how many a claim states, where a template reads them
    "T27": (0, 1, 1, 2),
    "T35": (0, 1, 1, 2),
    "T37": (0, 1, 2, 3, 3, 4),  # it decides only where as many are stated as charged
    "T43": (0, 1, 1, 2),
}
FEEDS = ("history", "diagnoses", "allergies", "observations", "approvals", "attestations")


class ClaimMaker:
    """Draws claims. `focus` is the template that they lean to."""

    def __init__(self, random: Random, focus: str) -> None:
        self.random = random
        self.focus = focus

    def one(self, *values: Any) -> Any:
        return self.random.choice(values)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def claim(self) -> dict[str, Any]:
        current = [self.line(current=True) for _ in range(self.one(0, 1, 1, 2, 2, 3, 4))]
        history = [self.line(current=False) for _ in range(self.one(0, 0, 1, 2, 3))]
        if current and self.chance(0.3):  # the same item again: a refund, a twin, an earlier one
            twin = {
                **self.one(*current),
                **self.one({}, {"quantity": Decimal(-1)}, {"begin": self.moment(), "begin_is_date": False}),
            }
            self.one(current, history, history).append(twin)
        for number, line in enumerate((*current, *history), 1):
            line["position"] = number
            line["tag"] = f"{'c' if number <= len(current) else 'h'}{number}"
            if line["encounter_id"] != "E1" and number <= len(current):
                line["encounter_id"], line["facility_id"] = "E1", "F1"
        patient, encounter = self.patient(), self.encounter()
        for line in current:
            line["facility_id"] = encounter["facility_id"]
        return {
            "time": self.one(None, datetime.combine(DAY, time(9, 30)), datetime.combine(DAY, time(9, 30))),
            "triggers": self.random.sample(TRIGGERS, self.one(1, 1, 2)),
            "patient": patient,
            "encounter": encounter,
            "lines": current,
            "history": history,
            "visits": self.visits(encounter),
            "practitioners": self.practitioners(),
            "site": self.site(),
        }

    def moment(self) -> datetime:
        if self.focus == "T37" and self.chance(0.6):  # charges of one day, on which there are operations
            return datetime.combine(DAY, self.one(*TIMES))
        return datetime.combine(DAY + timedelta(days=self.one(*NEAR, *self.random.sample(FAR, 2))), self.one(*TIMES))

    def site(self) -> dict[str, Any]:
        feeds = FEEDS if self.chance(0.45) else self.random.sample(FEEDS, self.one(0, 0, 1, 3))
        return {"insurance_year_begins": self.one((1, 1), (7, 1), (1, 28)), "complete_feeds": sorted(feeds)}

    def practitioners(self) -> list[dict[str, Any]]:
        if self.chance(0.15):
            return []
        days = (DAY - timedelta(days=1), DAY, DAY + timedelta(days=1), None, None)
        privileges = [
            {
                "code": self.one("antibiotic_special", "narcotic", "herb"),
                "valid_from": self.one(*days),
                "valid_to": self.one(*days),
            }
            for _ in range(self.one(0, 1, 1, 2))
        ]
        return [{"id": "D1", "title": self.one("", "主任医师", "医师"), "privileges": privileges}]

    # The patient.

    def patient(self) -> dict[str, Any]:
        years = self.one(0, 0, 1, 14, 15, 18, 18, 30, 30, 40, 40, 55, 56, 70)
        birth: date | None = DAY.replace(year=DAY.year - years) + timedelta(days=self.one(-1, 0, 0, 1, -3, -28, -29))
        if birth is not None and birth > DAY:
            birth = DAY - timedelta(days=self.one(0, 1, 3, 28))
        if self.chance(0.12):
            birth = None
        weeks = self.one(
            None, None, None, Decimal(13), Decimal("13.9"), Decimal(14), Decimal(27), Decimal(28), Decimal(45)
        )
        pregnancy = self.focus in ("T13", "T23") or self.chance(0.2)
        return {
            "id": self.one("p", "p", "p", "p", "p", "p", ""),
            "sex": self.one("male", "female", "female", None),
            "birth_date": birth,
            "birth_time": datetime.combine(birth, self.one(*TIMES)) if birth and self.chance(0.3) else None,
            "weight_kg": self.one(None, Decimal(3), Decimal(10), Decimal(49), Decimal(50), Decimal(60)),
            "height_cm": self.one(None, Decimal(50), Decimal(170)),
            "insured_region": self.one("", "370102", "370200"),
            "pregnancy_status": self.one(None, None, "pregnant", "lactating", "planning", "neither")
            if pregnancy
            else None,
            "pregnancy_start": DAY - timedelta(days=self.one(97, 98, 195, 196, 308, 309))
            if pregnancy and self.chance(0.3)
            else None,
            "gestational_weeks": weeks if pregnancy else None,
            "renal_function": self.one(None, None, None, "normal", "mild", "moderate", "severe", "dialysis"),
            "hepatic_function": self.one(None, None, "normal", "child_pugh_a", "child_pugh_c"),
            "allergies": [self.allergy() for _ in range(self.one(0, 1, 1, 2))]
            if self.focus == "T14" or self.chance(0.1)
            else [],
            "allergies_checked": self.one(None, True),
            "observations": self.observations(),
            "programs": [self.program() for _ in range(self.one(0, 0, 1, 2))],
            "programs_checked": self.one(None, True),
            "flags": self.one([], [], [], ["cancer_pain"], ["dialysis"]),
            "deceased": self.moment() if self.chance(0.4 if self.focus in ("T41", "T43") else 0.02) else None,
        }

    def allergy(self) -> dict[str, Any]:
        return {
            "substance": self.one("甲素", "乙素", "丙素", "名单一", "J01", "海水", "甲素过敏"),
            "code": self.one("", "", "A", "J01DD04"),
            "severity": self.one(None, "mild", "moderate", "severe"),
            "status": self.one("active", "active", "active", "inactive", "refuted"),
        }

    def observations(self) -> list[dict[str, Any]]:
        """No two of one time: which of two such results is the last, no page says."""
        drawn = [self.observation() for _ in range(self.one(0, 1, 1, 2, 3))]
        return list({one["time"]: one for one in drawn}.values())

    def observation(self) -> dict[str, Any]:
        kind, code, name = (
            self.one(
                ("laboratory", "LT1", ""),
                ("laboratory", "", "血钾"),
                ("laboratory", "2160-0", ""),
                ("laboratory", "33914-3", ""),
                ("screening", "", "Child-Pugh"),
                ("culture", "", "血培养"),
                ("skin_test", "", "皮试一"),
                ("skin_test", "", self.one("甲素皮试", "乙素")),
                ("consent", "", "同意"),
                ("consultation", "", "会诊"),
            )
            if not self.chance(0.5)
            else self.wanted_observation()
        )
        found: dict[str, Any] = {
            "kind": kind,
            "code": code,
            "name": name,
            "status": self.one("final", "final", "final", "ordered"),
        }
        found["time"] = None if self.chance(0.08) else self.moment()
        found["encounter_id"] = self.one("", "E1", "E2")
        if code in ("2160-0", "38483-4") or "肌酐" in name.removesuffix("清除率"):
            value, unit = self.one(("80", "umol/L"), ("150", "umol/L"), ("300", "umol/L"), ("1.7", "mg/dL"), ("0", ""))
            return {**found, "value": Decimal(value), "unit": self.one(unit, unit, unit, "")}
        if code in ("2164-2", "33914-3") or name in ("肌酐清除率", "eGFR"):
            return {
                **found,
                "value": self.one(None, *map(Decimal, ("29", "29.96", "30", "60", "95", "0"))),
                "unit": self.one("mL/min", "mL/min", "mL/min/1.73m2", "mL/min/1.73m2", ""),
            }
        if name == "Child-Pugh":
            return {**found, **self.one(*CHILD_PUGH)}
        if kind == "skin_test" or self.chance(0.3):
            return {**found, "text": self.one("阳性", "阴性", "阴性", "")}
        return {
            **found,
            "value": self.one(Decimal("5.5"), Decimal("5.4"), Decimal(3), Decimal("5.6"), None),
            "unit": self.one("mmol/L", "mmol/L", "umol/L", ""),
        }

    def wanted_observation(self) -> tuple[str, str, str]:
        if self.focus == "T17":
            return self.one(
                ("laboratory", "2160-0", ""),
                ("laboratory", *self.one(("2160-0", "肌酐"), ("38483-4", ""), ("CR", "血肌酐"), ("", "尿肌酐"))),
                ("laboratory", *self.one(("2164-2", ""), ("CCR", "肌酐清除率"))),
                ("laboratory", *self.one(("33914-3", ""), ("", "eGFR"), ("2951-2", "eGFR"))),
                ("screening", "", "Child-Pugh"),
            )
        if self.focus in ("T20", "T14"):
            return ("skin_test", "", self.one("皮试一", "甲素皮试", "乙素"))
        if self.focus == "T27":
            return ("culture", "", "血培养")
        return self.one(("laboratory", "LT1", ""), ("laboratory", "", "血钾"))

    def program(self) -> dict[str, Any]:
        days = (DAY - timedelta(days=1), DAY, DAY + timedelta(days=1), None, None)
        return {
            "code": self.one("M1", "M2", "M3"),
            "valid_from": self.one(*days),
            "valid_to": self.one(*days),
            "item_codes": self.one([], [], ["A"]),
        }

    # The encounter.

    def encounter(self) -> dict[str, Any]:
        modes = (
            [self.one(*MODES, "inpatient", "outpatient", "inpatient")]
            if self.chance(0.75)
            else self.random.sample(MODES, self.one(0, 2, 3))
        )
        if self.focus == "T09" and self.chance(0.5):
            modes = ["chronic_outpatient"]
        if self.focus in ("T40", "T42") and self.chance(0.6):
            modes = ["inpatient"]
        begin = self.one(
            None, *[datetime.combine(DAY + timedelta(days=one), self.one(*TIMES)) for one in (0, 0, -1, -3, -10)]
        )
        end = begin + timedelta(hours=self.one(0, 1, 2, 24, 48, 240)) if begin and self.chance(0.4) else None
        return {
            "id": "E1",
            "facility_id": self.one("F1", "F1", "F1", "F1", "") if self.focus in ("T40", "T41") else "F1",
            "facility_level": self.one(None, "primary", "secondary", "tertiary"),
            "care_modes": modes,
            "visit_kind": self.one(None, *VISITS),
            "payer": self.one(None, *PAYER_OF.values(), "employee", "employee", "resident"),
            "internet": self.one(None, True, False),
            "begin": begin,
            "end": end,
            "department_code": self.one("", *DEPARTMENTS),
            "practitioner_id": self.one("", "D1", "D1"),
            "facility_type": self.one("", "11", "12", "13"),
            "region": self.one("", "370102", "370103", "420000"),
            "out_of_region": self.one(None, None, True, False),
            "program_code": self.one("", "", "M1", "M2", "M3"),
            "long_prescription": self.one(None, True, False),
            "planned": self.one(None, None, False, True),
            "attestations": [self.attestation() for _ in range(self.one(0, 0, 1))],
            "counters": [self.counter() for _ in range(self.one(1, 2, 4))] if self.focus == "T33" else [],
            "diagnoses": [self.diagnosis() for _ in range(self.one(0, 1, 1, 2))],
            "operations": [self.operation() for _ in range(self.one(*OPERATIONS_STATED.get(self.focus, (0, 0, 1, 2))))],
        }

    def attestation(self) -> dict[str, Any]:
        kinds = (
            "consultation",
            "special_approval",
            "informed_consent",
            "patient_present",
            "long_prescription_reason",
            "first_line_intolerance",
        )
        return {
            "kind": self.one(*kinds),
            "order_ids": self.one([], [], ["o1"]),
            "time": self.one(None, None, self.moment()),
        }

    def counter(self) -> dict[str, Any]:
        subject, ids = self.one(("practitioner", ("D1",)), ("department", DEPARTMENTS), ("disease", DIAGNOSES))
        return {
            "subject": subject,
            "subject_id": self.one(*ids),
            "metric": "drug_cost",
            "period": self.one("month", "quarter", "year"),
            "value": self.one(Decimal(5), Decimal(10), Decimal(90), Decimal(100)),
            "at": self.one(None, DAY, DAY - timedelta(days=28), DAY - timedelta(days=27)),
        }

    def diagnosis(self) -> dict[str, Any]:
        return {
            "code": self.one(*DIAGNOSES, *DIAGNOSES, "j18", "i10.x00", ""),
            "name": self.one("", "", "", "疑似肺炎", "肺炎?"),
            "primary": self.one(None, None, True),
            "suspected": self.one(None, None, None, True, False),
            "recorded": self.one(None, self.moment()),
        }

    def operation(self) -> dict[str, Any]:
        if self.focus == "T37" and self.chance(0.7):  # most operations of a claim through the one incision
            return {"code": self.one(*OPERATIONS), "begin": datetime.combine(DAY, time(10)), "incision_id": "i"}
        begin = None if self.chance(0.15) else datetime.combine(DAY, time(10))
        if begin and self.chance(0.3):
            begin += timedelta(days=self.one(-1, 1, -3))
        return {
            "code": self.one(*OPERATIONS),
            "performed": self.one(None, datetime.combine(DAY, time(0))),
            "begin": begin,
            "end": begin + timedelta(hours=2) if begin and self.chance(0.8) else None,
            "incision_class": self.one(None, "I", "I", "III"),
            "incision_id": self.one("", "i", "i", "j"),
        }

    def visits(self, encounter: dict[str, Any]) -> list[dict[str, Any]]:
        if self.focus in OF_VISITS and self.chance(0.8):
            return [self.visit(number, encounter["begin"]) for number in range(self.one(1, 2, 3))]
        return [self.visit(number, None) for number in range(self.one(0, 0, 1, 2, 3))] if self.chance(0.6) else []

    def visit(self, number: int, after: datetime | None) -> dict[str, Any]:
        """One of the patient's other encounters; mostly one that ends soon before `after`, where that is given."""
        begin = None if self.chance(0.1) else self.moment()
        hours = self.one(1, 24, 48, 96)
        if begin and after and self.chance(0.7):
            begin = after - timedelta(hours=hours + self.one(-1, 0, 1, 25, 24 * 7, 24 * 8))
        return {
            "id": ("E2", "E3", "E4")[number],
            "facility_id": self.one("F1", "F2", "F1", ""),
            "care_modes": self.one(
                ["inpatient"],
                ["inpatient"],
                ["outpatient"],
                ["outpatient", "emergency"],
                [],
                ["inpatient", "outpatient"],
            ),
            "begin": begin,
            "end": begin + timedelta(hours=hours) if begin and self.chance(0.8) else None,
            "diagnoses": [self.diagnosis() for _ in range(self.one(0, 1, 2))],
        }

    # Lines.

    def line(self, *, current: bool) -> dict[str, Any]:
        encounter = "E1" if current else self.one("E1", "E1", "E2", "E3")
        herbs = self.focus in HERB_TEMPLATES and self.chance(0.9)
        begin = None if self.chance(0.04) else self.moment()
        line = {
            "order_id": self.one("o1", "o2", "o3", ""),
            "prescription_id": self.one("P1", "P1", "P1", "P2", ""),
            "group_id": self.one("g1", "g1", "g1", "g2", "") if self.focus == "T22" else self.one("g1", ""),
            "quantity": self.one(None, *map(Decimal, ("1", "1", "1", "2", "2", "3", "0.5", "-1", "-2", "0"))),
            "price": self.one(None, Decimal("3.335"), Decimal(10), Decimal("10.01"), Decimal(12), Decimal(5)),
            "amount": self.one(None, None, Decimal("7.77"), Decimal("20.00"), Decimal("30.03")),
            "begin": begin,
            "end": None,
            "days": self.one(None, None, None, 1, 2, 3, 7, 8, 0, 3661),
            "self_pay": self.chance(0.1),
            "long_term": self.one(None, None, None, True, False),
            "discharge_medication": self.one(None, None, None, False, True),
            "department_code": self.one("", "", *DEPARTMENTS),
            "practitioner_id": self.one("", "D1", "D1", "D2"),
            "practitioner_title": self.one("", "", "主任医师"),
            "charge_kind": self.one("", "09", "10"),
            "catalogue_price": self.one(
                None, Decimal(10), Decimal(12), *([Decimal(10)] * 4 if self.focus == "T37" else [])
            ),
            "encounter_id": encounter,
            "facility_id": FACILITIES[encounter],
        }
        if begin is not None and self.chance(0.12):  # a date alone
            line |= {"begin": datetime.combine(begin.date(), time(0)), "begin_is_date": True}
            begin = line["begin"]
        if begin is not None and self.chance(0.4):
            line["end"] = begin + timedelta(hours=self.one(0, 3, 24, 25, 48, 72, 168, -1, -24))
        return line | (self.herb() if herbs else self.drug())

    def herb(self) -> dict[str, Any]:
        name = self.one(*HERBS)
        if self.focus == "T23" and self.chance(0.25):
            name = self.one(f"{name}配方颗粒", f"{name}饮片", f"△{name}10g", f"{name}（炒）")
        return {
            "item_code": self.one(*HERB_CODES, *HERB_CODES, ""),
            "item_name": self.one(name, name, "", "丁草"),
            "local_name": self.one(name, name, ""),
            "item_kind": self.one(*["herb_piece"] * 7, "herb_granule", "drug", None),
            "dose": self.one(None, *[Decimal(one) for one in (2, 3, 9, 10, 10, 11, 20)]),
            "dose_unit": self.one("g", "g", "g", "g", "克", ""),
            "herb_doses": self.one(None, 3, 7, 8, 7),
            "route": self.one("口服", "口服", "外用", ""),
            "strength": self.one(None, Decimal(1), Decimal(10)),
            "strength_unit": "g",
        }

    def drug(self) -> dict[str, Any]:
        more = {"T22": ("S", "S", "G"), "T27": ("K",), "T37": ("A", "A", "A", "A", "A")}
        extra = more.get(self.focus, ("S",))
        code = self.one(*CODES, *CODES, *CODES, *extra, NATIONAL)
        dose_unit = self.one("mg", "mg", "mg", "片", "g", "")
        drug: dict[str, Any] = {
            "item_kind": self.one(*["drug"] * 9, "service", None),
            "dose": self.one(None, *map(Decimal, ("500", "500", "1000", "250", "501")))
            if dose_unit in ("mg", "")
            else self.one(*map(Decimal, ("1", "2", "0.5", "1"))),
            "dose_unit": dose_unit,
            "frequency": self.one("qd", "bid", "tid", "q8h", "qod", "st", "prn", "每日三次", "", "怪频次", "持续泵入"),
            "times_per_day": self.one(*[None] * 9, *map(Decimal, ("1", "3", "0.49"))),
            "route": self.one(*ROUTES, "口服", "静脉滴注", ""),
            "form": self.one("", "片剂", "注射剂"),
            "strength": self.one(None, Decimal(250), Decimal(500), Decimal(500)),
            "strength_unit": "mg",
            "pack_size": self.one(None, Decimal(6), Decimal(12), Decimal(7)),
            "infusion_rate": self.one(None, *map(Decimal, ("60", "61", "1", "2"))),
            "infusion_rate_unit": self.one("mL/h", "mL/min", "滴/分"),
            "purpose": self.one(None, "treatment", "prophylaxis", "prophylaxis"),
            "skin_test": self.one(None, None, None, "negative", "positive", "ordered", "exempt")
            if self.focus in ("T14", "T20")
            else None,
            "emergency_use": self.one(None, None, True, False),
            **DRUGS[code],
            "item_code": "" if self.chance(0.06) else code,
        }
        if self.focus == "T27" and self.chance(0.8):
            minutes = self.one(-30, -60, -45, -29, -61, 0, 5, 24 * 60, -2000)
            drug["given"] = datetime.combine(DAY, time(10)) + timedelta(minutes=minutes)
        if self.chance(0.08) and not drug["skin_test"]:
            drug.pop("ingredients", None)
        if self.chance(0.05):
            drug.pop("classes", None)
        return drug
