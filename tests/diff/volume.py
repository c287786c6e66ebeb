"""Seeded claims about a pack's own rows, with facts on or beside every limit that the rows name."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.diff.oracle import Claim, LineDict, Row
from tests.diff.strategies import FACILITIES, MODES, PAYERS, TRIGGERS, VISITS

TODAY = date(2026, 6, 15)
BESIDE = (
    timedelta(0),
    timedelta(minutes=59, seconds=59),
    timedelta(hours=1),
    timedelta(hours=5, minutes=59, seconds=59),
    timedelta(hours=6),
    timedelta(days=1),
)


class Volume:
    """Draws claims. Every rule is drawn equally often, whatever its number of rows."""

    def __init__(self, rows: list[Row], seed: int) -> None:
        self.random = Random(seed)
        self.rows = rows
        by_rule: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_rule[row.rule["id"]].append(row)
        self.rules = list(by_rule.values())
        self.by_group: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row.template == "T37":
                self.by_group[row.cells["surgery_group"]].append(row)

    def claims(self, count: int) -> Iterator[Claim]:
        for _ in range(count):
            yield self.claim()

    def claim(self) -> Claim:
        rng = self.random
        anchors = [rng.choice(rng.choice(self.rules)) for _ in range(rng.choice((1, 1, 2, 3)))]
        day = self._day(anchors[0])
        lines = [line for row in anchors for line in self._lines(row, day)]
        rng.shuffle(lines)
        current = [line for line in lines if line["encounter_id"] == "E1" and rng.random() < 0.7]
        history = [line for line in lines if all(line is not other for other in current)]
        for number, line in enumerate((*current, *history), 1):
            line["position"] = number
            line["tag"] = f"{'c' if number <= len(current) else 'h'}{number}"
        return {
            "time": rng.choice((None, datetime.combine(day, time(10)))),
            "triggers": rng.sample(TRIGGERS, rng.choice((1, 1, 2))),
            "patient": {
                "id": rng.choice(("p",) * 9 + ("",)),
                "sex": rng.choice(("male", "female", "male", "female", None)),
                "birth_date": self._birth_date(anchors, day),
            },
            "encounter": self._encounter(),
            "lines": current,
            "history": history,
        }

    def _day(self, row: Row) -> date:
        """On, just before or just after a day on which the row comes into force or goes out of it; or in 2026."""
        edges = [date.fromisoformat(row.cells[name]) for name in ("valid_from", "valid_to") if row.cells.get(name)]
        if edges and self.random.random() < 0.5:
            return self.random.choice(edges) + timedelta(days=self.random.choice((-1, 0, 1)))
        return TODAY + timedelta(days=self.random.randrange(-30, 30))

    def _birth_date(self, anchors: list[Row], day: date) -> date | None:
        rng = self.random
        if rng.random() < 0.05:
            return None
        bounds = [anchor.cells.get(name) for anchor in anchors for name in ("min_age_years", "max_age_years")]
        years = rng.choice([18, 18, 5, 60, *(int(bound) + more for bound in bounds if bound for more in (0, 1))])
        return day.replace(year=day.year - years, day=min(day.day, 28)) + timedelta(days=rng.choice((-1, 0, 1)))

    def _encounter(self) -> dict[str, Any]:
        rng = self.random
        modes = [rng.choice(MODES)] if rng.random() < 0.7 else rng.sample(MODES, rng.choice((0, 2, 3)))
        return {
            "id": "E1",
            "facility_id": "F1",
            "facility_level": rng.choice((None, "primary", "secondary", "tertiary")),
            "care_modes": modes,
            "visit_kind": rng.choice((None, "outpatient", "inpatient", *VISITS)),
            "payer": rng.choice((None, "employee", "resident", *PAYERS)),
            "internet": rng.choice((None, True, False)),
        }

    def _lines(self, row: Row, day: date) -> list[LineDict]:
        """The lines that put a row to the test."""
        rng = self.random
        cells = row.cells
        if row.template == "T23":
            herbs = [self._line("", day, name=cells[side]) for side in ("herb_a", "herb_b")]
            return [{**herb, "item_kind": rng.choice(("herb_piece", "herb_granule") * 4 + (None,))} for herb in herbs]
        if row.template == "T35":
            main, sub = self._line(cells["main_code"], day), self._line(cells["sub_code"], day)
            if main["begin"] and sub["begin"]:
                main["begin"] = sub["begin"] + rng.choice(BESIDE) * rng.choice((1, -1))
            return [main, sub]
        if row.template == "T37":
            return [
                self._line(other.cells["item_code"], day)
                for other in (row, *rng.choices(self.by_group[cells["surgery_group"]], k=rng.choice((0, 1, 2))))
            ]
        if row.template == "T10":
            listed = rng.choices(next(rows for rows in self.rules if row in rows), k=rng.choice((0, 1, 2)))
            herbs = [self._line(other.cells["item_code"], day) for other in (row, *listed)]
            if rng.random() < 0.2:
                herbs.append(self._line(rng.choice(("", "T-elsewhere")), day, name="水"))
            return [{**herb, "item_kind": rng.choice(("herb_piece",) * 8 + (None, "drug"))} for herb in herbs]
        if row.template == "T31":
            return self._course(cells["item_code"], int(cells["max_days"]), day)
        if row.template == "T32":
            return self._quantities(row, day)
        code = rng.choice(row.codes())
        return [self._line(code, day + timedelta(days=-number)) for number in range(rng.choice((1, 1, 2)))]

    def _course(self, code: str, most: int, day: date) -> list[LineDict]:
        """One line, or several in a row that may overlap, reaching just to the limit or a day beyond it."""
        rng = self.random
        left = most + rng.choice((-1, 0, 1, 1))
        lines = []
        while left > 0:
            days = left if len(lines) == 2 else rng.randint(1, left)
            left -= days
            line = self._line(code, day)
            line["days"] = rng.choice((days, days, None))
            if line["begin"] and line["days"] is None and rng.random() < 0.7:
                line["end"] = line["begin"] + timedelta(days=days - 1)
            lines.append(line)
            day += timedelta(days=rng.choice((days, days, days - 1)))
        return lines

    def _quantities(self, row: Row, day: date) -> list[LineDict]:
        """Quantities that add up to the limit or just beyond it, on the day or as far away as the period reaches."""
        rng = self.random
        limit = Decimal(row.cells["max_qty"])
        period = int(row.cells.get("period_days") or 1)
        total = limit + rng.choice((0, 0, 1, Decimal("0.5")))
        lines = []
        while total > 0:
            line = self._line(row.cells["item_code"], day)
            line["quantity"] = total if len(lines) == 2 else min(total, limit, Decimal(rng.choice((1, 2, 12, 24))))
            total -= line["quantity"]
            if rng.random() < 0.1:
                line["quantity"] = None
            if line["begin"] and rng.random() < 0.2:
                line["end"] = line["begin"] + timedelta(days=rng.choice((1, 2)))
            lines.append(line)
            if rng.random() < 0.7:
                day -= timedelta(days=rng.choice((0, 1, period - 1, period)))
        return lines

    def _line(self, code: str, day: date, name: str = "") -> LineDict:
        rng = self.random
        rare = rng.random()
        encounter = rng.choice(("E1",) * 18 + ("E2", "E3"))
        at = time(rng.choice((0, 8, 9, 23)), rng.choice((0, 30, 59)), rng.choice((0, 59)))
        return {
            "order_id": rng.choice(("", "rx1", "rx2", f"rx{rng.randrange(9)}")),
            "prescription_id": rng.choice(("P1",) * 6 + ("", "P2")),
            "item_code": "" if rare < 0.02 else code,
            "item_name": name if rng.random() < 0.8 else "院内名",
            "local_name": name,
            "item_kind": None if 0.02 < rare < 0.04 else rng.choice(("drug", "service", "herb_piece")),
            "quantity": None if 0.04 < rare < 0.06 else Decimal(-1 if 0.06 < rare < 0.1 else 1),
            "price": rng.choice((None, Decimal("12.3456"), Decimal(40))),
            "amount": rng.choice((None, Decimal("88.88"))),
            "begin": None if 0.1 < rare < 0.12 else datetime.combine(day, at),
            "end": None,
            "days": None,
            "self_pay": 0.12 < rare < 0.15,
            "encounter_id": encounter,
            "facility_id": FACILITIES[encounter],
        }
