"""`pack fmt`: one form for a table, reached in one step, that says what the table said."""

import csv
import io

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ruleset.pack.check import check_pack
from ruleset.pack.format import column_order, formatted
from ruleset.pack.source import COMMON_COLUMNS, read_source
from ruleset.templates import TEMPLATES
from server.cli.main import main
from tests.pack.conftest import CHECKOUT

ROWS = "rows/drug-sex.csv"


def what_it_says(root):
    """Every row of a pack as the compiler sees it, without the lines where they stand."""
    pack = check_pack(read_source(root))
    rows = [msgspec.structs.replace(row, line=0, cells=()) for row in pack.rows]
    return sorted(rows, key=lambda row: (row.rule_id, row.id))


def written(root):
    return (root / ROWS).read_bytes()


def test_what_a_spreadsheet_saved_becomes_canonical_and_says_the_same(small_pack):
    path = small_pack / ROWS
    canonical = path.read_bytes()
    before = what_it_says(small_pack)
    table = list(csv.DictReader(io.StringIO(canonical.decode())))
    text = io.StringIO(newline="")
    header = ["valid_to", "sex", "item_name", "valid_from", "item_code"]
    writer = csv.DictWriter(text, header, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(table)
    path.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    assert main(["pack", "fmt", "--check", str(small_pack)]) == 1
    assert path.read_bytes() != canonical
    assert main(["pack", "fmt", str(small_pack)]) == 0
    assert path.read_bytes() == canonical
    assert what_it_says(small_pack) == before
    assert main(["pack", "fmt", "--check", str(small_pack)]) == 0


def test_rows_keep_their_order_unless_asked_to_be_sorted(small_pack):
    path = small_pack / ROWS
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    turned = "\n".join([header, *reversed(rows), ""]).encode()
    path.write_bytes(turned)
    before = what_it_says(small_pack)
    assert main(["pack", "fmt", str(small_pack)]) == 0
    assert written(small_pack) == turned
    assert main(["pack", "fmt", "--sort", str(small_pack)]) == 0
    assert written(small_pack).decode().splitlines() == [header, *rows]
    assert what_it_says(small_pack) == before


def test_lists_are_written_like_rows(small_pack):
    (small_pack / "lists").mkdir()
    path = small_pack / "lists" / "抗凝药.csv"
    path.write_bytes('"name","ingredient"\r\n,"华法林"\r\n'.encode())
    assert main(["pack", "fmt", str(small_pack)]) == 0
    assert path.read_text(encoding="utf-8") == "ingredient,name\n华法林,\n"


def test_a_cell_keeps_its_text(small_pack):
    path = small_pack / ROWS
    text = path.read_text(encoding="utf-8").replace("甲药", '"甲,药 ""片""\n(一)"')
    path.write_text(text, encoding="utf-8")
    names = [row.params.item_name for row in what_it_says(small_pack)]
    assert '甲,药 "片"\n(一)' in names
    assert main(["pack", "fmt", str(small_pack)]) == 0
    assert [row.params.item_name for row in what_it_says(small_pack)] == names


def test_a_table_that_cannot_be_read_is_left_alone(small_pack, capsys):
    path = small_pack / ROWS
    path.write_bytes(b"item_code,sex\nX1\n")
    assert main(["pack", "fmt", str(small_pack)]) == 1
    assert path.read_bytes() == b"item_code,sex\nX1\n"
    assert f"{ROWS}:2:1: 1 cells where the header has 2" in capsys.readouterr().err


def test_our_own_packs_have_that_form():
    packs = [path for path in (CHECKOUT / "ruleset" / "packs").iterdir() if (path / "pack.toml").is_file()]
    assert packs
    assert [
        f"{path.name}/{file.path}" for path in packs for file in formatted(read_source(path)) if not file.is_canonical
    ] == []


def test_formatting_the_starter_pack_changes_nothing_that_it_says(starter_copy):
    before = what_it_says(starter_copy)
    assert main(["pack", "fmt", "--sort", str(starter_copy)]) == 0
    assert what_it_says(starter_copy) == before
    assert all(file.is_canonical for file in formatted(read_source(starter_copy), sort=True))


@given(st.sampled_from(sorted(TEMPLATES)), st.data())
def test_the_order_of_columns_does_not_depend_on_the_one_before(template_id, data):
    template = TEMPLATES[template_id]
    names = [
        *template.columns.__struct_fields__,
        *(name for name in COMMON_COLUMNS if name not in template.columns.__struct_fields__),
    ]
    header = data.draw(st.permutations(names))
    assert column_order(header, template) == column_order(names, template)
