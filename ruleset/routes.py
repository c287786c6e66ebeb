"""The standard words for routes of administration: what profiles map a site's spellings to, and what rows name.

The words are those in use on Chinese drug labels; server/profiles/default.toml maps to no other (a test compares them).
"""

import re

ROUTES: tuple[str, ...] = (
    "口服",
    "舌下含服",
    "含化",
    "鼻饲",
    "静脉滴注",
    "静脉注射",
    "静脉泵入",
    "肌内注射",
    "皮下注射",
    "皮内注射",
    "鞘内注射",
    "椎管内注射",
    "脑室内注射",
    "硬膜外注射",
    "动脉注射",
    "腹腔注射",
    "胸腔注射",
    "关节腔注射",
    "膀胱灌注",
    "吸入给药",
    "雾化吸入",
    "外用",
    "贴敷",
    "滴眼",
    "玻璃体内注射",
    "滴耳",
    "滴鼻",
    "鼻腔喷入",
    "咽喉喷入",
    "含漱",
    "直肠给药",
    "灌肠",
    "阴道给药",
    "冲洗",
    "局部注射",
    "气管内给药",
    "球后注射",
    "结膜下注射",
    "心内注射",
    "穴位注射",
    "皮下埋植",
    "神经阻滞",
    "骨髓腔输注",
)

SYSTEMIC_ROUTES = frozenset(
    (
        *("口服", "舌下含服", "鼻饲", "静脉滴注", "静脉注射", "静脉泵入", "肌内注射", "皮下注射", "动脉注射"),
        *("直肠给药", "皮下埋植", "骨髓腔输注"),
    )
)
"""Routes by which a drug reaches the whole body, and by which its ATC class is the systemic one."""

_LOCAL_FORM = re.compile(
    "滴眼|眼用|眼膏|滴耳|滴鼻|鼻用|鼻喷|乳膏|软膏|凝胶|贴|搽|洗剂|涂|外用|喷雾|气雾|粉雾|吸入|含漱|漱口|阴道|冲洗|灌肠|栓|膜剂|酊|糊剂|含片"
)
_SYSTEMIC_FORM = re.compile("片|胶囊|颗粒|口服|干混悬|混悬液|糖浆|丸|散剂|注射|粉针|滴剂|合剂")


def is_systemic(route: str, form: str, item_name: str) -> bool | None:
    """Say whether a drug is given so that it reaches the whole body; None where nothing tells.

    The route (a standard word) decides where it is stated, else the dosage form, else the form that a generic name ends
    with (中国药品通用名称命名原则). A suppository may be meant for either, and is local unless the route says 直肠给药.
    """
    if route:
        return route in SYSTEMIC_ROUTES
    for text in (form, item_name):
        if _LOCAL_FORM.search(text):
            return False
        if _SYSTEMIC_FORM.search(text):
            return True
    return None
