"""The source form of a pack: what stands in its directory, read but not yet judged.

    pack.toml          id, revision, title, region, minimum engine
    rules/ID.toml      one rule: a template with its defaults; ID is the rule's id
    rows/ID.csv        the rows of that rule: one column per field of the template that varies, and the common ones
    substances.csv     the ATC class that a substance has when it is given systemically
    lists/NAME.csv     a named list of items, ingredients or ATC classes, which rows name as a `drug_class`
    overrides/NAME.csv what the pack says of rows of packs of lower layers (`ruleset.layers`)
    tests/NAME.toml    cases with their expected findings

CSV is UTF-8 (a byte order mark is allowed: spreadsheets write one), with a header. Lists inside a cell are separated
by `|`.
"""

import csv
import io
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from ruleset.case import Trigger
from ruleset.codes import class_prefixes
from ruleset.layers import Layer
from ruleset.pack.diagnostics import Diagnostic, PackError, did_you_mean
from ruleset.pack.typed import Fault, Keys, fields_of
from ruleset.rule import Citation, Curation, OverridePolicy, RowCommon, RuleKind, SeverityDegree
from ruleset.scope import Conditions
from ruleset.template import class_key, diagnosis_key, ingredient_key, item_key, operation_key

Typed = TypeVar("Typed", bound=msgspec.Struct)

PACK_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
REVISION_MAX = 10**15
"""Revisions are dates with a serial; more digits than this are a slip, and would not travel as JSON numbers."""
ROWS_FILE_MAX_BYTES = 256 * 1024 * 1024
IDENTITY_COLUMNS = ("row_id", "valid_from", "valid_to")
"""A row's own id (else it is made from its key columns and valid_from), and the days on which it is in force, from
`valid_from` up to but not including `valid_to`; empty is without limit."""
STATED_COLUMNS = tuple(name for name in RowCommon.__struct_fields__ if name not in ("scope", "exempt"))
"""What a row may state beside its template's columns; see `ruleset.rule.RowCommon`."""
SCOPE_PREFIX = "scope_"
EXEMPT_PREFIX = "exempt_"
SCOPE_COLUMNS = tuple(SCOPE_PREFIX + name for name in Conditions.__struct_fields__)
EXEMPT_COLUMNS = tuple(EXEMPT_PREFIX + name for name in Conditions.__struct_fields__)
COMMON_COLUMNS = (*IDENTITY_COLUMNS, *STATED_COLUMNS, *SCOPE_COLUMNS, *EXEMPT_COLUMNS)
"""Columns that every row file may have. `scope_` and `exempt_` columns are the conditions of `ruleset.scope`."""
LIST_COLUMNS = ("item_code", "ingredient", "drug_class", "diagnosis", "operation", "name")
"""Columns of a list: each line has one of the first five; `name` is for people. Diagnoses and operations are there for
`within_list`."""

SUBSTANCES = Path("substances.csv")
SUBSTANCE_COLUMNS = ("ingredient", "systemic_class", "name")
"""Columns of `substances.csv`; `name` is for people."""


class PackHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """pack.toml."""

    id: str
    revision: int
    title: str
    region: str = ""
    layer: Layer = "hospital"
    """What it stands for; a higher one may state something about rows of a lower one (`overrides/`)."""
    regions: tuple[str, ...] = ()
    """统筹区 for whose insured it holds (参保地政策), by administrative division; none: for everybody."""
    treatment_regions: tuple[str, ...] = ()
    """就医地 in which it holds (就医地目录), by administrative division; none: everywhere."""
    minimum_engine: str = "0.1.0"
    not_before: date | None = None
    """The first day on which a server may put it in force."""
    expires: date | None = None
    """The day from which it is stale: it goes on being served, and every answer says so."""
    rules_of: str = ""
    """A pack beside this one (its directory's name) whose rules its row files may be of: a row file without a rule
    of its own takes the rule of that name from there, so that no rule is written twice."""
    invented: tuple[str, ...] = ()
    """Beginnings of codes and classes that the pack has made up to demonstrate something, so that no catalogue has
    them: the linter does not look for them there."""


class CitationSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A citation of a rule, for the rows whose `valid_from` is at or after its own (and before the next one's)."""

    document: str
    batch: str = ""
    published: date | None = None
    valid_from: date | None = None

    def citation(self) -> Citation:
        """Return the citation as the answers give it."""
        return Citation(self.document, self.batch, self.published.isoformat() if self.published else "")


ActionName = Literal["HINT", "WARN", "WARN_REASON", "REVIEW", "BLOCK"]


class RuleSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """rules/ID.toml."""

    template: str
    title: str
    official_code: str
    kind: RuleKind
    action: ActionName
    message: str
    citations: list[CitationSource]
    curation: Curation = "official"
    severity_degree: SeverityDegree = "1"
    action_at: dict[Trigger, ActionName] = {}
    remedies: list[str] = []
    exempt_payers: list[str] = []
    constants: dict[str, Any] = {}
    scope: Conditions | None = None
    exempt: Conditions | None = None
    override: OverridePolicy = OverridePolicy()
    review_code: str = ""


class RawRow(msgspec.Struct, frozen=True):
    """One line of a row file: where it stands and what its cells say."""

    line: int
    cells: dict[str, str]


class RawTable(msgspec.Struct, frozen=True):
    """One row file. `path` is relative to the pack."""

    path: str
    header: tuple[str, ...]
    rows: tuple[RawRow, ...]


class NamedList(msgspec.Struct, frozen=True):
    """One list: its name and its members, each under the index key that tells what it is."""

    name: str
    path: str
    members: tuple[tuple[int, str], ...]
    """Line of the file, and key."""

    def member_keys(self) -> tuple[str, ...]:
        """Return the members' keys, each once."""
        return tuple(dict.fromkeys(key for _, key in self.members))


UNREAD_RULE = RuleSource("", "", "", "safety", "BLOCK", "", [CitationSource("")])
UNREAD_HEAD = PackHead("", 1, "")
"""What stands for the required fields of a file that cannot be read, or of which they are wrong or missing: of a kind of
which nothing more is wrong, so that only what is stated is complained of."""


class PackSource(msgspec.Struct, frozen=True):
    """A pack's directory as read: parsed, with nothing checked beyond each file's own form."""

    root: str
    head: PackHead
    rules: dict[str, RuleSource]
    tables: dict[str, RawTable]
    tests: dict[str, dict[str, Any]]
    lists: dict[str, NamedList] = {}
    substances: RawTable | None = None
    """`substances.csv`, checked: each row has an ingredient and an ATC class."""
    overrides: dict[str, RawTable] = {}


class Reading(msgspec.Struct, frozen=True):
    """What could be read of a pack's directory, and what is wrong with its files.

    `wrong` names by file the fields that are wrong or missing, for which defaults (`UNREAD_RULE`, `UNREAD_HEAD`) stand. A
    file that is wrong as a whole is in it with every field.
    """

    source: PackSource
    problems: tuple[Diagnostic, ...] = ()
    wrong: dict[str, frozenset[str]] = {}


def read_source(root: Path) -> PackSource:
    """Read the pack in directory `root`. Raises PackError naming every file that cannot be read as what it is."""
    reading = read_leniently(root)
    if reading.problems:
        raise PackError(reading.problems)
    return reading.source


def read_leniently(root: Path) -> Reading:
    """Read what can be read of the pack in directory `root`, so that what is wrong with one file hides no other."""
    problems: list[Diagnostic] = []
    wrong: dict[str, frozenset[str]] = {}
    head = _typed(root, Path("pack.toml"), UNREAD_HEAD, problems, wrong) or UNREAD_HEAD
    rules: dict[str, RuleSource] = {}
    for path in _files(root, "rules", "*.toml"):
        rule = _typed(root, path, UNREAD_RULE, problems, wrong)
        if rule is not None:
            rules[path.stem] = rule
    tables = {path.stem: table for path in _files(root, "rows", "*.csv") if (table := _table(root, path, problems))}
    tests: dict[str, dict[str, Any]] = {}
    for path in _files(root, "tests", "*.toml"):
        document = _toml(root, path, problems)
        if document is not None:
            tests[str(path)] = document
    overrides = {
        path.stem: table for path in _files(root, "overrides", "*.csv") if (table := _table(root, path, problems))
    }
    lists = {path.stem: found for path in _files(root, "lists", "*.csv") if (found := _list(root, path, problems))}
    substances = _substances(root, problems) if (root / SUBSTANCES).exists() else None
    if head.rules_of:
        rules = {**_borrowed_rules(root, head.rules_of, tables, problems, wrong), **rules}
    source = PackSource(str(root), head, rules, tables, tests, lists, substances, overrides)
    return Reading(source, tuple(problems), wrong)


def _borrowed_rules(
    root: Path,
    neighbour: str,
    tables: dict[str, RawTable],
    problems: list[Diagnostic],
    wrong: dict[str, frozenset[str]],
) -> dict[str, RuleSource]:
    """Return the rules of another pack that this one's row files are named for."""
    place = root.resolve().parent / neighbour
    if not PACK_ID.fullmatch(neighbour) or not (place / "pack.toml").is_file():
        line, column = line_of_key(root / "pack.toml", "rules_of")
        problems.append(Diagnostic("pack.toml", line, column, f"no pack `{neighbour}` beside this one"))
        wrong["pack.toml"] = wrong.get("pack.toml", frozenset()) | {"rules_of"}
        return {}
    rules: dict[str, RuleSource] = {}
    for name in tables:
        path = Path("rules") / f"{name}.toml"
        if (place / path).is_file() and not (root / path).is_file():
            rule = _typed(place, path, UNREAD_RULE, problems, wrong)
            if rule is not None:
                rules[name] = rule
    return rules


def _list(root: Path, path: Path, problems: list[Diagnostic]) -> NamedList | None:
    table = _table(root, path, problems)
    if table is None:
        return None
    keys = {
        "item_code": item_key,
        "ingredient": ingredient_key,
        "drug_class": class_key,
        "diagnosis": diagnosis_key,
        "operation": operation_key,
    }
    for column, name in enumerate(table.header, 1):
        if name not in LIST_COLUMNS:
            help_text = did_you_mean(name, LIST_COLUMNS)
            problems.append(Diagnostic(str(path), 1, column, f"unknown column `{name}`", help_text))
            return None
    members: list[tuple[int, str]] = []
    for row in table.rows:
        given = [key(row.cells[name]) for name, key in keys.items() if row.cells.get(name)]
        if len(given) != 1:
            problems.append(
                Diagnostic(str(path), row.line, 1, f"expected one of {', '.join(keys)}, found {len(given)}")
            )
        members.extend((row.line, key) for key in given)
    return NamedList(path.stem, str(path), tuple(members))


def _substances(root: Path, problems: list[Diagnostic]) -> RawTable | None:
    table = _table(root, SUBSTANCES, problems)
    if table is None:
        return None
    for column, name in enumerate(table.header, 1):
        if name not in SUBSTANCE_COLUMNS:
            help_text = did_you_mean(name, SUBSTANCE_COLUMNS)
            problems.append(Diagnostic(str(SUBSTANCES), 1, column, f"unknown column `{name}`", help_text))
            return None
    first: dict[str, int] = {}
    for row in table.rows:
        ingredient, atc = row.cells.get("ingredient", ""), row.cells.get("systemic_class", "")
        if not ingredient:
            problems.append(Diagnostic(str(SUBSTANCES), row.line, 1, "`ingredient` is empty"))
        if not class_prefixes(atc):
            problem = f"`systemic_class` `{atc}` is no ATC code"
            problems.append(Diagnostic(str(SUBSTANCES), row.line, 1, problem))
        if first.setdefault(ingredient, row.line) != row.line:
            problem = f"`{ingredient}` stands in line {first[ingredient]} already"
            problems.append(Diagnostic(str(SUBSTANCES), row.line, 1, problem))
    return table


def _files(root: Path, folder: str, pattern: str) -> Iterator[Path]:
    """Yield the files of one folder, relative to the pack, in the order of their names."""
    for path in sorted((root / folder).glob(pattern)):
        yield path.relative_to(root)


def _toml(root: Path, path: Path, problems: list[Diagnostic]) -> dict[str, Any] | None:
    try:
        return tomllib.loads((root / path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(Diagnostic(str(path), 1, 1, "file is missing"))
    except UnicodeDecodeError:
        problems.append(Diagnostic(str(path), 1, 1, "file is not UTF-8"))
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+), column (\d+)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (1, 1)
        problems.append(Diagnostic(str(path), line, column, f"not valid TOML: {error}"))
    return None


def _typed(
    root: Path, path: Path, unread: Typed, problems: list[Diagnostic], wrong: dict[str, frozenset[str]]
) -> Typed | None:
    """Return a TOML file as the struct of `unread`, which stands for fields that are wrong; None where it is no TOML."""
    document = _toml(root, path, problems)
    if document is None:
        wrong[str(path)] = frozenset(unread.__struct_fields__)
        return None
    faults: list[Fault] = []
    values = fields_of(document, type(unread), faults)
    places = _places(root / path)
    for fault in faults:
        line, column = _place(places, fault.keys)
        problems.append(Diagnostic(str(path), line, column, fault.message, fault.help))
    if faults:
        wrong[str(path)] = frozenset(
            {str(fault.keys[0]) for fault in faults} | {fault.meant for fault in faults if len(fault.keys) == 1}
        )
    return msgspec.structs.replace(unread, **values)


Places = dict[Keys, tuple[int, int]]
_HEADER = re.compile(r"\s*\[(\[?)\s*([^\[\]]+?)\s*\]")
_SETTING = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def _places(path: Path) -> Places:
    """Return the 1-based line and column of each table and key of a TOML file, the first where one stands twice."""
    found: Places = {}
    table: Keys = ()
    entries: dict[Keys, int] = {}
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        header, setting = _HEADER.match(text), _SETTING.match(text)
        if header:
            table = _parts(header[2])
            for length in range(1, len(table)):  # a table of the last entry of a list of tables
                if table[:length] in entries:
                    table = (*table[:length], entries[table[:length]], *table[length:])
            if header[1]:
                found.setdefault(table, (number, header.start(2) + 1))
                entries[table] = entries.get(table, -1) + 1
                table = (*table, entries[table])
            found.setdefault(table, (number, header.start(2) + 1))
        elif setting:
            found.setdefault((*table, *_parts(setting[1])), (number, setting.start(1) + 1))
    return found


def _parts(dotted: str) -> Keys:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _place(places: Places, keys: Keys) -> tuple[int, int]:
    """Return where `keys` stand, else what they stand in: an inline table has one line; (1, 1) is the file."""
    for length in range(len(keys), 0, -1):
        if keys[:length] in places:
            return places[keys[:length]]
    return 1, 1


def line_of_key(path: Path, key: str) -> tuple[int, int]:
    """Return the 1-based line and column where a TOML file sets `key`, or (1, 1): a borrowed rule has no file here."""
    if key and path.is_file():
        return next((place for keys, place in _places(path).items() if keys[-1] == key), (1, 1))
    return 1, 1


def read_table(root: Path, path: Path) -> RawTable:
    """Read one CSV file of a pack. Raises PackError naming what is wrong with it."""
    problems: list[Diagnostic] = []
    table = _table(root, path, problems)
    if table is None or problems:
        raise PackError(problems)
    return table


def _table(root: Path, path: Path, problems: list[Diagnostic]) -> RawTable | None:
    full = root / path
    if full.stat().st_size > ROWS_FILE_MAX_BYTES:
        problems.append(Diagnostic(str(path), 1, 1, f"larger than {ROWS_FILE_MAX_BYTES} bytes"))
        return None
    try:
        text = full.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        problems.append(Diagnostic(str(path), 1, 1, "file is not UTF-8", "save it as CSV UTF-8"))
        return None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[RawRow] = []
    try:
        header = tuple(next(reader, ()))
        start = 2
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                message = f"{len(cells)} cells where the header has {len(header)}"
                problems.append(Diagnostic(str(path), line, 1, message))
                continue
            rows.append(RawRow(line, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        problems.append(Diagnostic(str(path), reader.line_num, 1, f"not valid CSV: {error}"))
        return None
    if len(set(header)) != len(header):
        problems.append(Diagnostic(str(path), 1, 1, "a column stands twice in the header"))
        return None
    return RawTable(str(path), header, tuple(rows))
