"""Small random packs and claims over the same few codes, names and days, so that everything collides."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

DAY = date(2026, 1, 28)
CODES = ("A", "B", "C")
NAMES = ("甲", "乙", "丙")
TIMES = (time(0), time(9), time(9, 59, 59), time(10), time(14, 59, 59), time(15), time(23, 59, 59))
PAYERS = ("employee", "maternity", "work_injury")
VISITS = ("outpatient", "inpatient", "maternity_outpatient", "maternity_inpatient", "family_planning")
MODES = ("outpatient", "emergency", "chronic_outpatient", "inpatient", "pharmacy", "other")
TRIGGERS = ("registration", "charging", "settlement", "other")
ACTIONS = ("HINT", "WARN", "WARN_REASON", "REVIEW", "BLOCK")


def one_of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def rarely(value: Any, otherwise: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from((False,) * 7 + (True,)).flatmap(lambda rare: st.just(value) if rare else otherwise)


CODE = one_of(*CODES)
ITEM = {"item_code": CODE, "item_name": st.just("药")}
FACILITIES = {"E1": "F1", "E2": "F1", "E3": "F2"}

CELLS: dict[str, dict[str, st.SearchStrategy[str]]] = {
    "T01": {**ITEM, "allowed_insurance": one_of("工伤", "生育")},
    "T02": {
        **ITEM,
        "min_level": one_of("二级", "三级"),
        "condition": one_of("", "", "first_prescription_only", "or_level2_eye_hospital"),
    },
    "T03": {**ITEM, "allowed_modes": one_of("住院", "急诊|住院", "门诊"), "forbidden_modes": st.just("")},
    "T03 internet": {**ITEM, "forbidden_modes": st.just("互联网")},
    "T06": {**ITEM, "sex": one_of("男", "女")},
    "T07": {
        **ITEM,
        "object": st.just("儿童"),
        "min_age_years": one_of("", "1", "3"),
        "max_age_years": one_of("", "3", "14"),
        "adult_from_years": one_of("18", "18", "12"),
    },
    "T08": {"row_ref": one_of("KP-1", "KP-2"), "item_name": st.just("药"), "item_codes": one_of("A", "A|B", "B|C")},
    "T10": {**ITEM, "not_paid": one_of("never", "alone", "alone")},
    "T23": {"herb_a": one_of("甲", "乙"), "herb_b": st.just("丙")},
    "T31": {**ITEM, "max_days": one_of("1", "2", "3", "4")},
    "T32": {
        **ITEM,
        "max_qty": one_of("1", "2", "0.5"),
        "unit": one_of("", "日", "小时"),
        "period_days": one_of("", "", "1", "2", "3"),
    },
    "T34": ITEM,
    "T35": {
        "main_code": CODE,
        "main_name": st.just("主"),
        "sub_code": CODE,
        "sub_name": st.just("次"),
        "window": one_of("单日", "单次就诊", "6小时", "同一小时"),
    },
    "T37": {**ITEM, "surgery_group": one_of("g", "h")},
}


def day(offset: int) -> str:
    return (DAY + timedelta(days=offset)).isoformat()


VALIDITY = st.tuples(
    st.one_of(st.just(""), one_of(day(-1), day(0), day(1))),
    st.one_of(st.just(""), one_of(day(0), day(1), day(2))),
).filter(lambda pair: not all(pair) or pair[0] < pair[1])


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """One rule with its rows. A raw rule is a hint by itself; its `action_at` must not raise it."""
    form = draw(st.sampled_from(list(CELLS)))
    raw = form == "T08" or draw(st.integers(0, 5)) == 5
    rule = {
        "template": form[:3],
        "kind": draw(one_of("safety", "legal") if form == "T23" else one_of("payment", "payment", "safety", "legal")),
        "curation": "raw" if raw else "official",
        "action": "HINT" if raw else draw(one_of(*ACTIONS)),
        "action_at": draw(st.one_of(st.just({}), st.dictionaries(one_of(*TRIGGERS), one_of(*ACTIONS), max_size=2))),
        "exempt_payers": draw(one_of([], [], ["work_injury"], ["work_injury", "maternity"])),
    }
    rows: list[dict[str, str]] = []
    for cells, (start, end) in draw(
        st.lists(st.tuples(st.fixed_dictionaries(CELLS[form]), VALIDITY), min_size=1, max_size=4)
    ):
        row = {**cells, "valid_from": start, "valid_to": end}
        if row.get("main_code") is not None and row["main_code"] == row["sub_code"]:
            row["sub_code"] = "C" if row["main_code"] != "C" else "A"
        if not any(_says_the_same(row, other) for other in rows):
            rows.append(row)
    return {**rule, "rows": rows}


def _says_the_same(one: dict[str, str], other: dict[str, str]) -> bool:
    """Rows of one rule with equal cells and common days, which the compiler refuses."""
    dates = ("valid_from", "valid_to")
    return (
        all(one[name] == other[name] for name in one if name not in dates)
        and (one["valid_from"] or "0") < (other["valid_to"] or "9")
        and (other["valid_from"] or "0") < (one["valid_to"] or "9")
    )


packs = st.lists(rules(), min_size=1, max_size=6)


@st.composite
def lines(draw: st.DrawFn, *, current: bool) -> dict[str, Any]:
    begin = draw(
        rarely(None, st.builds(datetime.combine, st.sampled_from(DAYS), st.sampled_from(TIMES)))  # a day and a time
    )
    line = {
        "order_id": draw(one_of("o1", "o2", "")),
        "prescription_id": draw(one_of("P1", "P1", "P2", "")),
        "item_code": draw(rarely("", CODE)),
        "item_name": draw(one_of(*NAMES, "", "丁")),
        "local_name": draw(one_of(*NAMES, "")),
        "item_kind": draw(one_of("drug", "service", "herb_piece", "herb_piece", "herb_piece", "herb_granule", None)),
        "quantity": draw(rarely(None, one_of(*map(Decimal, ("1", "1", "2", "3", "0.5", "-1", "0"))))),
        "price": draw(one_of(None, Decimal("0.01"), Decimal("3.335"), Decimal(10))),
        "amount": draw(one_of(None, Decimal("7.77"))),
        "begin": begin,
        "end": None,
        "days": draw(one_of(None, None, None, 1, 2, 3, 0, 3661)),
        "self_pay": draw(rarely(True, st.just(False))),
        "encounter_id": "E1" if current else draw(one_of("E1", "E1", "E2", "E3")),
    }
    if begin is not None:
        hours = draw(one_of(None, None, None, 0, 3, 24, 48, 72, -1, -24))
        line["end"] = None if hours is None else begin + timedelta(hours=hours)
    return {**line, "facility_id": FACILITIES[line["encounter_id"]]}


DAYS = tuple(DAY + timedelta(days=offset) for offset in range(-3, 3))


@st.composite
def claims(draw: st.DrawFn) -> dict[str, Any]:
    current = draw(st.lists(lines(current=True), max_size=4))
    history = draw(st.lists(lines(current=False), max_size=4))
    if current and draw(st.integers(0, 2)) == 2:  # the same item at the same time again
        twin = {**draw(st.sampled_from(current)), **draw(st.sampled_from(({}, {"quantity": Decimal(1)})))}
        draw(st.sampled_from((current, history))).append(twin)
    for number, line in enumerate((*current, *history), 1):
        line["position"] = number
        line["tag"] = f"{'c' if number <= len(current) else 'h'}{number}"
    birth_days = [DAY.replace(year=DAY.year - years) + timedelta(days=near) for years in YEARS for near in (-1, 0, 1)]
    return {
        "time": draw(one_of(None, datetime.combine(DAY, time(9, 30)))),
        "triggers": draw(st.lists(one_of(*TRIGGERS), min_size=1, max_size=3)),
        "patient": {
            "id": draw(rarely("", st.just("p"))),
            "sex": draw(one_of("male", "female", None)),
            "birth_date": draw(rarely(None, st.sampled_from(birth_days))),
        },
        "encounter": {
            "id": "E1",
            "facility_id": "F1",
            "facility_level": draw(one_of(None, "primary", "secondary", "tertiary")),
            "care_modes": draw(
                st.one_of(st.lists(one_of(*MODES), max_size=3, unique=True), one_of(["inpatient"], ["outpatient"]))
            ),
            "visit_kind": draw(one_of(None, *VISITS)),
            "payer": draw(one_of(None, *PAYERS)),
            "internet": draw(one_of(None, True, False)),
        },
        "lines": current,
        "history": history,
    }


YEARS = (1, 2, 3, 4, 12, 14, 15, 18, 40)
