"""Several packs with statements about one another: engine and naive oracle give the same answers."""

import csv
import tempfile
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.diagnostics import PackError
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from tests.diff.generate_claims import ClaimMaker
from tests.diff.generate_rows import DAY, LISTS, rule
from tests.diff.harness import SYSTEMIC_CLASSES, _toml, _without, case_of, engine_answer, write_pack_source
from tests.diff.oracle import ACTIONS, Answer, judged, read_rows
from tests.diff.oracle_layers import JudgedInLayers, Pack, rows_in_layers
from tests.diff.oracle_world import SUBSTANCES_FILE

TEMPLATES = ("T01", "T02", "T03", "T04", "T06", "T09", "T11", "T15", "T18", "T29")
"""Templates whose rows judge a line by themselves: a row that looks at others of its group is another question."""
KNOWN_LISTS = {**LISTS, SUBSTANCES_FILE: list(SYSTEMIC_CLASSES)}
REGIONS = ("370000", "370100", "370102", "370200", "420000")
STATEMENT_COLUMNS = ("pack", "rule", "row_id", "mode", "action", "reason", "approved_by", "valid_from", "valid_to")
CLAIMS_OF_A_SET = 40
SETS = 32
SETS_LONG = 1_500
PLACES_MIN = 3
"""How often each kind of outcome must come up in the short form."""


def make_pack(folder: Path, name: str, head: dict, rules: list[dict], statements: list[dict]) -> Pack | None:
    """Write and compile a pack of generated rules, without the rows that the compiler refuses; None where none is left."""
    for number in range(20):
        root = folder / f"{name}-{number}"
        write_pack_source(root, rules, LISTS)
        for path in (*root.glob("rules/*"), *root.glob("rows/*")):
            path.rename(path.with_name(f"{name}-{path.name}"))
        for path in root.glob("rows/*"):
            path.write_text(path.read_text("utf-8").replace("\nr", f"\n{name}-r"), encoding="utf-8")
        for path in root.glob("rules/*"):
            path.write_text(path.read_text("utf-8").replace('"GZ', f'"{name}-GZ'), encoding="utf-8")
        text = "".join(f"{key} = {_toml(value)}\n" for key, value in head.items())
        (root / "pack.toml").write_text(f'id = "{name}"\nrevision = 1\ntitle = "x"\n{text}', encoding="utf-8")
        (root / "overrides").mkdir()
        with (root / "overrides" / "all.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, STATEMENT_COLUMNS)
            writer.writeheader()
            writer.writerows(statements)
        try:
            compile_pack(root, folder / f"{name}.pack")
        except PackError as error:
            bad = {
                (one.path.replace(f"rows/{name}-", "rows/"), one.line)
                for one in error.diagnostics
                if "rows/" in one.path
            }
            if not bad:
                raise
            rules = _without(rules, bad)
            if not rules and not statements:
                return None
            continue
        return Pack(
            name,
            head["layer"],
            head.get("regions", []),
            head.get("treatment_regions", []),
            read_rows(root),
            statements,
        )
    raise AssertionError(name)


def rules_of(random: Random, templates: list[str], *, in_a_region: bool) -> list[dict]:
    made = [rule(random, template) for template in templates]
    for row in (row for one in made for row in one["rows"]):
        row["mode"] = random.choice(("", "", "", "off", "shadow"))
    if in_a_region:  # a condition of its own about the place would stand in its pack's place
        for one in made:
            one.pop("scope", None)
            for row in one["rows"]:
                row.pop("scope_regions", None)
                row.pop("scope_treatment_regions", None)
    return made


def statement(random: Random, target: Pack) -> dict[str, str]:
    row = random.choice(target.rows)
    mode, action = random.choice(("", "", "off", "off", "active", "active")), random.choice(("", *ACTIONS))
    if mode == "off" or not (mode or action):
        mode, action = mode or "off", ""
    days = [(DAY + timedelta(days=n)).isoformat() for n in (-1, 0, 1, 2)]
    begin, end = random.choice((("", ""), ("", ""), ("", days[1]), (days[0], ""), (days[1], days[2]), (days[1], "")))
    return {
        "pack": target.id,
        "rule": row.rule["id"],
        "row_id": random.choice(("", row.id, row.id)),
        "mode": mode,
        "action": action,
        "reason": "x",
        "approved_by": random.choice(("", "甲")),
        "valid_from": begin,
        "valid_to": end,
    }


def without_repeats(statements: list[dict[str, str]]) -> list[dict[str, str]]:
    """One statement of a pack about one thing: two on the same days are refused."""
    return list({(one["pack"], one["rule"], one["row_id"]): one for one in statements}.values())


def packs_of(random: Random, folder: Path) -> list[Pack]:
    """A national pack, mostly two regional ones, a safety pack and one of the hospital, each stating something of lower ones."""
    made: list[Pack] = []
    focus = random.choice(TEMPLATES)
    for name, layer in (
        ("nation", "national"),
        ("here", "regional"),
        ("there", "regional"),
        ("safe", "safety"),
        ("house", "hospital"),
    ):
        if layer != "national" and random.random() < 0.25:
            continue
        head: dict = {"layer": layer}
        if layer == "regional":
            key = "regions" if name == "here" else "treatment_regions"
            head[key] = [random.choice(REGIONS)]
        below = [pack for pack in made if pack.layer != layer and pack.rows]
        templates = (
            [focus, focus]
            if layer == "national"
            else random.sample([focus, random.choice(TEMPLATES)], random.choice((0, 1)))
        )
        statements = [statement(random, random.choice(below)) for _ in range(random.choice((1, 2, 3)))] if below else []
        rules = rules_of(random, templates, in_a_region=layer == "regional")
        pack = make_pack(folder, name, head, rules, without_repeats(statements)) if rules or statements else None
        if pack is not None:
            made.append(pack)
    return made


def comparable(answer: Answer, other: Answer) -> Answer:
    """An answer without what says that rows about a drug's substances could not be looked up.

    The engine goes by the kinds of rows that the packs have, also where statements switch all of one kind off.
    """
    left = [gap for gap in answer.not_evaluated if gap.reason != "unknown_drug"]
    had = len(left) < len(answer.not_evaluated) or any(gap.reason == "unknown_drug" for gap in other.not_evaluated)
    completeness = str(answer.completeness == "NONE") if had else answer.completeness
    return answer._replace(not_evaluated=left, completeness=completeness)


def compare(seed: str, sets: int) -> dict[str, int]:
    """Compare so many sets of packs; return how often each kind of thing came up."""
    random = Random(seed)
    seen = {"off": 0, "hint for want of a region": 0, "other action": 0, "switched on": 0}
    for _ in range(sets):
        with tempfile.TemporaryDirectory() as folder:
            packs = packs_of(random, Path(folder))
            snapshot = Snapshot([LoadedPack(PackFile(Path(folder) / f"{pack.id}.pack")) for pack in packs])
            plain = Snapshot([LoadedPack(PackFile(Path(folder) / f"{packs[0].id}.pack"))])
            rows = rows_in_layers(packs)
            focus = packs[0].rows[0].template if packs[0].rows else TEMPLATES[0]
            maker = ClaimMaker(random, focus)
            for _ in range(CLAIMS_OF_A_SET):
                claim = maker.claim()
                expected, _ = judged(claim, rows, KNOWN_LISTS, lambda world, packs=packs: JudgedInLayers(world, packs))
                case = case_of(claim)
                got = engine_answer(case, snapshot)
                told = [[(pack.id, pack.statements) for pack in packs], claim]
                assert comparable(got, expected) == comparable(expected, got), told
                count(seen, engine_answer(case, plain), got)
    return seen


def count(seen: dict[str, int], plain: Answer, layered: Answer) -> None:
    """Count what the other packs changed of what the national one alone finds."""
    before = {(one.row, one.violating, one.related): one.action for one in plain.findings}
    after = {
        (one.row, one.violating, one.related): one.action for one in layered.findings if one.row.startswith("nation")
    }
    hinted = {hint.row for hint in layered.hints if {"insured_region", "region"} & {*hint.missing}}
    seen["off"] += sum(key not in after and key[0] not in hinted for key in before)
    seen["hint for want of a region"] += sum(key not in after and key[0] in hinted for key in before)
    seen["other action"] += sum(after.get(key, action) != action for key, action in before.items())
    seen["switched on"] += sum(key not in before for key in after)


def test_layers_agree_with_the_oracle():
    seen = compare("layers", SETS)
    assert min(seen.values()) >= PLACES_MIN, seen


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_layers_agree_with_the_oracle_long():
    compare("layers, long", SETS_LONG)
