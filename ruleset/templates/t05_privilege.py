"""T05 处方权: a doctor prescribes what they have been granted; emergencies and consultations by the law's own terms."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from math import ceil
from typing import Literal

from ruleset.case import Line, Practitioner
from ruleset.chart import Chart
from ruleset.concurrent_use import stands
from ruleset.drug import DRUG_KINDS
from ruleset.outcome import Judgement, Missing
from ruleset.supply import DAYS_OF_USE_MAX_DAYS, days_stated, is_single_dose, supply_days
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow
from ruleset.timeline import order_of

ONE_DAY = timedelta(days=1)
NO_TIME = timedelta(0)
LONGEST_USE = timedelta(days=DAYS_OF_USE_MAX_DAYS)
"""What a use without an end is reckoned as."""
SECONDS_PER_DAY = 86_400
EMERGENCY_HOURS = 24
"""抗菌药物临床应用管理办法 (卫生部令第84号) 第二十八条: the formalities of emergency use follow within 24 hours."""

PRIVILEGE_TEXT = {
    "narcotic": "麻醉药品处方权",
    "psychotropic_1": "第一类精神药品处方权",
    "toxic": "医疗用毒性药品处方权",
    "radioactive": "放射性药品处方权",
    "antibiotic_restricted": "限制使用级抗菌药物处方权",
    "antibiotic_special": "特殊使用级抗菌药物处方权",
    "oncology_ordinary": "普通使用级抗肿瘤药物处方权",
    "oncology_restricted": "限制使用级抗肿瘤药物处方权",
    "herb": "中药处方权",
}
"""The privileges that the fact model names, as a doctor reads them; a hospital's own code is shown as it stands."""


class Params(ItemRow, frozen=True, kw_only=True):
    """The items of a row, the state of affairs that it is about, and what that is measured by.

    `privileges`: any one of them, in force on the order's day, is enough. `emergency_hours`: for how long an emergency
    lasts, counted from the first line of the row's items in the encounter that claims one.

    `state` 无处方权: the doctor holds none of the privileges and no emergency is claimed. 紧急越级使用: holds none, an
    emergency is claimed (`emergency_use` of the line is true), and the use ends within the hours. 紧急越级超时: holds none,
    an emergency is claimed, and the use goes beyond the hours. 未会诊: nobody attested a consultation (`consultation`)
    for the line or the encounter, and no emergency is claimed; this one needs no `privileges`. Rows of different states
    of one item may ask for different actions.
    """

    state: Literal["无处方权", "紧急越级使用", "紧急越级超时", "未会诊"]
    privileges: tuple[str, ...] = ()
    emergency_hours: int = EMERGENCY_HOURS


class Privilege(Template):
    """TRUE when the state of the row is the case.

    The doctor is the line's, else the encounter's. UNKNOWN where nobody is named (`practitioner_id`), and where the
    hospital's dictionary has no such doctor (`privileges`); what the dictionary lists of a doctor is all they hold.
    A privilege is in force on both of its days; an empty day is without limit. An emergency that is not claimed is none.
    A refund takes back the latest charges before it of its item in its encounter.

    The use of a line ends at `end` (unless that is ten years on or before its beginning), else `days` (1 to 3,660) times
    24 hours after its beginning; else never where it is a long-term order of the current encounter (with no end before its beginning); else at its beginning
    where it is a single dose (st); else when its supply is used up (quantity x pack size over dose x times a day, in
    days of 24 hours); else it is not known. It ends within the hours when from the first claiming line of the row's
    items (a drug, not a refund, not taken back, of the same encounter, not later than the judged one, or that itself) to that end
    there are at most `emergency_hours`. Where its end is not known, it goes beyond the hours if it begins after them, else it
    is UNKNOWN (`days`). Where one of the two begins on a date without a time of day, the answer is given only if every
    time of that day gives it, else UNKNOWN (`begin`). A consultation that is not attested is UNKNOWN (`attestations`)
    unless the site vouches for that feed.
    """

    id = "T05"
    title = "处方权限"
    columns = Params
    row_name = ("subject", "state")
    needs = ("practitioner_id", "privileges", "emergency_use", "attestations", "begin", "days")
    evidence = ("outcome", "privilege", "practitioner")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject, an emergency some hours, and every state but 未会诊 a privilege."""
        yield from subject_problems(params)
        if params.state != "未会诊" and not params.privileges:
            yield f"`privileges` is empty: state {params.state} asks for one"
        if params.emergency_hours < 1:
            yield f"`emergency_hours` is {params.emergency_hours}, expected 1 or more"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the state of the row is the case; UNKNOWN without the doctor's privileges, or a feed of consultations."""
        emergency = bool(line.emergency_use)
        if emergency != params.state.startswith("紧急"):
            return FALSE
        if params.state == "未会诊":
            return _consultation(line, chart)
        practitioner = _practitioner(line, chart)
        if isinstance(practitioner, Missing):
            return (Judgement(missing=(practitioner,)),)
        assert line.begin is not None  # a line without a time is never judged
        if _holds(practitioner, params.privileges, line.begin.date()):
            return FALSE
        privilege = "或".join(PRIVILEGE_TEXT.get(code, code) for code in params.privileges)
        name = practitioner.name or practitioner.id
        evidence = {"outcome": f"{name}医师没有{privilege}", "privilege": privilege, "practitioner": name}
        if not emergency:
            return (Judgement(evidence=evidence),)
        return _emergency(params, line, chart, evidence)


def _practitioner(line: Line, chart: Chart) -> Practitioner | Missing:
    practitioner = chart.practitioner(line)
    if practitioner is not None:
        return practitioner
    identifier = chart.practitioner_id(line)
    if not identifier:
        return Missing("practitioner_id")
    return Missing("privileges", f"字典中没有医师“{identifier}”的处方权")


def _holds(practitioner: Practitioner, codes: Sequence[str], day: date) -> bool:
    return any(
        privilege.code in codes
        and (privilege.valid_from is None or privilege.valid_from <= day)
        and (privilege.valid_to is None or day <= privilege.valid_to)
        for privilege in practitioner.privileges
    )


def _consultation(line: Line, chart: Chart) -> Sequence[Judgement]:
    if chart.attested("consultation", line):
        return FALSE
    if not chart.is_complete("attestations"):
        return (Judgement(missing=(Missing("attestations", "没有会诊意见，如已会诊请补充会诊记录"),)),)
    return (Judgement(evidence={"outcome": "未见会诊意见", "privilege": "", "practitioner": ""}),)


def _emergency(params: Params, line: Line, chart: Chart, evidence: dict[str, str]) -> Sequence[Judgement]:
    """Judge a claimed emergency: within its hours, beyond them, or undecided for want of a time of day."""
    claims = sorted(
        (
            other
            for other in chart.earlier_about_in_encounter(params, line)
            if other.emergency_use and not other.is_refund and other.item_kind in DRUG_KINDS and stands(other, chart)
        ),
        key=order_of,
    )
    first = claims[0] if claims else line
    least, most = _hours_before(first, line)
    limit = timedelta(hours=params.emergency_hours)
    use = _length_of_use(line, chart)
    if use is None:
        if least <= limit:
            return (Judgement(missing=(Missing("days", "没有说明用多久，无法判断紧急使用是否超过时限"),)),)
        use = NO_TIME
    if least + use <= limit < most + use:
        return (Judgement(missing=(Missing("begin", "只有日期没有时刻，无法判断紧急使用是否超过时限"),)),)
    is_over = least + use > limit
    if is_over != (params.state == "紧急越级超时"):
        return FALSE
    over = f"，已超过{params.emergency_hours}小时" if is_over else f"，限{params.emergency_hours}小时之内"
    since = ""
    if claims:
        since = f"自{first.begin:%Y-%m-%d}" if first.begin_is_date else f"自{first.begin:%Y-%m-%d %H:%M}"
    nth = f"，本次为第{len(claims) + 1}次" if claims else ""
    outcome = f"{evidence['outcome']}，{since}紧急越级使用{nth}{over}"
    return (Judgement(evidence={**evidence, "outcome": outcome}, related=tuple(claims)),)


def _hours_before(first: Line, line: Line) -> tuple[timedelta, timedelta]:
    """Return the least and the greatest time from the beginning of `first` to the beginning of `line`."""
    assert first.begin is not None  # a line without a time is neither judged nor claims
    assert line.begin is not None
    if first is line:
        return NO_TIME, NO_TIME
    between = line.begin - first.begin
    least = between - ONE_DAY if first.begin_is_date else between
    most = between + ONE_DAY if line.begin_is_date else between
    return max(least, NO_TIME), most


def _length_of_use(line: Line, chart: Chart) -> timedelta | None:
    """Return from the beginning to the end of use of a line; None where it does not say."""
    assert line.begin is not None  # a line without a time is never judged
    if line.end is not None and NO_TIME <= line.end - line.begin < LONGEST_USE:
        return line.end - line.begin
    days = days_stated(line)
    if days is not None:
        return timedelta(days=days)
    is_cancelled = line.end is not None and line.end < line.begin
    if line.long_term and line.encounter_id == chart.case.encounter.id and not is_cancelled:
        return LONGEST_USE
    if is_single_dose(line):
        return NO_TIME
    supply = supply_days(line)
    if isinstance(supply, Missing) or not 0 < supply <= DAYS_OF_USE_MAX_DAYS:
        return None
    return timedelta(seconds=ceil(supply * SECONDS_PER_DAY))
