"""Small random packs over all templates: rules whose rows speak of the same few items, codes, days and words.

Everything is drawn from a `random.Random`, so that Hypothesis (`st.randoms`) and a seed drive the same generator. What
comes out may be a row that the compiler refuses (two that say the same): `harness.compiled` leaves those out.
"""

import json
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

from tests.diff.oracle_expression import Tree, printed
from tests.diff.oracle_world import MODE_OF

DAY = date(2026, 1, 28)
ACTIONS = ("HINT", "WARN", "WARN_REASON", "REVIEW", "BLOCK")
TRIGGERS = ("registration", "charging", "settlement", "other")
NATIONAL = "XJ01DDT056B001010100001"
CODES = ("A", "B", "C", "D")
SUBSTANCES = ("甲素", "乙素", "丙素")
CLASSES = ("J01", "J01DD", "N02B", "院内类")
LISTS = {
    "名单一": [("item_code", "A"), ("ingredient", "乙素")],
    "名单二": [("drug_class", "J01"), ("item_code", "C")],
    "溶媒": [("ingredient", "氯化钠"), ("item_code", "S")],
}
HERBS = ("甲草", "乙草", "丙草", "制甲草")
ROUTES = ("口服", "静脉滴注", "外用")
DIAGNOSES = ("I10", "J18.9", "O80", "E11", "Z39.1")
OPERATIONS = ("81.51", "47.0")
DEPARTMENTS = ("A03", "A03.01", "A031", "B01")
TESTS = ("LT1", "血钾")
LEVEL_WORDS = ("一级及以下", "二级", "三级")
Cells = dict[str, Any]


class RowMaker:
    """Draws the cells of rows, one template at a time."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.text_ref: str | None = None
        """The published text of which the rows of one rule of T08 are alternatives."""

    def one(self, *values: Any) -> Any:
        return self.random.choice(values)

    def some(self, values: tuple[str, ...], most: int = 2) -> str:
        return "|".join(self.random.sample(values, self.random.randint(1, most)))

    def rarely(self, value: Any, otherwise: Any) -> Any:
        return value if self.random.random() < 0.2 else otherwise

    def subject(self, *, kinds: bool = True) -> Cells:
        """The items that a row speaks of, mostly by code."""
        form = self.one("item_code", "item_code", "ingredient", "drug_class", *(("item_kind",) if kinds else ()))
        values = {
            "item_code": (*CODES, NATIONAL),
            "ingredient": (*SUBSTANCES, "头孢曲松"),
            "drug_class": (*CLASSES, *LISTS),
            "item_kind": ("drug", "service"),
        }
        return {form: self.one(*values[form])}

    def band(self) -> Cells:
        cells: Cells = {}
        if self.random.random() < 0.3:
            cells["routes"] = self.some(ROUTES)
        if self.random.random() < 0.25:
            cells.update(self.one({"min_age": "18岁"}, {"below_age": "14岁"}, {"min_age": "28天", "below_age": "6月"}))
        if self.random.random() < 0.2:
            cells.update(self.one({"min_weight_kg": "10"}, {"below_weight_kg": "50"}))
        return cells

    def limits(self) -> Cells:
        return {
            "unit": self.one("mg", "mg", "g", "片"),
            "per_body": self.rarely(self.one("每公斤", "每平方米"), ""),
            **self.one({"max_dose": "500"}, {"max_dose": "1000"}, {"max_dose": "2"}, {"hard_max": "1000"}),
        }

    def t01(self) -> Cells:
        limits = (
            {"allowed_insurance": self.one("工伤", "生育")},
            {"allowed_payers": self.some(("职工", "居民", "工伤"))},
            {"allowed_visits": self.some(("门诊", "住院", "生育住院", "日间手术"))},
        )
        return {**self.subject(), **self.one(*limits), **self.rarely(self.one(*limits), {})}

    def t02(self) -> Cells:
        level = {
            "min_level": self.one("二级", "三级"),
            "condition": self.one("", "first_prescription_only", "or_level2_eye_hospital"),
        }
        kind = {"facility_types": self.some(("11", "12"))}
        return {**self.subject(), **self.one(level, level, kind, {**level, **kind})}

    def t03(self) -> Cells:
        modes = self.some((*MODE_OF, "互联网", "日间手术", "出院带药"), 3)
        return {**self.subject(), self.one("allowed_modes", "forbidden_modes"): modes}

    def t04(self) -> Cells:
        return {**self.subject(), "departments": self.some(("A03", "B01", "A03.01")), "kind": self.one("限", "禁")}

    def t05(self) -> Cells:
        return {
            **self.subject(),
            "state": self.one("无处方权", "紧急越级使用", "紧急越级超时", "未会诊"),
            "privileges": self.some(("antibiotic_special", "narcotic")),
            "emergency_hours": self.one("24", "", "1", "48"),
        }

    def t06(self) -> Cells:
        about = self.one(
            self.subject(), self.subject(), {"diagnoses": self.some(DIAGNOSES)}, {"operations": self.some(OPERATIONS)}
        )
        return {**about, "sex": self.one("男", "女")}

    def t07(self) -> Cells:
        ranges: tuple[Cells, ...] = (
            {"min_age_years": "1", "max_age_years": "14"},
            {"adult_from_years": self.one("18", "12")},
            {"min_age": "28天", "max_age": "14岁"},
            {"below_age": self.one("18岁", "6月", "72小时")},
            {"max_age": self.one("28天", "3月")},
            {"min_age": "18岁"},
        )
        about = self.one(self.subject(), self.subject(), {"diagnoses": self.some(DIAGNOSES)})
        return {**about, **self.one(*ranges), "kind": self.one("限", "专用", "禁用", "慎用"), "object": "儿童"}

    def t08(self) -> Cells:
        if self.text_ref is None:
            self.text_ref = f"KP-{self.random.randint(1, 10**6)}"
        cells: Cells = {"row_ref": self.text_ref, "alternative": f"{self.random.randint(1, 9)}"}
        if self.random.random() < 0.15:
            return {"row_ref": f"KP-{self.random.randint(1, 10**6)}", "item_codes": self.some(CODES), "indication": ""}
        conditions: tuple[Cells, ...] = (
            {"diagnoses": self.some(DIAGNOSES), "history_months": self.one("", "1", "12")},
            {"diagnoses": self.some(DIAGNOSES), "also_diagnoses": self.some(DIAGNOSES)},
            {"sex": self.one("男", "女")},
            self.one({"min_age": "18岁"}, {"below_age": "28天"}),
            {"min_level": self.one("二级", "三级")},
            {"evidence_names": "血钾", **self.comparison("evidence_", "evidence_value")},
        )
        chosen = {key: value for one in self.random.sample(conditions, self.one(1, 1, 2)) for key, value in one.items()}
        return {**cells, **self.one({"item_codes": "A|B"}, {"item_codes": "A|B"}, self.subject()), **chosen}

    def comparison(self, prefix: str, value: str) -> Cells:
        """How a result must be: by number, by word, or at all."""
        within = {f"{prefix}within_days": self.one("", "7", "30")}
        unit = {f"{prefix}unit": "mmol/L"}
        number = {f"{prefix}comparison": self.one("<", "<=", ">", ">=", "="), value: self.one("5.5", "3"), **unit}
        return {**within, **self.one(number, number, {f"{prefix}words": self.one("阳性", "阴性")}, {})}

    def t09(self) -> Cells:
        return {
            **self.subject(),
            "programs": self.some(("M1", "M2")),
            "requires": self.one("结算病种", "备案", "结算病种|备案"),
        }

    def t10(self) -> Cells:
        return {
            "item_code": self.one("H1", "H2", "H3"),
            "item_name": "草",
            "not_paid": self.one("never", "alone", "alone"),
        }

    def t11(self) -> Cells:
        prices: tuple[Cells, ...] = (
            {"max_price": "10"},
            {"max_price": "10", "max_price_tertiary": "12"},
            {"max_price_primary": "3.33", "max_price_secondary": "10"},
            {"catalogue_price": "是"},
        )
        return {**self.subject(), **self.one(*prices), "tolerance_yuan": self.one("", "0.01", "2")}

    def t12(self) -> Cells:
        diagnoses = self.some(("I", "J18", "O", "E11"))
        by_diagnosis = {
            "diagnoses": diagnoses,
            "except_diagnoses": self.one("", "J18.9") if "J18" in diagnoses else "",
            "history_months": self.one("", "1", "12"),
        }
        words = {"test_words": self.one("阳性", "阴性")}
        number = {"comparison": self.one("<", ">=", "="), "test_value": self.one("5.5", "3"), "test_unit": "mmol/L"}
        by_test = {"test_names": self.some(TESTS), **self.one(words, number), "within_days": self.one("", "7", "30")}
        return {
            **self.subject(),
            "condition": "病",
            "grade": self.one("绝对", "相对"),
            "only_substance": self.rarely("是", ""),
            **self.one(by_diagnosis, by_test, {**by_diagnosis, **by_test}),
        }

    def t13(self) -> Cells:
        status = self.one("妊娠", "妊娠", "哺乳", "备孕")
        trimesters = self.one("", "早期", "中期|晚期") if status == "妊娠" else ""
        return {**self.subject(), "status": status, "grade": self.one("禁用", "慎用"), "trimesters": trimesters}

    def t14(self) -> Cells:
        severity = {"min_severity": self.one("", "", "中度", "重度"), "below_severity": self.one("", "", "重度")}
        relation = self.one("同物质", "同类", "交叉")
        allergens = "" if relation == "同物质" else self.one("甲素", "名单一", "J01", "名单二|丙素")
        return {
            **self.one(self.subject(), {"item_kind": "drug"}),
            "relation": relation,
            "allergens": allergens,
            **severity,
        }

    def t15(self) -> Cells:
        least = self.rarely({"min_dose": "0.5"}, {})
        return {**self.subject(), **self.band(), **self.limits(), **least}

    def t16(self) -> Cells:
        per = self.one("日", "日", "疗程", "终身")
        return {
            **self.subject(),
            **self.band(),
            **self.limits(),
            "per": per,
            "course_days": self.one("", "7") if per == "疗程" else "",
        }

    def t17(self) -> Cells:
        organs: tuple[Cells, ...] = (
            {"organ": "肾", "below_clearance": self.one("30", "60")},
            {"organ": "肾", "min_clearance": "30", "below_clearance": "60"},
            {"organ": "肾", "dialysis": "是"},
            {"organ": "肝", "child_pugh": self.some(("A", "B", "C"))},
        )
        demands: tuple[Cells, ...] = (
            {"demand": "禁用"},
            {"demand": "减量", "max_daily_dose": self.one("1000", "500"), "unit": "mg"},
            {"demand": "间隔", "min_interval_hours": self.one("12", "24")},
        )
        return {
            **self.subject(),
            **self.band(),
            **self.one(*organs),
            **self.one(*demands),
            "within_days": self.one("", "7"),
        }

    def t18(self) -> Cells:
        limits: tuple[Cells, ...] = (
            {"allowed_routes": self.some(ROUTES)},
            {"forbidden_routes": self.some(ROUTES)},
            {"allowed_forms": self.some(("片剂", "注射剂"))},
            {"forbidden_forms": "注射剂"},
            {"max_times_per_day": self.one("1", "2")},
            {"min_times_per_day": "2"},
            {"min_interval_hours": self.one("8", "12")},
            {"max_rate": "60", "rate_unit": self.one("mL/h", "滴/分")},
            {"min_rate": "1", "max_rate": "2", "rate_unit": "mL/min"},
        )
        limit = self.one(*limits)
        names_routes = {"allowed_routes", "forbidden_routes"} & set(limit)  # which exclude those of the band
        band = {name: value for name, value in self.band().items() if name != "routes" or not names_routes}
        return {**self.subject(), **band, **limit, "only_substance": self.rarely("是", "")}

    def t19(self) -> Cells:
        kind = self.one("检验", "检验", "培养", "会诊", "知情同意", "特殊审批")
        cells: Cells = {**self.subject(), "evidence": kind, "evidence_name": "证据"}
        if kind in ("会诊", "知情同意", "特殊审批"):
            return cells
        names = "" if kind == "培养" and self.random.random() < 0.5 else self.some(TESTS)
        compared = self.comparison("", "value") if names else {"within_days": self.one("", "7")}
        any_result = not ({"comparison", "words"} & set(compared))
        return {
            **cells,
            "test_names": names,
            **compared,
            "ordered_is_enough": self.one("是", "") if any_result else "",
        }

    def t20(self) -> Cells:
        return {
            **self.subject(),
            "state": self.one("阳性", "未做", "过期|未做", "未出结果|过期|未做", "未出结果"),
            "validity_hours": self.one("24", "72"),
            "test_names": self.one("皮试一", ""),
            "exempt_used_within_days": self.one("", "3", "7"),
        }

    def t21(self) -> Cells:
        def side(name: str) -> Cells:
            form = self.one(("item", CODES), ("ingredient", SUBSTANCES), ("class", (*CLASSES, *LISTS)))
            return {
                f"{form[0]}_{name}": self.one(*form[1]),
                f"routes_{name}": self.rarely(self.some(ROUTES), ""),
                f"washout_days_{name}": self.one("", "1", "7"),
            }

        monitored = {"monitored_codes": self.rarely("LT1|血钾", ""), "monitored_within_days": self.one("", "1", "3")}
        return {"grade": self.one("禁忌", "中"), **side("a"), **side("b"), **monitored}

    def t22(self) -> Cells:
        checks: tuple[Cells, ...] = (
            {"check": "配伍", **self.one({"other_item": "B"}, {"other_ingredient": "乙素"}, {"other_class": "名单二"})},
            {"check": "溶媒", "allowed_solvents": self.one("葡萄糖", "S", "氯化钠|葡萄糖", "名单一")},
            {"check": "浓度", "max_concentration": self.one("5", "10"), "min_concentration": self.one("", "1")},
            {"check": "药品数", "max_drugs": self.one("1", "2")},
        )
        return {**self.subject(), **self.one(*checks), "only_substance": self.rarely("是", "")}

    def t23(self) -> Cells:
        if self.random.random() < 0.3:
            kind = self.one("妊娠禁忌", "妊娠慎用")
            return {"herb_a": self.one(*HERBS), "kind": kind, "names": self.one("", "原名", "各种写法")}
        return {
            "herb_a": self.one("甲草", "乙草"),
            "herb_b": "丙草",
            "kind": self.one("", "十八反"),
            "names": self.one("", "原名", "各种写法"),
            "aliases_a": self.rarely("制甲草", ""),
            "aliases_b": self.rarely("丁草", ""),
        }

    def t24(self) -> Cells:
        same = self.one("成分", "类")
        subject = (
            self.one({"item_kind": "drug"}, {"ingredient": "甲素"}, {"drug_class": "J01"})
            if same == "成分"
            else {"drug_class": self.one("J01", "名单二", "名单一")}
        )
        return {
            **subject,
            "same": same,
            "allowed_count": self.one("", "2") if same == "类" else "",
            "count_same_item": self.rarely("是", "") if same == "成分" else "",
            "bridging_days": self.one("", "0", "2"),
            "not_classes": self.rarely("溶媒", ""),
            "not_routes": self.rarely("外用", ""),
        }

    def t25(self) -> Cells:
        checks: tuple[Cells, ...] = (
            {"check": "种类数", "max_kinds": self.one("1", "2")},
            {"check": "饮片单列"},
            {"check": "单列", "separate_class": self.one("J01", "名单一")},
            {"check": "诊断缺失"},
            {"check": "新生儿体重", "max_age_days": self.one("", "1")},
        )
        cells = self.one(*checks)
        return {
            **cells,
            "not_counted": self.rarely("溶媒", "") if cells["check"] in ("种类数", "单列", "饮片单列") else "",
        }

    def t26(self) -> Cells:
        checks: tuple[Cells, ...] = (
            {"check": "味数", "max_herbs": self.one("1", "2")},
            {"check": "每剂总量", "max_total_g": self.one("10", "20")},
            {"check": "剂数", "max_doses": self.one("3", "7")},
            {
                "check": "单味剂量",
                "herb": "甲草",
                "aliases": self.rarely("制甲草", ""),
                "max_g": self.one("10", "9"),
                "min_g": self.one("", "3"),
            },
            {"check": "上传量", "herb": self.one("", "甲草")},
        )
        return {**self.one(*checks), "kinds": self.one("", "", "饮片"), "routes": self.rarely("口服", "")}

    def t27(self) -> Cells:
        checks: tuple[Cells, ...] = (
            {"check": "给药时机", "min_minutes": "30", "max_minutes": "60"},
            {"check": "预防疗程", "max_hours": "24", "counted_from": self.one("术毕", "切皮")},
            {"check": "预防品种", "recommended": self.one("", "甲素", "J01DD", "B|名单一")},
            {"check": "送检", "within_days": self.one("0", "2"), "culture_items": self.one("", "K")},
        )
        cells = self.one(*checks)
        if cells["check"] != "送检":
            cells |= {"operations": self.one("", "81"), "incision_classes": self.rarely("I|II", "")}
        return {**self.subject(kinds=False), **cells}

    def t28(self) -> Cells:
        checks: tuple[Cells, ...] = (
            {"check": "天数", "max_days": self.one("3", "7")},
            {"check": "次数", "max_doses": self.one("1", "10")},
            {"check": "盒数", "max_packs": self.one("1", "2")},
            {"check": "重叠", "slack_days": self.one("0", "2")},
        )
        words = self.rarely(self.one({"form_words": "注射"}, {"not_form_words": "注射"}), {})
        return {**self.subject(), **self.one(*checks), **words}

    def t29(self) -> Cells:
        days = {
            "max_days": self.one("3", "7"),
            "max_days_with_reason": self.one("", "14"),
            "tolerance_days": self.one("", "1"),
        }
        quantity = {"max_quantity": self.one("1", "2", "2.5")}
        return {
            **self.subject(),
            **self.one(days, days, quantity, {**days, **quantity}),
            "not_classes": self.rarely(self.some(("名单一", "J01", "院内类")), ""),
        }

    def t30(self) -> Cells:
        slack, most = {"slack_days": self.one("0", "2", "5")}, {"max_on_hand_days": self.one("7", "10")}
        return {**self.subject(), **self.one(slack, most, {**slack, **most}), "look_back_days": self.one("", "7", "2")}

    def t31(self) -> Cells:
        days = {"max_days": self.one("1", "2", "3"), "per": self.one("", "单次就诊", "自然年", "医保年度", "终身")}
        interval = {"min_interval_days": self.one("1", "3", "7")}
        return {**self.subject(), **self.one(days, days, interval, {**days, **interval})}

    def t32(self) -> Cells:
        limit = self.one({"max_qty": self.one("1", "2", "0.5")}, {"max_amount": "20"})
        windows = ("", "单日", "自然日", "自然月", "自然季度", "自然年", "医保年度", "单次就诊")
        window = self.one(
            {"window": self.one(*windows)}, {"period_days": self.one("1", "2", "7"), "window": self.one("", "滚动")}
        )
        interval = self.one({"min_interval_days": self.one("1", "3")}, {"min_interval_hours": self.one("1", "6", "24")})
        return {
            **self.subject(),
            **self.one({**limit, **window}, {**limit, **window}, interval),
            "unit": self.one("", "日", "小时"),
        }

    def t33(self) -> Cells:
        patient = {**self.subject(), "period": self.one("单次就诊", "自然月", "自然季度", "自然年", "医保年度")}
        capped = self.one("医师", "科室", "病种")
        counter = {
            "capped": capped,
            "metric": "drug_cost",
            "period": self.one("自然月", "自然季度", "自然年"),
            "subject_id": self.rarely({"医师": "D1", "科室": "A03", "病种": "I"}[capped], ""),
            **self.rarely(self.subject(), {}),
        }
        return {**self.one(patient, counter), "limit": self.one("10", "20", "100"), "weight": self.one("", "0.7")}

    def t34(self) -> Cells:
        text = {"item_code": self.one(*CODES)}
        first = {
            **self.subject(),
            "first_line": self.some(("B", "丙素", "J01", "名单一")),
            "min_days": self.one("", "2", "3"),
            "within_days": self.one("", "7", "30"),
        }
        return self.one(text, first, first)

    def t35(self) -> Cells:
        sides: tuple[Cells, ...] = (
            {"main_code": self.one("A", "C"), "sub_code": self.one("B", "D")},
            {"main_class": "名单一", "sub_code": "C"},
            {"main_code": "D", "sub_class": "名单二"},
            {"main_class": "名单二", "sub_class": "名单二"},
        )
        return {
            **self.one(*sides),
            "window": self.one("单日", "单次就诊", "6小时", "同一小时", "同一手术"),
            "main_name": "主",
            "sub_name": "次",
        }

    def t36(self) -> Cells:
        subject = self.one(self.subject(), self.subject(kinds=False), {"diagnosis": "J18"}, {"operation": "81"})
        companions: tuple[Cells, ...] = (
            {"companions": self.some(("B", "丙素", "名单二"))},
            {"companion_operations": "81"},
            {"companion_diagnoses": self.one("I10", "J18")},
            {"companions": "B", "companion_operations": "47"},
        )
        within = "" if "diagnosis" in subject else self.one("", "单日")
        ratio = "" if {"diagnosis", "operation", "item_kind"} & set(subject) else self.one("", "1", "2")
        return {**subject, **self.one(*companions), "within": within, "max_ratio": ratio}

    def t37(self) -> Cells:
        return {
            "item_code": self.one("A", *CODES),
            "item_name": "术",
            "surgery_group": self.one("g", "h"),
            "ratio": self.one("", "0.5", "0.7"),
        }

    def t38(self) -> Cells:
        return {"tolerance_hours": self.one("", "0", "2", "24"), "item_kinds": self.one("", "drug", "drug|service")}

    def t39(self) -> Cells:
        window = self.one(
            {"window": "滚动", "period_days": self.one("2", "7")},
            {"window": self.one("单日", "自然月", "自然年", "医保年度", "自然季度")},
        )
        return {
            "modes": self.some(tuple(MODE_OF), 3),
            "max_visits": self.one("1", "1", "2"),
            **window,
            "uncounted_diagnoses": self.rarely("J18", ""),
        }

    def t40(self) -> Cells:
        return {
            "gap_days": self.one("0", "1", "7"),
            "institution": self.one("", "任一"),
            "same_diagnosis_characters": self.one("", "3"),
        }

    def t41(self) -> Cells:
        kind = self.one("住院期间门诊", "两处住院", "死亡后就医")
        return {
            "kind": kind,
            "modes": self.some(("门诊", "急诊", "门慢特")) if kind == "住院期间门诊" else "",
            "tolerance_hours": self.one("", "2", "24"),
        }

    def t42(self) -> Cells:
        check = self.one("入院指征", "无治疗日")
        justified = {"justified_by": self.one("", "J01", "名单一")}
        if check == "入院指征":
            return {
                "check": check,
                "diagnosis_prefixes": self.some(("I", "J", "E11")),
                **justified,
                "within_hours": self.one("", "1"),
            }
        return {"check": check, "max_idle_days": self.one("1", "2"), **justified}

    def t43(self) -> Cells:
        check = self.one("必填", "编码", "日期先后", "诊断手术")
        if check == "必填":
            of_line = {
                "fields": self.some(("item_name", "price", "days", "route", "department", "begin")),
                "item_kind": self.rarely("drug", ""),
            }
            return {
                "check": check,
                **self.one(
                    of_line, {"fields": self.some(("sex", "payer", "diagnoses", "encounter_begin", "weight_kg"))}
                ),
            }
        if check == "编码":
            shapes = {"of": self.one("诊断", "手术"), "shapes": self.some(("A99.9", "A99", "99.99", "A9*"))}
            return {
                "check": check,
                **self.one(
                    shapes, {"of": "项目", "shapes": "A"}, {"of": "项目", "listed_in": self.one("名单一", "名单二")}
                ),
            }
        if check == "日期先后":
            pair = self.random.sample(("出生", "入院", "出院", "开始", "停止", "诊断", "手术", "死亡", "报文"), 2)
            return {"check": check, "earlier": pair[0], "later": pair[1]}
        return {"check": check, "operation_prefixes": "81", "diagnosis_prefixes": self.some(("I", "J18", "O"))}

    def t45(self) -> Cells:
        per = self.one("行", "行", "就诊")
        tree = self.tree(per, 2)
        cells = {
            "name": f"条件{self.random.randint(1, 9999)}",
            "per": per,
            "expression": printed(tree),
            "basis_text": json.dumps(tree, ensure_ascii=False),
        }
        return {**cells, **(self.rarely(self.subject(), {}) if per == "行" else {})}

    def tree(self, per: str, depth: int) -> Tree:
        if depth and self.random.random() < 0.7:
            kind = self.one("and", "or", "and", "or", "not")
            return (kind, *(self.tree(per, depth - 1) for _ in range(1 if kind == "not" else 2)))
        if self.random.random() < 0.35:
            return self.call(per)
        comparisons: list[Tree] = [
            (self.one(">=", "<"), ("fact", "patient.age_years"), ("const", self.one(14, 18))),
            ("=", ("fact", "patient.sex"), ("const", "女")),
            (">", ("fact", "patient.weight_kg"), ("const", 50.0)),
            ("=", ("fact", "encounter.care_mode"), ("const", self.one("住院", "门诊"))),
            ("=", ("fact", "encounter.insurance"), ("const", "职工")),
            ("=", ("fact", "encounter.facility_level"), ("const", "三级")),
            (">", ("fact", "encounter.amount"), ("const", 20.0)),
            (">", ("fact", "encounter.line_count"), ("const", 1)),
            ("fact", "encounter.internet"),
            ("fact", "patient.pregnant"),
            ("fact", "encounter.out_of_region"),
        ]
        if per == "行":
            comparisons += [
                (">", ("fact", "line.days"), ("const", 2)),
                (">=", ("fact", "line.quantity"), ("const", 2.0)),
                (">", ("fact", "line.amount"), ("const", 9.0)),
                ("=", ("fact", "line.route"), ("const", "口服")),
                ("=", ("fact", "line.item_kind"), ("const", "drug")),
                ("fact", "line.self_pay"),
                ("fact", "line.long_term"),
            ]
        return self.one(*comparisons)

    def call(self, per: str) -> Tree:
        name = self.one("A", "甲素", "J01", "名单一")
        calls: list[Tree] = [
            ("call", "has_diagnosis", self.one("J18", "I10")),
            (">", ("call", "count_lines", name, self.one(1, 7)), ("const", 1)),
            (">", ("call", "sum_quantity", name, self.one(1, 7)), ("const", 2.5)),
            (">", ("call", "sum_amount", name, self.one(1, 7)), ("const", 20.5)),
        ]
        if per == "行":
            calls.append(("call", "is_in", name))
        return self.one(*calls)


FORMS: dict[str, Callable[[RowMaker], Cells]] = {
    f"T{number:02}": getattr(RowMaker, f"t{number:02}") for number in range(1, 46) if number != 44
}
SCOPES: tuple[Cells, ...] = (
    {"scenes": "住院"},
    {"scenes": "互联网诊疗|门急诊"},
    {"stages": "事前"},
    {"care_modes": "门诊|急诊"},
    {"visit_kinds": "inpatient|day_surgery"},
    {"insurance": "职工|居民"},
    {"facilities": "F1"},
    {"facility_levels": "三级|二级"},
    {"facility_types": "11"},
    {"regions": "370100"},
    {"treatment_regions": "370000"},
    {"departments": "A03|B01"},
    {"titles": "主任医师"},
    {"practitioners": "D1"},
    {"charge_kinds": "09"},
    {"sex": "女"},
    {"min_age": "18岁"},
    {"below_age": "14岁"},
    {"diagnoses": "J18|E11"},
    {"programs": "M1"},
    {"flags": "cancer_pain"},
    {"discharge_medication": "否"},
    {"long_prescription": "否"},
    {"emergency_use": "否"},
    {"long_term_order": "否"},
    {"day_surgery": "否"},
    {"out_of_region": "否"},
)


OF_LINES_ALONE = ("departments", "titles", "practitioners", "charge_kinds", "discharge_medication", "emergency_use")
OF_LINES_ALONE = (*OF_LINES_ALONE, "long_term_order", "min_age", "below_age")
OF_THE_CASE = tuple(one for one in SCOPES if not set(one) & set(OF_LINES_ALONE))
OF_SEVERAL = ("T21", "T22", "T23", "T24", "T25", "T26")


def validity(maker: RowMaker) -> Cells:
    """Mostly no dates; else days at the boundary."""
    if maker.random.random() < 0.75:
        return {"valid_from": "", "valid_to": ""}
    start, end = maker.one("", -1, 0, 1), maker.one("", 0, 1, 2)
    if start != "" and end != "" and start >= end:
        end = ""
    dates = {"valid_from": start, "valid_to": end}
    return {name: (DAY + timedelta(days=one)).isoformat() if one != "" else "" for name, one in dates.items()}


def conditions(maker: RowMaker, scopes: tuple[Cells, ...], chance: float) -> Cells:
    """`scope_` and `exempt_` columns, rarely."""
    cells: Cells = {}
    for kind in ("scope", "exempt"):
        if maker.random.random() < chance:
            cells |= {f"{kind}_{name}": value for name, value in maker.one(*scopes).items()}
    return cells


def rule(random: Random, template: str) -> dict[str, Any]:
    """One rule with its rows. A raw rule is a hint by itself; its `action_at` must not raise it."""
    maker = RowMaker(random)
    raw = random.random() < 0.15
    kinds = ("safety", "legal") if template in OF_SEVERAL else ("payment", "payment", "safety", "legal")
    strictest = ACTIONS[:2] if template == "T45" else ACTIONS
    # Of a pair, or a prescription, it is not said whose facts of a line decide.
    scopes = OF_THE_CASE if template in OF_SEVERAL else SCOPES
    rows: list[Cells] = []
    for _ in range(random.randint(1, 4)):
        cells = FORMS[template](maker)
        common = {**validity(maker), **conditions(maker, scopes, 0.08)}
        if random.random() < 0.1:
            common |= {"curation": "raw", "action": "HINT"}
        elif random.random() < 0.1 and not raw:
            common["action"] = maker.one("HINT", "WARN")
        if random.random() < 0.03:
            common["mode"] = "off"
        rows.append({**cells, **common})
    columns = dict.fromkeys(name for row in rows for name, value in row.items() if value != "")
    return {
        "template": template,
        "kind": maker.one(*kinds),
        "curation": "raw" if raw else "official",
        "action": "HINT" if raw else maker.one(*strictest),
        "action_at": {trigger: maker.one(*strictest) for trigger in random.sample(TRIGGERS, maker.one(0, 0, 1, 2))}
        if not raw
        else {},
        "exempt_payers": maker.one([], [], [], [], ["work_injury"], ["work_injury", "maternity"]),
        **({"scope": listed_conditions(maker.one(*scopes))} if random.random() < 0.06 else {}),
        **({"exempt": listed_conditions(maker.one(*scopes))} if random.random() < 0.06 else {}),
        "rows": [{name: str(row.get(name, "")) for name in columns} for row in rows],
    }


SINGLE = ("sex", "min_age", "below_age", *("pregnant", "discharge_medication", "long_prescription", "emergency_use"))
SINGLE = (*SINGLE, "long_term_order", "day_surgery", "out_of_region")


def listed_conditions(cells: Cells) -> Cells:
    """Conditions as a rule's TOML states them: lists where a cell may hold several."""
    return {name: value if name in SINGLE else value.split("|") for name, value in cells.items()}


def pack(random: Random, templates: list[str]) -> list[dict[str, Any]]:
    return [rule(random, template) for template in templates]
