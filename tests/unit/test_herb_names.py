"""A herb is the herb of the rows in whatever form it is dispensed, cut or written."""

import pytest

from ruleset.herb_names import spellings


@pytest.mark.parametrize(
    ("written", "herb"),
    [
        ("甘草", "甘草"),
        ("甘草配方颗粒", "甘草"),
        ("海藻中药配方颗粒", "海藻"),
        ("三棱颗粒", "三棱"),
        ("甘草饮片", "甘草"),
        ("白芍片", "白芍"),
        ("赤芍片 10g", "赤芍"),
        ("黄柏丝", "黄柏"),
        ("三七粉", "三七"),
        ("附子（黑顺片）", "附子"),
        ("附子（黑顺片）", "黑顺片"),
        ("炒白芍（芍药）配方颗粒", "炒白芍"),
        ("炒白芍（芍药）配方颗粒", "芍药"),
        ("甘草(炙)", "炙甘草"),
        ("△甘遂", "甘遂"),
        ("【免煎】半夏", "半夏"),
        ("藜芦10克", "藜芦"),
    ],
)
def test_the_name_of_the_rows_is_among_the_spellings(written, herb):
    assert herb in spellings(written)
    assert spellings(written)[0] == written


def test_the_name_as_it_is_written_comes_first_and_an_empty_one_has_none():
    assert spellings("天花粉") == ("天花粉", "天花")
    assert spellings("") == ()
