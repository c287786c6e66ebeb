"""From a Chinese generic drug name to the name of its substance: 注射用头孢曲松钠 and 头孢曲松钠胶囊 are 头孢曲松.

中国药品通用名称命名原则 (国家药典委员会) builds a name from a few parts in a fixed order: how the product is used
(注射用, 小儿), the acid of the salt (盐酸), the substance, its cation or ester (钠), the vehicle of an infusion
(氯化钠注射液) and the dosage form (缓释片). The tables below are those parts; a name is taken apart from both ends.

Only for names of the national catalogue. A name of several substances, or one that is put together from syllables
(氨酚伪麻), has no single substance and gives "": it is not understood, and nobody may conclude anything from it.
"""

import re
from functools import lru_cache

_USES = re.compile(
    r"^(?:\d+(?:\.\d+)?%)?"
    r"(?:冻干|示踪用|注射用|吸入用|外用|阴道用|局部用|口腔用|鼻用|眼用|滴眼用|冲洗用|小儿|儿童用|人用(?=狂犬病)|\d+(?:\.\d+)?%)*"
)
"""How a product is used, or the strength of a solution, before the substance."""

_FORM = re.compile(
    r"(?:注射用|缓释|控释|肠溶|分散|咀嚼|泡腾|口腔崩解|口崩|速释|舌下|颊|含|薄膜衣|糖衣|双层|阴道用?|直肠用?|鼻用?|眼用|眼内|"
    r"吸入用?|注射用|口服|外用|透皮|经皮|膨胀|软|微丸|干|乳状|浓|长效|缓控释|脂质体|聚合物|玻璃体内|交联|混悬|静脉|粉|用|释放)*"
    r"(?:片剂?|胶囊剂?|颗粒剂?|散剂?|滴丸|胶丸|微丸|丸剂?|糖浆剂?|合剂|口服液|口服乳|溶液用散|溶液剂?|浓溶液|混悬液|混悬剂|"
    r"滴剂|乳剂|注射液|注射剂|注射溶液|粉针剂?|乳膏剂?|软膏剂?|凝胶剂?|凝胶贴膏|贴剂|贴膏|贴片|喷雾剂|气雾剂|粉雾剂|雾化溶液|"
    r"滴眼液|滴眼剂|滴耳液|滴鼻液|眼膏|眼用凝胶|栓剂?|膜剂?|口溶膜|酊剂?|洗剂|搽剂|涂剂|涂膜剂|灌肠剂|灌肠液|冲洗剂|冲洗液|"
    r"含漱液|漱口液|植入剂|微球|脂质体|胶束|置换液|撒粉|吸入剂|宫内节育系统|甘油剂|糊剂|油剂)$"
)
"""The dosage form (中国药典 四部 制剂通则) with what is said of its release and its way in."""

_ACIDS = (
    "硫酸氢(?!化|吗啡|可酮)",
    *("二盐酸", "盐酸", "硫酸", "磷酸", "硝酸", "氢溴酸", "碳酸", "甲硫酸"),
    *("醋酸", "乙酸", "二丙酸", "丙酸", "丁酸", "戊酸", "庚酸", "癸酸", "十一酸", "棕榈酸", "环戊丙酸", "苯乙酸"),
    *(
        "枸橼酸",
        "柠檬酸",
        "重酒石酸",
        "酒石酸",
        "马来酸",
        "富马酸",
        "琥珀酸",
        "苹果酸",
        "乳酸",
        "草酸",
        "戊二酸",
        "己二酸",
    ),
    *(
        "苯甲酸",
        "水杨酸",
        "糠酸",
        "双羟萘酸",
        "硬脂酸",
        "葡萄糖酸",
        "乳糖酸",
        "门冬氨酸",
        "谷氨酸",
        "脯氨酸",
        "精氨酸",
        "赖氨酸",
    ),
    *("苯磺酸", "对甲苯磺酸", "甲苯磺酸", "羟乙磺酸", "乙磺酸", "甲磺酸", "氯化(?=琥珀胆碱|筒箭毒碱)"),
)
"""Acids before a substance: its salt, or an ester that the body splits."""

_ELEMENTS = (
    *(
        "钠",
        "钾",
        "钙",
        "镁",
        "锌",
        "铁",
        "亚铁",
        "铝",
        "铋",
        "锂",
        "镧",
        "钡",
        "铵",
        "银",
        "铜",
        "硒",
        "氢",
        "二",
        "三",
        "六水",
    ),
    *(
        "氯化",
        "氟化",
        "溴化",
        "碘化",
        "氧化",
        "碘酸",
        "硫代硫酸",
        "硫代",
        "亚硒酸",
        "硼酸",
        "高锰酸",
        "氢氧化",
        "甘油磷酸",
        "鸟氨酸",
    ),
)
_ONLY_IONS = re.compile(f"(?:{'|'.join((*_ACIDS, *_ELEMENTS))})+")
"""A name that is nothing but ions is the substance itself: 氯化钾, 硫酸镁, 门冬氨酸钾镁."""

_CATION = (
    r"(?:半水|一水|二水|三水)?(?:(?:磷酸|琥珀酸|硫酸)?(?:二|三|单)?(?:钠|钾|钙|镁)|氨丁三醇|双?葡甲胺|乙醇胺|二乙胺|叔丁胺|"
    r"(?<=酸)(?:胆碱|[二单]?铵)|磷酸酯)"
)
_SALT = re.compile(f"(?:{'|'.join(_ACIDS)})?(?P<core>.+?)(?:{_CATION})?")
_ACID = re.compile(f"^(?:{'|'.join(_ACIDS)})")
_PHOSPHATE_ESTER = re.compile(r"(?:磷酸|棕榈酸?)(?P<core>.+?)酯(?:二钠)?")

_INDIVISIBLE = (
    *("硝酸甘油", "硝酸异山梨酯", "乳酸菌", "乳酸杆菌", "磷酸肌酸", "硫酸软骨素", "硫酸葡聚糖", "苯甲酸苄酯", "水杨酸"),
    *("硝普钠", "美司钠", "碳酸氢钠", "三磷酸", "氢氧化铝", "枸橼酸铋", "磷酸胆碱", "琥珀酰", "富马酸二甲酯"),
)
"""Beginnings of names whose acid or cation is no salt of something else."""

_VEHICLE = re.compile(r"和?(?:葡萄糖|氯化钠)$")
_MIXTURE = re.compile(
    r"葡萄糖|果糖|氯化钾|氯化钠|木糖醇|转化糖|山梨醇|甘露醇|乳酸钠|脂肪乳|醋酸钠|碳酸氢钠|右旋糖酐|甘油|明胶|葡胺|淀粉|门冬氨酸钾镁"
)
"""Before 葡萄糖 or 氯化钠 these are no drug in a vehicle, but one part of a mixture."""

_COMPOUND_WORDS = re.compile(
    r"复方|复合(?!物)|组合包装|林格|[二三四]联活菌|[^\d.]/|/[^\d.]|\+|-[\u4e00-\u9fff]{3}|(?<!阿)维[ABCDEK](?!酸)|多种|电解质|多维|[二三四五六九十]维|D3|氨基酸(?!$)"
)
"""Words and signs that say that a name stands for several substances."""

_COMPOUND_NAMES = re.compile(
    r"双多巴|双夫定|三钙|葡钙|氨酚|酚氨|氨咖|咖敏|黄敏|黄那敏|伪麻|美敏|酚麻|氨麻|氨金|酚咖|布洛伪|维参|丙替片|米替片|利匹丙|"
    r"恩丙|丙诺|维伏片|双唑泰|双磺|银杏达莫|双胰岛素|帕妥珠曲妥珠|艾帕洛利托沃瑞利|磷罗拉匹坦帕洛诺司琼|鞣酸小檗碱|吡嗪利福|"
    r"异福|丝肼|(?<!可)待因|噻吗(?!洛尔)|布地格福|倍氯福|氟替美维|赖氨肌醇"
)
"""Syllables that the names of fixed combinations are put together from, and combinations that nothing else betrays."""

_PARTNERS_TEXT = (
    "叶酸 氢氯噻嗪 氨氯地平 贝那普利 吲达帕胺 比索洛尔 依那普利 缬沙坦 阿利沙坦 依折麦布 阿托伐他汀 辛伐他汀 双嘧达莫 氯吡格雷 阿司匹林 "
    "二甲双胍 恩格列净 达格列净 西格列汀 利格列汀 维格列汀 沙格列汀 吡格列酮 格列本脲 格列美脲 格列吡嗪 瑞格列奈 利拉鲁肽 利司那肽 "
    "炔雌醇 炔雌醚 环丙孕酮 普罗雌烯 屈螺酮 地屈孕酮 阿比特龙 "
    "维A酸 异维A酸 舒巴坦 他唑巴坦 阿维巴坦 克拉维酸 西司他丁 甲氧苄啶 双氯西林 氯唑西林 呋喃唑酮 制霉素 制霉菌素 益康唑 异烟肼 "
    "利托那韦 索磷布韦 维帕他韦 多替拉韦 拉米夫定 齐多夫定 替诺福韦 恩曲他滨 替匹嘧啶 "
    "卡比多巴 苄丝肼 美利曲辛 奥氮平 氟西汀 对乙酰氨基酚 可待因 羟考酮 曲马多 咖啡因 麻黄碱 右美沙芬 桔梗 米索前列醇 普鲁卡因 丙胺卡因 "
    "氟替卡松 替卡松 布地奈德 倍他米松 地塞米松 沙美特罗 福莫特罗 维兰特罗 奥达特罗 异丙托溴铵 格隆溴铵 沙丁胺醇 噻吗洛尔 溴莫尼定 "
    "右莰醇 冰片 山梨醇 木糖醇 甘露醇 葡萄糖 氯化钠 碳酸氢钠 门冬氨酸 谷氨酸"
)
_PARTNERS = tuple(_PARTNERS_TEXT.split())
"""Substances of fixed combinations, of whose two names one is always here. None begins the name of another substance."""

_LATER_ONLY = ("维生素",)
"""A word that begins names of single substances (维生素C), and elsewhere adds one to another."""

_TAIL_OF_ONE = re.compile(r".?|.*酯|酸.*")
"""What after a partner makes it no second substance: 替诺福韦二吡呋酯, 葡萄糖酸钙."""

_DERIVATIVES = ("左", "右", "左旋", "右旋", "左亚", "亚", "双氢", "异", "艾米", "丙酚", "氟", "去甲", "伪")
"""What before a partner makes it another single substance: 左氨氯地平, 亚叶酸, 双氢可待因."""

_ESTERS = {
    "头孢呋辛酯": "头孢呋辛",
    "头孢泊肟酯": "头孢泊肟",
    "头孢托仑匹酯": "头孢托仑",
    "头孢妥仑匹酯": "头孢托仑",
    "头孢他美酯": "头孢他美",
    "氟比洛芬酯": "氟比洛芬",
}
"""Esters that the body splits at once, and whose allergies and duplicates are those of the substance. Only these: most names
that end so are substances of their own (哌甲酯, 达比加群酯)."""

_PARENTHESES = re.compile(r"\([^()]*\)")
_VARIANT = re.compile(r" ?N\d\d$|(?<=胰岛素)\d+R?$")
"""A manufacturer's mark on a biological (罗普司亭N01), the share of fast insulin in a mixture (门冬胰岛素30)."""

_NAME_MIN_CHARACTERS = 2


@lru_cache(maxsize=16_384)
def generic_name(item_name: str) -> str:
    """Return the substance in a generic drug name, without use, salt, vehicle, form and strength.

    "" where the name stands for several substances or nothing of it is left.
    """
    name = item_name.strip().replace("\uff08", "(").replace("\uff09", ")").replace("\uff0f", "/").replace("\uff05", "%")
    name = _PARENTHESES.sub("", name)
    if _COMPOUND_WORDS.search(name) or _COMPOUND_NAMES.search(name):
        return ""
    name = _kept(_USES.sub("", name), name)
    name = _kept(_VARIANT.sub("", _FORM.sub("", name)), name)
    without_vehicle = _VEHICLE.sub("", name)
    if len(without_vehicle) >= _NAME_MIN_CHARACTERS and without_vehicle != name:
        if _MIXTURE.search(without_vehicle):
            return ""
        name = without_vehicle
    if _is_combination(_ACID.sub("", name)):
        return ""
    name = _without_salt(name)
    name = _ESTERS.get(name, name)
    return name if len(name) >= _NAME_MIN_CHARACTERS else ""


@lru_cache(maxsize=16_384)
def substance_name(stated: str) -> str:
    """Return the name by which rows know a stated active substance: without the salt or ester that it is stated with.

    盐酸二甲双胍 of a message or a dictionary is 二甲双胍, as it is in the name of a product. It is one substance, so a
    name that would be a combination as a product's (盐酸伪麻黄碱) is none.
    """
    name = _without_salt(stated.strip())
    return _ESTERS.get(name, name)


def _is_combination(name: str) -> bool:
    """Say whether a known partner has another substance before or after it; `name` is without its acid."""
    if _ONLY_IONS.fullmatch(name):
        return False
    for partner in _PARTNERS + _LATER_ONLY:
        place = name.find(partner)
        if place > 0 and name[:place] not in _DERIVATIVES:
            return True
    core = _without_salt(name)
    first = next((partner for partner in _PARTNERS if core.startswith(partner)), core)
    return not _TAIL_OF_ONE.fullmatch(core.removeprefix(first))


def _kept(shorter: str, whole: str) -> str:
    """Return the shorter name where it still is one: 注射用水 is not 水."""
    return shorter if len(shorter) >= _NAME_MIN_CHARACTERS else whole


def _without_salt(name: str) -> str:
    if name.startswith(_INDIVISIBLE) or _ONLY_IONS.fullmatch(name):
        return name
    for pattern in (_PHOSPHATE_ESTER, _SALT):
        match = pattern.fullmatch(name)
        if match and len(match["core"]) >= _NAME_MIN_CHARACTERS:
            return match["core"]
    return name
