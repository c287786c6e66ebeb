"""What a popup is shown in tests and pictures: documents, and the real product's answers to them."""

import csv
import json
from dataclasses import dataclass

from tests.web.messages import WOMEN_DRUG
from tests.web.product import ROOT

PACKS = [ROOT / "ruleset" / "packs" / name for name in ("nhsa", "safety-cn")]
SAMPLES = ROOT / "docs" / "samples"
NOT_EVALUATED = -107
COMPLETE, PARTIAL, NONE = 1, 2, 3
STALE = 0x100
NATIONAL = ("warn", "block")


@dataclass(frozen=True)
class Scene:
    """An answer, and what pck_check() returns with it."""

    name: str
    answer: bytes
    result: int

    @property
    def national(self):
        return self.name in NATIONAL

    @property
    def value(self):
        return json.loads(self.answer)

    @property
    def head(self):
        """What says verdict, completeness and what to show."""
        return self.value["output"]["ext"] if self.national else self.value

    @property
    def finding_ids(self):
        """The ids of all findings, in the order in which they are shown."""
        return [one for entry in self.head["display"]["findings"] for one in entry["finding_ids"]]

    def changed(self, change, result=None):
        """Return the scene with its answer changed by a function."""
        value = self.value
        change(value)
        answer = json.dumps(value, ensure_ascii=False).encode()
        return Scene(self.name, answer, self.result if result is None else result)


def result_of(answer):
    """Return what pck_check() would return with an answer."""
    head = answer["output"]["ext"] if "output" in answer else answer
    if head["completeness"] == "NONE":
        return NOT_EVALUATED
    return ("PASS", "WARN", "BLOCK").index(head["verdict"])


SERTRALINE = "XN06ABS078A001010100000"
SELEGILINE = "XN04BDS072A001010100000"
DOCTOR = {"id": "D1", "name": "王医生", "privileges": [{"code": "antibiotic_restricted"}]}


def drug(order_id, name, substance, item_code=SERTRALINE, **fields):
    """Return an order line of a drug. The code has the national shape; what is in the drug is stated."""
    return {
        "order_id": order_id,
        "item_code": item_code,
        "item_name": name,
        "item_kind": "drug",
        "quantity": 1,
        "price": "32.50",
        "amount": "32.50",
        "route": "口服",
        "days": 7,
        "ingredients": [{"name": substance}],
        "classes": ["L"],
        **fields,
    }


EXAMINATION = ("001102000050000", "住院诊查费")


def service(order_id, item_code, name):
    return {
        "order_id": order_id,
        "item_code": item_code,
        "item_name": name,
        "item_kind": "service",
        "quantity": 1,
        "price": "20.00",
        "amount": "20.00",
    }


def document(lines, *, patient=None, encounter=None, **fields):
    """Return our own JSON document of an adult outpatient with these lines."""
    return {
        "message_id": "M1",
        "time": "2026-07-06T09:10:00",
        "triggers": ["charging"],
        "patient": {
            "id": "示例患者",
            "sex": "male",
            "birth_date": "1976-03-01",
            "allergies_checked": True,
            "pregnancy_status": "neither",
            **(patient or {}),
        },
        "encounter": {
            "id": "MZ1",
            "facility_id": "H00000000001",
            "facility_level": "tertiary",
            "care_modes": ["outpatient"],
            "visit_kind": "outpatient",
            "payer": "employee",
            "internet": False,
            "practitioner_id": "D1",
            "diagnoses": [{"code": "J18.900", "name": "肺炎", "primary": True}],
            "lines": lines,
            **(encounter or {}),
        },
        "practitioners": [DOCTOR],
        **fields,
    }


TIGECYCLINE = {"ingredients": [{"name": "替加环素"}], "classes": ["antibiotic_special"], "emergency_use": True}


def _long():
    """Return a document with so many findings and gaps that nothing fits on a screen."""
    with (ROOT / "ruleset" / "packs" / "nhsa" / "rows" / "drug-child-only.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not row["valid_to"]]
    names = {row["item_name"]: row["item_code"] for row in rows}
    children = [
        {"order_id": f"CF2-{number}", "item_code": code, "item_name": name, "item_kind": "drug", "quantity": 1,
         "price": "12.30", "amount": "12.30"}
        for number, (name, code) in enumerate(list(names.items())[:45], 1)
    ]  # fmt: skip
    unknown = [
        {"order_id": f"CF3-{number}", "item_name": f"院内制剂{number}号", "item_kind": "drug", "quantity": 1}
        for number in range(1, 31)
    ]
    pairs = [
        ("盐酸舍曲林片", "舍曲林"),
        ("盐酸司来吉兰片", "司来吉兰"),
        ("盐酸曲马多片", "曲马多"),
        ("辛伐他汀片", "辛伐他汀"),
        ("克拉霉素片", "克拉霉素"),
        ("盐酸替扎尼定片", "替扎尼定"),
        ("盐酸环丙沙星片", "环丙沙星"),
    ]
    interacting = [
        drug(f"CF1-{number}", name, substance, f"LOCAL-{number}", classes=["J01MA" if "沙星" in name else "L"])
        for number, (name, substance) in enumerate(pairs, 1)
    ]
    return document([*interacting, *children, *unknown])


DOCUMENTS = {
    "pass": document([service("CF1-1", *EXAMINATION)], triggers=["execution"]),
    "hint": document(
        [service("CF1-1", *EXAMINATION), service("CF1-2", *EXAMINATION)],
        encounter={"care_modes": ["inpatient"], "visit_kind": "inpatient", "begin": "2026-07-05T10:00:00"},
        triggers=["execution"],
    ),
    "partial": document(
        [service("CF1-1", *EXAMINATION), {"order_id": "CF1-2", "item_name": "院内合剂", "item_kind": "drug", "quantity": 1}],
        triggers=["execution"],
    ),
    "warn": json.loads((SAMPLES / "warn.json").read_text(encoding="utf-8")),
    "reason": document(
        [
            drug("CF1-1", "盐酸舍曲林片", "舍曲林"),
            drug("CF1-2", "盐酸司来吉兰片", "司来吉兰", SELEGILINE),
            {"order_id": "CF1-3", "item_code": WOMEN_DRUG[0], "item_name": WOMEN_DRUG[1], "item_kind": "drug",
             "quantity": 1, "price": "28.50", "amount": "28.50", "days": 7, "route": "阴道给药"},
        ]
    ),
    "review": document(
        [drug("CF1-1", "注射用替加环素", "替加环素", **TIGECYCLINE, begin="2026-07-06T08:00:00", end="2026-07-07T08:01:00")],
        encounter={
            "care_modes": ["inpatient"],
            "visit_kind": "inpatient",
            "begin": "2026-07-05T10:00:00",
            "attestations": [{"kind": "consultation", "by": "感染科"}],
        },
    ),
    "block": json.loads((SAMPLES / "block.json").read_text(encoding="utf-8")),
    "none": document([]),
    "long": _long(),
}  # fmt: skip
