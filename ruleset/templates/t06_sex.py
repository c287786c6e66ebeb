"""T06 性别限定: the item, diagnosis or operation is for one sex."""

from collections.abc import Iterator, Sequence
from typing import Literal

from ruleset.case import Diagnosis, Line, Operation
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, diagnosis_key, operation_key, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow

SEX_OF = {"male": "男", "female": "女"}


class Params(ItemRow, frozen=True, kw_only=True):
    """What the row speaks of (items, or diagnoses, or operations: one of the three) and the sex that it is for.

    `diagnoses` and `operations` are prefixes of their codes, compared without dots and case.
    """

    diagnoses: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    sex: Literal["男", "女"]

    @property
    def about(self) -> str:
        """What the row speaks of, as it stands in the row's id."""
        return self.subject or "|".join(self.diagnoses or self.operations)


class SexLimit(Template):
    """TRUE when the patient's sex is known and is the other one; UNKNOWN (`sex`) when it is unknown.

    A diagnosis of the encounter is judged whether it is certain or only suspected: neither fits the other sex. Each
    diagnosis and each operation is a result of its own.
    """

    id = "T06"
    title = "性别限定"
    columns = Params
    row_name = ("about",)
    needs = ("sex",)
    evidence = ("limit_sex", "patient_sex")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue; by each prefix of a diagnosis or an operation."""
        return (
            *subject_keys(params),
            *(diagnosis_key(prefix) for prefix in params.diagnoses),
            *(operation_key(prefix) for prefix in params.operations),
        )

    def problems(self, params: Params) -> Iterator[str]:
        """A row speaks of items, of diagnoses, or of operations."""
        if params.diagnoses and params.operations:
            yield "`diagnoses` and `operations` are for two rows"
        if params.subject or not (params.diagnoses or params.operations):
            yield from subject_problems(params)
        if params.subject and (params.diagnoses or params.operations):
            yield f"the row speaks of `{params.subject}` and of diagnoses or operations: write two rows"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the patient's sex is known and is the other one."""
        sex = chart.case.patient.sex
        if sex is None:
            return (Judgement(missing=(Missing("sex"),)),)
        if SEX_OF[sex] == params.sex:
            return FALSE
        return (Judgement(evidence={"limit_sex": params.sex, "patient_sex": SEX_OF[sex]}),)

    def judge_encounter(self, params: Params, about: Diagnosis | Operation | None, chart: Chart) -> Sequence[Judgement]:
        """Judge a diagnosis or an operation as a line is judged."""
        return self.judge(params, Line(), chart)
