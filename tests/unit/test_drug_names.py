"""The substance in a Chinese generic drug name."""

import csv
from collections import defaultdict

import pytest

from ruleset.drug_names import generic_name
from tests.web.product import SHARED

SUBSTANCES = {
    "头孢曲松": "注射用头孢曲松钠",
    "阿莫西林": "阿莫西林胶囊",
    "二甲双胍": "盐酸二甲双胍缓释片",
    "氯吡格雷": "硫酸氢氯吡格雷片",
    "氨氯地平": "氨氯地平(苯磺酸氨氯地平)片 苯磺酸氨氯地平片 氨氯地平（苯磺酸氨氯地平）胶囊",
    "左氨氯地平": "苯磺酸左氨氯地平片",
    "华法林": "华法林钠片",
    "布洛芬": "布洛芬混悬液 布洛芬缓释胶囊 小儿布洛芬栓",
    "葡萄糖": "5%葡萄糖注射液 葡萄糖注射液",
    "氯化钠": "0.9%氯化钠注射液 氯化钠注射液",
    "氯化钾": "氯化钾缓释片 氯化钾注射液",
    "碳酸钙": "碳酸钙片",
    "硫酸镁": "硫酸镁注射液",
    "碳酸氢钠": "碳酸氢钠片",
    "葡萄糖酸钙": "葡萄糖酸钙注射液",
    "枸橼酸铋钾": "枸橼酸铋钾胶囊",
    "铝碳酸镁": "铝碳酸镁咀嚼片",
    "富马酸亚铁": "富马酸亚铁片",
    "门冬氨酸钾镁": "门冬氨酸钾镁片",
    "硝酸甘油": "硝酸甘油片 硝酸甘油注射液",
    "单硝酸异山梨酯": "单硝酸异山梨酯缓释片",
    "地塞米松": "地塞米松磷酸钠注射液 醋酸地塞米松片",
    "替诺福韦二吡呋酯": "富马酸替诺福韦二吡呋酯片",
    "氯己定": "葡萄糖酸氯己定含漱液",
    "维生素C": "维生素C注射液",
    "亚叶酸": "注射用亚叶酸钙",
    "甲泼尼龙": "注射用甲泼尼龙琥珀酸钠 甲泼尼龙片",
    "克林霉素": "盐酸克林霉素胶囊 注射用克林霉素磷酸酯",
    "头孢呋辛": "头孢呋辛酯片 注射用头孢呋辛钠",
    "达比加群酯": "甲磺酸达比加群酯胶囊",
    "左氧氟沙星": "盐酸左氧氟沙星氯化钠注射液 乳酸左氧氟沙星葡萄糖注射液 左氧氟沙星片",
    "美托洛尔": "酒石酸美托洛尔片 琥珀酸美托洛尔缓释片",
    "可待因": "磷酸可待因片",
    "双氢可待因": "酒石酸双氢可待因片",
    "吗啡": "盐酸吗啡缓释片 硫酸吗啡栓",
    "氢吗啡酮": "盐酸氢吗啡酮注射液",
    "氢化可的松": "氢化可的松注射液 注射用氢化可的松琥珀酸钠 丁酸氢化可的松乳膏",
    "长春新碱": "注射用硫酸长春新碱",
    "氟替卡松": "丙酸氟替卡松吸入气雾剂 糠酸氟替卡松鼻用喷雾剂",
    "布地奈德": "吸入用布地奈德混悬液 布地奈德粉吸入剂",
    "睾酮": "十一酸睾酮软胶囊 丙酸睾酮注射液",
    "维生素K1": "维生素K1注射液",
    "青霉素": "注射用青霉素钠",
    "青霉素V": "青霉素V钾片",
    "红霉素": "注射用乳糖酸红霉素 硬脂酸红霉素片 红霉素软膏",
    "氯沙坦": "氯沙坦钾片",
    "培哚普利": "培哚普利叔丁胺片",
    "琥珀胆碱": "氯化琥珀胆碱注射液",
    "多糖铁复合物": "多糖铁复合物胶囊",
    "门冬胰岛素": "门冬胰岛素注射液 门冬胰岛素30注射液",
    "丙戊酸": "丙戊酸钠片",
    "硝普钠": "注射用硝普钠",
    "磷酸肌酸钠": "注射用磷酸肌酸钠",
    "丙酚替诺福韦": "富马酸丙酚替诺福韦片",
    "前列腺素E1": "前列腺素E1乳膏",
    "凝血因子Ⅷ": "凝血因子Ⅷ",
    "注射用水": "注射用水",
    "罗普司亭": "注射用罗普司亭N01",
    "克唑替尼": " 克唑替尼胶囊",
}
VITAMIN_A_ACIDS = {"异维A酸": "异维A酸软胶囊", "维A酸": "维A酸乳膏", "阿维A": "阿维A胶囊"}


@pytest.mark.parametrize(
    ("name", "substance"), [(name, substance) for substance, names in SUBSTANCES.items() for name in names.split()]
)
def test_one_substance(name, substance):
    assert generic_name(name) == substance


@pytest.mark.parametrize(("substance", "name"), VITAMIN_A_ACIDS.items())
def test_retinoids_were_taken_for_mixtures_of_vitamins(substance, name):
    """维A in a name said that there were several substances, so isotretinoin was judged by no row of its substance."""
    assert generic_name(name) == substance


@pytest.mark.parametrize(
    "name",
    [
        "",
        "片",
        "复方甘草片",
        "维C银翘片",
        "维AD滴剂",
        "异维A酸红霉素凝胶",
        "克林霉素磷酸酯维A酸凝胶",
        "阿莫西林克拉维酸钾片",
        "阿司匹林双嘧达莫缓释胶囊",
        "二甲双胍维格列汀片(Ⅱ)",
        "多巴丝肼片",
        "拉坦噻吗滴眼液",
        "阿仑膦酸钠维D3片",
        "培哚普利氨氯地平片(Ⅲ)",
        "妥布霉素地塞米松滴眼液",
        "地塞米松未知素片",
        "注射用哌拉西林钠他唑巴坦钠",
        "缬沙坦氢氯噻嗪片",
        "缬沙坦氨氯地平片(Ⅰ)",
        "培哚普利吲达帕胺片",
        "沙美特罗替卡松吸入粉雾剂",
        "布地奈德福莫特罗吸入粉雾剂",
        "西格列汀二甲双胍片(Ⅱ)",
        "恩曲他滨丙酚替诺福韦片(Ⅱ)",
        "脂肪乳氨基酸(17)葡萄糖(11%)注射液",
        "葡萄糖氯化钠注射液",
        "氨基酸(16)/葡萄糖(13%)注射液",
        "小儿氨酚黄那敏颗粒",
        "双歧杆菌三联活菌胶囊",
        "氟哌噻吨美利曲辛片",
        "乳酸钠林格注射液",
        "阿泰特韦片/利托那韦片组合包装",
        "小儿大黄碳酸氢钠片",
        "奥美拉唑碳酸氢钠干混悬剂(Ⅰ)",
    ],
)
def test_several_substances_or_none(name):
    assert generic_name(name) == ""


SYNONYMS = {"XL03ACC087"}
"""Codes under which the catalogue itself has two words for the substance (白介素, 白细胞介素)."""


@pytest.mark.shared
def test_one_national_substance_code_gives_one_name():
    names_of = defaultdict(set)
    for path in (SHARED / "data" / "nhsa").glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                for code in (row.get("item_code") or row.get("item_codes") or "").split():
                    if code.startswith("X"):
                        names_of[code[:10]].add(row["item_name"])
    assert len(names_of) > 600
    torn = {code: names for code, names in names_of.items() if len({generic_name(name) for name in names}) > 1}
    assert set(torn) <= SYNONYMS
    understood = sum(any(generic_name(name) for name in names) for names in names_of.values())
    assert understood / len(names_of) > 0.8  # the rest are mixtures
