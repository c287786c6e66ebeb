"""`precheck pack lint`: everything that is wrong with a pack's source, and with what its author meant."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruleset.case import Case
from ruleset.codes import atc_of
from ruleset.drug_names import substance_name
from ruleset.pack.check import inspect_directory
from ruleset.pack.diagnostics import PackError
from ruleset.pack.file import PackFileError
from ruleset.pack.lint import Known, lint
from ruleset.results import plain
from server.cli.messages import MessageError, cases_of
from server.cli.pack_files import opened
from server.dictionary.lookup import Dictionary, load_dictionary
from server.dictionary.reading import DictionaryError
from server.profile import ProfileError, Profiles


def add_to(verbs: Any) -> None:
    """Add the command."""
    parser = verbs.add_parser(
        "lint",
        help="say everything that is wrong with a pack's source",
        description="Exit code: 1 with errors, and with --strict with warnings too; else 0.",
    )
    parser.add_argument("source", metavar="DIRECTORY")
    parser.add_argument(
        "--strict", action="store_true", help="warnings count as errors: what the shipped packs are held to"
    )
    parser.add_argument(
        "--dictionary", metavar="DIR", help="warn of codes that this hospital's dictionary does not have"
    )
    parser.add_argument(
        "--messages",
        metavar="FILE",
        nargs="+",
        default=[],
        help="warn of codes that no such captured message has either; feedback among them is passed over",
    )
    parser.add_argument(
        "--beside",
        metavar="PATH",
        action="append",
        default=[],
        help="a pack beside which it will be live, for what it states about rows of others; repeatable",
    )
    parser.add_argument("--profile", metavar="NAME", default="", help="read the messages as this site's")
    parser.add_argument("--profiles", metavar="DIR", default="", help="the sites' own profiles")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the findings."""
    try:
        profiles = Profiles(options.profiles, options.profile or "default")
        known = known_codes(
            load_dictionary(options.dictionary or ""), list(cases_of(options.messages, profiles, options.profile))
        )
        beside = [opened(path) for path in options.beside]
    except (DictionaryError, MessageError, ProfileError, PackError, PackFileError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    try:
        pack, problems = inspect_directory(Path(options.source))
    except PackError as error:
        print(error, file=sys.stderr)
        print(f"{_count(len(error.diagnostics), 'error')}, pack not compiled", file=sys.stderr)
        return 1
    # What can be read is looked at further, so that one error does not hide what else would be said.
    found = sorted({*problems, *lint(pack, known, beside)})
    for diagnostic in found:
        print(diagnostic, file=sys.stderr)
    errors = sum(diagnostic.severity == "error" for diagnostic in found)
    if problems:
        if len(found) > len(problems):
            print("what a warning says is missing may be in a row with an error", file=sys.stderr)
        print(f"{_count(errors, 'error')}, pack not compiled", file=sys.stderr)
        return 1
    warnings = len(found) - errors
    head = pack.source.head
    said = f"{_count(errors, 'error') if errors else 'no errors'}" + (
        f", {_count(warnings, 'warning')}" if warnings else ""
    )
    print(f"{head.id}@{head.revision}: {len(pack.rules)} rules, {len(pack.rows)} rows, {said}")
    return 1 if errors or (warnings and options.strict) else 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def known_codes(dictionary: Dictionary, cases: Sequence[Case]) -> Known:
    """Return the codes that a dictionary and captured messages contain. No code of a kind: nothing is known of it."""
    items = (dictionary.items or {}).values()
    lines = [line for case in cases for line in case.lines]
    encounters = [case.encounter for case in cases]
    item_codes = {*(dictionary.items or {}), *(line.item_code for line in lines)}
    classes = {name for item in items for name in (*item.classes, item.grade)}
    classes |= {name for line in lines for name in line.classes} | {atc_of(code) for code in item_codes}
    ingredients = {substance_name(part.name) for item in items for part in item.ingredients}
    ingredients |= {substance_name(part.name) for line in lines for part in line.ingredients}
    diagnoses = {coded.code for coded in (dictionary.diagnoses or {}).values()}
    diagnoses |= {diagnosis.code for encounter in encounters for diagnosis in encounter.diagnoses}
    operations = {coded.code for coded in (dictionary.operations or {}).values()}
    operations |= {operation.code for encounter in encounters for operation in encounter.operations}
    departments = {coded.code for coded in (dictionary.departments or {}).values()}
    departments |= {line.department_code for line in lines}
    departments |= {encounter.department_code for encounter in encounters}
    results = [observation for case in cases for observation in case.patient.observations]
    observations = {plain(word) for result in results for word in (result.code, result.name)}
    charge_kinds = {line.charge_kind for line in lines}
    sets = (item_codes, ingredients, classes, diagnoses, operations, departments, observations, charge_kinds)
    return Known(*(frozenset(codes - {""}) for codes in sets))
