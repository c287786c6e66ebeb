"""十八反 and 十九畏: every pair of the verses is found under its usual names, by the safety pack alone and beside the national one."""

import csv
from itertools import product

import pytest

from ruleset.display import shown
from ruleset.evaluator import evaluate
from ruleset.outcome import Action
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY
from server.entrance.own import read_own
from server.profile import Profiles
from tests.pack.conftest import STARTER

SAFETY = STARTER.parent / "safety-cn"
ACONITES = "川乌 生川乌 制川乌 草乌 生草乌 制草乌 乌头 附子 制附子 炮附片 黑顺片 白附片 淡附片 熟附片 盐附子"
LIQUORICE = "甘草 生甘草 甘草片 炙甘草 蜜甘草"
GINSENG = "人参 生晒参 红参 高丽参 野山参"
MIRABILITE = "朴硝 芒硝 皮硝 牙硝 玄明粉 元明粉"
VERSES = {
    "半": (ACONITES, "半夏 生半夏 法半夏 姜半夏 清半夏 制半夏"),
    "蒌": (ACONITES, "瓜蒌 全瓜蒌 栝楼 瓜蒌皮 蒌皮 炒瓜蒌皮 瓜蒌子 瓜蒌仁 炒瓜蒌子 天花粉 花粉"),
    "贝": (ACONITES, "贝母 川贝母 川贝 浙贝母 浙贝 象贝 平贝母 伊贝母 湖北贝母"),
    "蔹": (ACONITES, "白蔹"),
    "及": (ACONITES, "白及 白芨"),
    "藻": (LIQUORICE, "海藻"),
    "戟": (LIQUORICE, "大戟 京大戟 醋京大戟 红大戟 醋红大戟"),
    "遂": (LIQUORICE, "甘遂 生甘遂 醋甘遂"),
    "芫": (LIQUORICE, "芫花 醋芫花"),
    "诸参": ("藜芦", f"{GINSENG} 西洋参 党参 米炒党参 丹参 酒丹参 玄参 元参 苦参 沙参 南沙参 北沙参 太子参"),
    "辛": ("藜芦", "细辛 北细辛 辽细辛"),
    "芍": ("藜芦", "芍药 白芍 炒白芍 酒白芍 赤芍 炒赤芍"),
    "硫黄 朴硝": ("硫黄 制硫黄 硫磺", MIRABILITE),
    "水银 砒霜": ("水银", "砒霜 砒石 信石"),
    "狼毒 密陀僧": ("狼毒 醋狼毒", "密陀僧"),
    "巴豆 牵牛": ("巴豆 巴豆霜", "牵牛 牵牛子 炒牵牛子 黑丑 白丑 二丑"),
    "丁香 郁金": ("丁香 公丁香 母丁香", "郁金 醋郁金 广郁金 川郁金"),
    "川乌草乌 犀角": ("川乌 草乌 制川乌 制草乌", "犀角 水牛角"),
    "牙硝 三棱": (MIRABILITE, "三棱 醋三棱"),
    "官桂 石脂": ("官桂 肉桂", "赤石脂 煅赤石脂"),
    "人参 五灵脂": (GINSENG, "五灵脂 醋五灵脂 炒五灵脂"),
}
"""The verses, word by word, with the names under which the herbs are prescribed."""
USUAL_TOGETHER = [
    "半夏 瓜蒌",
    "人参 甘草",
    "川乌 草乌",
    "附子 甘草",
    "白芍 甘草",
    "三棱 莪术",
    "白附子 半夏",
    "党参 五灵脂",
]
"""Pairs that no verse forbids, each with one herb at least that a verse names."""


@pytest.fixture(scope="module")
def packs(starter_file, tmp_path_factory):
    target = tmp_path_factory.mktemp("safety") / "safety-cn.pack"
    compile_pack(SAFETY, target)
    safety = LoadedPack(PackFile(target))
    return {"alone": Snapshot([safety]), "beside": Snapshot([LoadedPack(starter_file), safety])}


@pytest.fixture(scope="module")
def pairs_of_the_national_list():
    with (STARTER / "rows" / "herb-pair.csv").open(encoding="utf-8", newline="") as file:
        return [(row["herb_a"], row["herb_b"]) for row in csv.DictReader(file)]


def said(names, snapshot):
    """Return what the doctor is shown about pairs of herbs in a prescription of them."""
    lines = [
        {"item_code": f"H{number}", "item_name": name, "item_kind": "herb_piece", "prescription_id": "R1"}
        for number, name in enumerate(names)
    ]
    document = {
        "time": "2026-07-06T09:00:00",
        "patient": {"sex": "male", "birth_date": "1976-03-01"},
        "encounter": {"care_modes": ["outpatient"], "lines": lines},
    }
    result = evaluate(read_own(document, Profiles("", "default").default), EMPTY, snapshot)
    return shown(finding for finding in result.findings if finding.row.rule.template.id == "T23")


def not_said_once(pairs, snapshot):
    """Return the pairs that the doctor is not warned of in one entry, of one sentence that names both herbs as ordered."""
    wrong = []
    for pair in pairs:
        entries = said(pair, snapshot)
        messages = [message for entry in entries for message in entry.messages]
        fine = (
            [entry.action for entry in entries] == [Action.WARN_REASON]
            and len(messages) == 1
            and all(f"“{name}”" in messages[0] for name in pair)
        )
        if not fine:
            wrong.append((pair, messages))
    return wrong


@pytest.mark.parametrize("packs_live", ["alone", "beside"])
@pytest.mark.parametrize("words", VERSES)
def test_each_pair_of_the_verses_asks_for_a_reason_once(packs, packs_live, words):
    """Regression: 藜芦 with 丹参 or 西洋参, 甘草 with 红大戟 and 红参 with 醋五灵脂 passed in silence with both packs."""
    first, second = VERSES[words]
    assert not_said_once(product(first.split(), second.split()), packs[packs_live]) == []


@pytest.mark.parametrize("packs_live", ["alone", "beside"])
def test_each_pair_of_the_national_list_asks_for_a_reason_once(packs, packs_live, pairs_of_the_national_list):
    assert len(pairs_of_the_national_list) == 552
    assert not_said_once(pairs_of_the_national_list, packs[packs_live]) == []


@pytest.mark.parametrize("packs_live", ["alone", "beside"])
@pytest.mark.parametrize(
    "names",
    [
        "甘草配方颗粒 海藻配方颗粒",
        "炒白芍（芍药）配方颗粒 藜芦",
        "附子（黑顺片） 法半夏",
        "白芍片 藜芦",
        "甘草(炙) 甘遂（醋制）",
        "△人参10g 五灵脂饮片",
    ],
)
def test_a_herb_is_known_in_the_form_in_which_it_is_dispensed_cut_or_written(packs, packs_live, names):
    """Regression: each of these passed in silence, PASS and COMPLETE."""
    (entry,) = said(names.split(), packs[packs_live])
    assert entry.action is Action.WARN_REASON


@pytest.mark.parametrize("packs_live", ["alone", "beside"])
@pytest.mark.parametrize("names", USUAL_TOGETHER)
def test_what_no_verse_forbids_is_left_alone(packs, packs_live, names):
    assert said(names.split(), packs[packs_live]) == ()


def test_names_in_doubt_are_hints_that_say_so(packs):
    (entry,) = said(["藜芦", "竹节参"], packs["beside"])
    assert entry.action is Action.HINT
    assert "未见药典和国家知识点列入" in entry.messages[0]


def test_a_herb_has_the_same_names_in_every_pair():
    names = {}
    for rule in ("herb-incompatible", "herb-pair-more"):
        with (SAFETY / "rows" / f"{rule}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for side in "ab":
                    aliases = row[f"aliases_{side}"]
                    assert names.setdefault(row[f"herb_{side}"], aliases) == aliases, row
