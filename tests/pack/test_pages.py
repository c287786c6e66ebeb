"""`pack docs`: what stands on the pages of a pack, that they hang together, and that nothing runs in them."""

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args
from urllib.parse import unquote

import pytest

from ruleset.pack.boundaries import Boundary
from ruleset.pack.compile import LoadedPack
from ruleset.pack.page_words import BOUNDARIES, CONDITIONS, field_word
from ruleset.pack.pages import GROUPS, SHOWN_ROWS_MAX, pages
from ruleset.pack.source import COMMON_COLUMNS
from ruleset.scope import Conditions
from ruleset.templates import TEMPLATES
from server.cli.main import main
from server.cli.pack_files import opened
from tests.pack.conftest import CHECKOUT
from tests.pack.test_lint import SEX, pack_of

SAFETY = CHECKOUT / "ruleset" / "packs" / "safety-cn"


class Reader(HTMLParser):
    """Collects what a page shows and where it leads."""

    def __init__(self):
        super().__init__()
        self.links, self.ids, self.tags, self.words = [], set(), set(), []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.tags.add(tag)
        self.words.append(" " if tag in ("td", "th", "div", "p", "h3", "br") else "")
        if "href" in named:
            self.links.append(named["href"])
        if "id" in named:
            self.ids.add(named["id"])
        assert not [name for name in named if name.startswith("on")], f"a script in <{tag}>"

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def read(text):
    reader = Reader()
    reader.feed(text)
    return reader


@pytest.fixture(scope="module")
def national(starter_file):
    return {page.path: page.text for page in pages([LoadedPack(starter_file)])}


def test_every_rule_has_a_page_and_every_link_leads_somewhere(national):
    index = read(national["index.html"])
    for path, text in national.items():
        if not path.endswith(".html"):
            continue
        page = read(text)
        assert not page.tags & {"script", "iframe", "img", "link", "form"}, path
        for link in page.links:
            target, _, anchor = unquote(link).partition("#")
            if not target:
                assert anchor in page.ids, (path, link)
                continue
            place = (Path("/") / path).parent / target
            assert str(place.resolve())[1:] in national, (path, link)
    rules = {path for path in national if path.startswith("nhsa/") and path.endswith(".html")}
    assert rules <= {unquote(link) for link in index.links}
    assert len(rules) == len(list((CHECKOUT / "ruleset" / "packs" / "nhsa" / "rules").glob("*.toml")))


def test_a_rule_page_says_what_a_committee_asks(national):
    text = read(national["nhsa/drug-sex.html"]).text
    for words in (
        "药品区分性别使用",
        "GZ10000301004000",
        "核对病历；换药；填理由",
        "《医疗保障基金智能监管规则库、知识库（2025年版）》，第一批，2025-05-23 公布",
        "T06 性别限定",
        "需要的事实 性别 缺少时只提示补充，不判违规。",
        "限女性使用，患者登记的性别为男",
        "不提示",
    ):
        assert words in text, words


def test_many_rows_are_shown_in_part_and_kept_whole_beside(national):
    page = national["nhsa/drug-sex.html"]
    table = list(csv.reader(io.StringIO(national["nhsa/drug-sex.csv"].removeprefix("\ufeff"))))
    source = (CHECKOUT / "ruleset" / "packs" / "nhsa" / "rows" / "drug-sex.csv").read_text(encoding="utf-8-sig")
    assert table == list(csv.reader(io.StringIO(source)))
    shown = [row for row in table[1:] if f"<td>{row[0]}</td><td>{row[1]}</td>" in page]
    assert len(table) - 1 > SHOWN_ROWS_MAX
    assert f"以下为前 {SHOWN_ROWS_MAX} 行" in page
    assert len({tuple(row) for row in table[1 : SHOWN_ROWS_MAX + 1]} - {tuple(row) for row in shown}) == 0


def test_the_index_counts_the_88(national):
    index = read(national["index.html"])
    assert len(re.findall(r"<tr(?: class=\"silent\")?><td>\d+</td>", national["index.html"])) == 88
    assert re.search(r"88 条中 \d+ 条可在付费之前判断，13 条只能事后批量判断", index.text)


def test_a_pack_of_ones_own_shows_no_coverage(tmp_path):
    small = {page.path: page.text for page in pages([opened(str(pack_of(tmp_path, "T06", SEX)))])}
    assert "国家 88 条规则的覆盖" not in small["index.html"]


def test_examples_show_what_the_engine_answers_now(tmp_path):
    root = pack_of(tmp_path, "T06", SEX, '[scope]\nmin_age = "18岁"\n[exempt]\nflags = ["cancer_pain"]\n')
    line = 'lines = [{ item_code = "X1", item_name = "甲药", dose = 2, dose_unit = "mg", days = 3, group_id = "7" }]\n'
    head = "[defaults]\ntime = 2026-07-06T09:00:00\n"
    cases = "".join(
        f'[[case]]\nname = "{name}"\nkind = "{kind}"\npatient = {patient}\n{line}'
        for name, kind, patient in (
            ("男性", "violating", '{ sex = "male", birth_date = 1990-01-01 }'),
            ("女性", "compliant", '{ sex = "female", birth_date = 1990-01-01 }'),
            ("未登记", "unknown", "{ birth_date = 1990-01-01 }"),
        )
    )
    (root / "tests" / "r.toml").write_text(head + cases, encoding="utf-8")
    text = read({page.path: page.text for page in pages([opened(str(root))])}["small/r.html"]).text
    assert "适用范围 年龄不小于：18岁" in text
    assert "除外 患者标记：癌痛" in text
    _, male, female, unknown = re.split("男性 （违规）|女性 （合规）|未登记 （事实不全）", text)
    assert "时间 2026-07-06 09:00:00" in male
    assert "单次剂量 天数 其他 1 甲药 X1 2 mg 3 组号 7" in male
    assert "提醒 “甲药”须核对。 医嘱 1；出路：核对病历" in male
    assert "不提示" in female
    assert "请补充 性别" in unknown


def test_what_a_pack_says_is_text_and_never_markup(tmp_path):
    root = pack_of(tmp_path, "T06", SEX.replace("甲药", "<script>alert(1)</script>"))
    page = {page.path: page.text for page in pages([opened(str(root))])}["small/r.html"]
    assert "script" not in read(page).tags
    assert "<script>alert(1)</script>" in read(page).text


def test_a_rule_without_rows_says_so(national):
    assert "本包没有这条规则的行" in read(national["nhsa/diagnosis-sex.html"]).text


def test_whole_prescriptions_have_pages_of_their_own():
    made = {page.path: page.text for page in pages([opened(str(SAFETY))])}
    names = {path.stem for path in (SAFETY / "tests").glob("prescriptions-*.toml")}
    assert names
    assert {f"safety-cn/cases/{name}.html" for name in names} <= made.keys()
    assert {f"safety-cn/cases/{name}.html" for name in names} <= {unquote(x) for x in read(made["index.html"]).links}


def test_every_column_condition_and_template_has_its_word():
    columns = {name for template in TEMPLATES.values() for name in template.columns.__struct_fields__}
    assert sorted(name for name in columns | set(COMMON_COLUMNS) if field_word(name) == name) == []
    assert set(CONDITIONS) == set(Conditions.__struct_fields__)
    assert max(TEMPLATES) <= GROUPS[-1][0]


def test_the_command_writes_them(tmp_path, capsys):
    root = pack_of(tmp_path / "pack", "T06", SEX)
    (root / "tests" / "r.toml").unlink()
    assert main(["pack", "docs", str(root), "-o", str(tmp_path / "site")]) == 0
    assert {str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*.*")} == {
        "index.html",
        "small/r.html",
        "small/r.csv",
    }
    assert "2 pages" in capsys.readouterr().out
    assert main(["pack", "docs", str(tmp_path / "nothing"), "-o", str(tmp_path / "other")]) == 1


def test_a_boundary_case_says_where_it_stands(national):
    assert set(BOUNDARIES) == set(get_args(Boundary))
    text = read(national["nhsa/drug-facility-level.html"]).text
    for word in BOUNDARIES.values():
        assert f"（边界：{word}）" in text
