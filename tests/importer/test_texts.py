"""What is read out of a published text: only what every reading of the sentence agrees on."""

import re

import pytest

from server.importer.texts import PHRASES, Limits, is_limit, read_text


@pytest.mark.parametrize(
    ("text", "limits", "remainder"),
    [
        ("限二级及以上医疗机构。", Limits(level="二级"), ""),
        ("限二级及以上医疗机构甲病患者。", Limits(level="二级"), "甲病患者"),
        ("限二级及以上医疗机构的甲病或乙病患者。", Limits(level="二级"), "甲病或乙病患者"),
        ("限二级及以上医疗机构甲病患者，单次住院最多支付14天。", Limits(level="二级", max_days=14), "甲病患者"),
        ("限甲病患者，首次处方时需由二级及以上医疗机构专科医师开具处方。", Limits(level="二级", level_condition="first_prescription_only"), "限甲病患者"),
        ("支付不超过14天。", Limits(max_days=14), ""),
        ("限新发甲病，支付不超过２１日。", Limits(max_days=21), "限新发甲病"),
        ("限甲病，且支付不超过12个月：1.甲；2.乙。", Limits(max_months=12), "限甲病,1.甲;2.乙"),
        ("限甲患者；限乙患者。支付不超过14天。", Limits(max_days=14), "限甲患者;限乙患者"),
        ("限急诊或住院患者。", Limits(modes=("急诊", "住院")), ""),
        ("限甲病急性期住院患者，支付不超过14天。", Limits(modes=("住院",), max_days=14), "限甲病急性期"),
        ("需经筛查，明确有风险，且不能甲或乙的住院患者方予支付。", Limits(modes=("住院",)), "需经筛查,明确有风险,且不能甲或乙的"),
        ("限女性患者。", Limits(sex="女"), ""),
        ("限儿童。", Limits(children=True), ""),
        ("限2岁至11岁儿童甲病。", Limits(children=True, min_age_years=2, max_age_years=11), "儿童甲病"),
        ("限3-12岁甲病患者。", Limits(children=True, min_age_years=3, max_age_years=12), "甲病患者"),
        ("限3岁及3岁以上伴有甲的儿童患者。", Limits(children=True, min_age_years=3), "伴有甲的儿童患者"),
        ("限14岁及以下儿童。", Limits(children=True, max_age_years=14), "儿童"),
    ],
)  # fmt: skip
def test_certain(text, limits, remainder):
    reading = read_text(text)
    assert reading.limits == limits
    assert reading.remainder == remainder
    assert is_limit(text)


@pytest.mark.parametrize(
    "text",
    [
        "限甲病患者。",
        "限甲病住院患者；限乙病患者。",
        "限甲病或乙病住院患者。",
        "限门诊和住院患者。",
        "限非住院患者。",
        "限二级及以上医疗机构或社区卫生服务中心。",
        "限二级及以上医疗机构或一级医疗机构的专科。",
        "限甲病患者，或二级及以上医疗机构。",
        "限：1.二级及以上医疗机构；2.甲病患者。",
        "限：1.甲病，2.急性期住院患者。",
        "限女性甲病或男性乙病患者。",
        "限1岁至14岁儿童甲病，2岁至14岁儿童乙病，支付不超过14天，支付不超过15天。",
        "限5至12岁以下儿童患者。",
        "限18岁及以上患者。",
        "限12岁及以上甲病患者。",
        "限6个月及以上儿童。",
        "限2-65岁患者。",
        "限2岁至11岁儿童和成人甲病。",
        "每周最多支付一次。",
        "一个疾病过程支付不超过90天。",
        "每眼累计最多支付9支。",
        "支付不超过一年。",
        "支付不超过0天。",
    ],
)
def test_uncertain_is_left_over_as_a_whole(text):
    reading = read_text(text)
    assert reading.limits == Limits()
    assert reading.remainder


def test_limits_that_contradict_one_another_are_not_read():
    assert read_text("支付不超过14天。支付不超过15天。").limits == Limits()
    assert read_text("支付不超过14天。支付不超过14天。").limits == Limits(max_days=14)


@pytest.mark.parametrize("text", ["用于小儿急性甲病。", "适用于女性。", "本品用于治疗甲病。", ""])
def test_what_only_describes_the_item_is_no_limit(text):
    assert not is_limit(text)


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.example)
def test_every_kind_of_phrase_reads_its_own_example(phrase):
    for example in phrase.example.split("；"):
        text = re.sub("^……", "限某病", example).replace("……", "某病")
        match = phrase.pattern.fullmatch(text)
        assert match is not None
        assert phrase.limits(match) is not None
        assert read_text(text).limits == phrase.limits(match)
