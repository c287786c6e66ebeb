"""Write the generated parts of the reference from the code: `python docs/generate.py`, or `--check` to compare only.

A part stands in a Markdown file between `<!-- generated: NAME -->` and `<!-- end generated -->`; NAME is a key of
`PARTS`. What surrounds it is written by hand. Docstrings under attributes and constants are read from the source,
as Python keeps none of them.
"""

import argparse
import ast
import importlib
import inspect
import re
import sys
import tempfile
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from ruleset import case, document, expression, rule, scope  # noqa: E402 - the checkout's own code, wherever this is run from
from ruleset.facts import FACTS  # noqa: E402
from ruleset.pack import lint, page_words  # noqa: E402
from ruleset.template import SUBJECT_COLUMNS, Subject  # noqa: E402
from ruleset.templates import TEMPLATES  # noqa: E402
from ruleset.templates.item_row import ItemRow  # noqa: E402
from server import limits, profile, settings  # noqa: E402
from server.cli import main as command_line  # noqa: E402
from server.conformance.samples import Samples  # noqa: E402
from server.dictionary import tables  # noqa: E402
from server.entrance import fields  # noqa: E402

PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- end generated -->)", re.DOTALL)
LIMIT_NAME = re.compile(r"_(MAX|MIN)(_|$)")
METRIC_TYPES = {"Counter": "counter", "Histogram": "histogram", "gauge": "gauge", "Gauge": "gauge"}


def attribute_texts(path: Path, class_name: str = "") -> dict[str, str]:
    """Return the texts under the attributes of a class, or under the constants of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    body = tree.body
    if class_name:
        body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name).body
    found: dict[str, str] = {}
    name = ""
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        elif name and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found[name] = str(node.value.value)
            name = ""
        else:
            name = ""
    return found


def one_line(text: str | None) -> str:
    """Return a text for a cell of a table."""
    return " ".join((text or "").split()).replace("|", "\\|")


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    names = list(header)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def type_text(type_: Any) -> str:
    """Return a field's type as a reader of JSON, TOML or CSV thinks of it."""
    if type_ is type(None):
        return "null"
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Literal:
        return " / ".join("(empty)" if choice == "" else f"`{choice}`" for choice in arguments)
    if origin in (tuple, list):
        return f"list of {type_text(arguments[0])}"
    if origin is dict:
        return f"table of {type_text(arguments[1])}"
    if arguments:
        return " or ".join(type_text(argument) for argument in arguments if argument is not type(None))
    named = {
        "Any": "any value",
        "str": "text",
        "int": "whole number",
        "bool": "true / false",
        "Decimal": "number",
        "datetime": "time",
    }
    return named.get(type_.__name__, type_.__name__)


def default_text(field: msgspec.structs.FieldInfo) -> str:
    """Return a field's default, `required` where it has none."""
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else ()
    if value is None or value == () or (value == "" and value.__class__ is str):
        return ""
    if isinstance(value, (bool, int, str)):
        return f"`{str(value).lower() if isinstance(value, bool) else value}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return ""


def settings_part() -> str:
    """Every setting, with its places."""
    texts = attribute_texts(Path(settings.__file__), "Settings")
    rows = []
    for field in msgspec.structs.fields(settings.Settings):
        option = f"`--{field.name}`" if field.name in command_line.SERVE_OPTIONS else ""
        variable = f"`{settings.ENVIRONMENT_PREFIX}{field.name.upper()}`"
        meaning = one_line(texts[field.name])
        rows.append((f"`{field.name}`", variable, option, type_text(field.type), default_text(field), meaning))
    return table(("key", "environment", "`serve` option", "type", "default", "meaning"), rows)


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield every command's parser, depth first."""
    yield parser
    for action in parser._actions:  # noqa: SLF001 - argparse offers no public list, and its help text differs by version
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for child in action.choices.values():
                yield from parsers(child)


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of the `precheck` command."""
    return command_line._parser()  # noqa: SLF001 - the one place where it is made


def arguments_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Yield each argument of a command with its help text."""
    for action in parser._actions:  # noqa: SLF001 - as above
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):  # noqa: SLF001 - as above
            continue
        value = action.metavar or ("" if action.nargs == 0 else "/".join(action.choices or [action.dest.upper()]))
        names = ", ".join(action.option_strings)
        yield f"{names} {value}".strip(), action.help or ""


def cli_part() -> str:
    """Every command with its arguments."""
    parts: list[str] = []
    root = command_parser()
    summaries = {
        f"{parser.prog} {choice.dest}": choice.help or ""
        for parser in parsers(root)
        for action in parser._actions  # noqa: SLF001 - as above
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001 - as above
        for choice in action._choices_actions  # noqa: SLF001 - as above
    }
    for parser in parsers(root):
        text = ". ".join(filter(None, (summaries.get(parser.prog, ""), parser.description)))
        parts.append(f"### {parser.prog}\n\n{text}\n")
        rows = [(f"`{name}`", one_line(help_text)) for name, help_text in arguments_of(parser)]
        if rows:
            parts.append(table(("argument", "meaning"), rows))
    return "\n".join(parts)


def number_text(value: float | Decimal) -> str:
    """Return a number with thousands apart."""
    return f"{value:,}"


def limit_words(name: str) -> str:
    """Return what the name of a limit says, for one without a text of its own."""
    words, _, unit = re.sub(r"_(MAX|MIN)(_|$)", "|", name).lower().replace("_", " ").partition("|")
    bound = "at least" if "_MIN" in name else "at most"
    return f"{words}, {bound}" + (f", in {unit}" if unit else "")


def limits_part() -> str:
    """The limits of a message."""
    texts = attribute_texts(Path(limits.__file__))
    rows = [
        (f"`{name}`", number_text(value), one_line(texts.get(name, "")) or limit_words(name))
        for name, value in vars(limits).items()
        if name.isupper() and name != "MEBIBYTE"
    ]
    return table(("name in `server/limits.py`", "value", "meaning"), rows)


def other_limits() -> Iterator[tuple[str, str, float, str]]:
    """Yield module, name, value and text of every other constant that is called a maximum or a minimum."""
    for folder in ("server", "ruleset"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            relative = str(path.relative_to(ROOT))
            if relative == "server/limits.py":
                continue
            texts = attribute_texts(path)
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
                    continue
                name = node.targets[0].id
                if not LIMIT_NAME.search(name) or not name.isupper() or name.startswith("_"):
                    continue
                value = getattr(importlib.import_module(relative.removesuffix(".py").replace("/", ".")), name)
                yield relative, name, value, texts.get(name, "")


def other_limits_part() -> str:
    """The limits that are one module's own business."""
    rows = [
        (f"`{name}`", number_text(value), f"`{path}`", one_line(text) or limit_words(name))
        for path, name, value, text in other_limits()
        if isinstance(value, (int, float, Decimal))
    ]
    return table(("name", "value", "where", "meaning"), rows)


def facts_part() -> str:
    """The dictionary of facts."""
    rows = []
    for fact in FACTS.values():
        users = [template.id for template in TEMPLATES.values() if fact.name in template.needs]
        national = ", ".join(f"`{name}`" for name in fact.national)
        rows.append((f"`{fact.name}`", national, fact.label, one_line(fact.meaning), ", ".join(users)))
    return table(("fact", "national field", "said to a doctor", "meaning", "needed by"), rows)


def facts_without_a_field_part() -> str:
    """Where the facts come from that no field of the national message states."""
    rows = [
        (
            f"`{fact.name}`",
            fact.label,
            fact.stated_by or "nothing: a row that rests on it is a hint whatever a message says",
        )
        for fact in FACTS.values()
        if not fact.national
    ]
    return table(("fact", "said to a doctor", "stated by"), rows)


def paragraphs(text: str | None) -> str:
    """Return a docstring as paragraphs of Markdown, each on one line."""
    parts = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in parts) + "\n"


def subject_part() -> str:
    """The columns that say which items a row speaks of."""
    return f"{paragraphs(Subject.__doc__)}\n{columns_table(msgspec.structs.fields(Subject))}"


def columns_table(columns: Iterable[msgspec.structs.FieldInfo]) -> str:
    """Return the table of a template's columns."""
    cells = [(f"`{field.name}`", type_text(field.type), default_text(field) or "empty") for field in columns]
    return table(("column", "type", "default"), cells)


def templates_part() -> str:
    """The table of templates, and each one's columns. The columns of a subject are said once, in `subject_part`."""
    rows = []
    details: list[str] = []
    shared = {field.name for field in msgspec.structs.fields(Subject)}
    for template in TEMPLATES.values():
        module = sys.modules[type(template).__module__]
        has_subject = issubclass(template.columns, Subject)
        columns = [
            field for field in msgspec.structs.fields(template.columns) if not (has_subject and field.name in shared)
        ]
        needs = ", ".join(f"`{need}`" for need in template.needs)
        title = f"{template.id} {template.title}"
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        _, _, summary = one_line(module.__doc__).partition(": ")
        rows.append((f"[{template.id}](#{anchor})", template.title, summary.removesuffix("."), needs))
        details.append(f"### {title}\n\n{summary[:1].upper()}{summary[1:]}\n")
        details.append(paragraphs(type(template).__doc__))
        details.append(f"**Columns.** {columns_text(template.columns)}")
        if has_subject:
            details.append("Beside these the columns of [the items](#which-items-a-row-speaks-of).\n")
        details.append(columns_table(columns))
        evidence = ", ".join(f"`{{{name}}}`" for name in ("item", "date", *template.evidence))
        found = one_line(type(template).keys.__doc__)
        details.append(f"{found} Needs {needs}. A message may mention {evidence}.\n")
    return table(("id", "title", "what it is about", "facts it needs"), rows) + "\n" + "\n".join(details)


def columns_text(struct: type[msgspec.Struct]) -> str:
    """Return what the docstrings of a template's columns say, those of shared columns last."""
    shared = set(Subject.__mro__) | {ItemRow}
    own = [base for base in struct.__mro__ if base.__module__.startswith("ruleset.") and base not in shared]
    return "\n".join(dict.fromkeys(paragraphs(base.__doc__) for base in own if base.__doc__))


def expressions_part() -> str:
    """The facts and functions that an expression of T45 may name."""
    facts_of_lines = expression.FACTS_OF_LINE
    rows = [
        (
            f"`{name}`",
            declared.type,
            declared.meaning,
            declared.shown_as,
            f"`{declared.fact}`",
            "行" if name in facts_of_lines else "行, 就诊",
        )
        for name, declared in expression.DECLARED["行"].items()
    ]
    named = {str: "text", int: "whole number"}
    functions = [
        (
            f"`{name}({', '.join(named[parameter] for parameter in function.parameters)})`",
            function.returns,
            one_line(function.run.__doc__),
            function.shown_as,
        )
        for name, function in expression.FUNCTIONS.items()
    ]
    facts_table = table(("fact", "type", "meaning", "shown as", "missing as", "in"), rows)
    return facts_table + "\n" + table(("function", "type", "meaning", "shown as"), functions)


def column_text(field: msgspec.structs.FieldInfo) -> str:
    """Return a column of a row file: its name and type, in brackets where it may be left out."""
    text = f"`{field.name}` {cell_type_text(field.type)}"
    return text if field.required else f"[{text}]"


def cell_type_text(type_: Any) -> str:
    """Return the type of a cell as somebody at a spreadsheet thinks of it."""
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Literal:
        return "/".join(choice for choice in arguments if choice)
    if origin is tuple:
        return f"list of {cell_type_text(arguments[0])}"
    if arguments:
        texts = (cell_type_text(argument) for argument in arguments if argument is not type(None))
        return "/".join(text for text in texts if text)
    return {"str": "text", "int": "integer", "Decimal": "number"}[type_.__name__]


def pack_templates_part() -> str:
    """The table of templates for somebody who writes rows."""
    rows = []
    for template in TEMPLATES.values():
        fields = msgspec.structs.fields(template.columns)
        subject = all(name in template.columns.__struct_fields__ for name in SUBJECT_COLUMNS)
        names = {*SUBJECT_COLUMNS, "item_name"} if subject else set()
        columns = [column_text(field) for field in fields if field.name not in names]
        evidence = ", ".join(f"`{name}`" for name in template.evidence)
        needs = ", ".join(f"`{name}`" for name in template.needs)
        rows.append((template.id, template.title, ", ".join(["*subject*"] * subject + columns), evidence, needs))
    return table(("template", "title", "columns", "placeholders", "facts it may miss"), rows)


def pack_common_columns_part() -> str:
    """The columns that any row file may have, beside scope and exemptions."""
    texts = attribute_texts(Path(rule.__file__), "RowCommon")
    rows = []
    for field in msgspec.structs.fields(rule.RowCommon):
        if field.name not in ("scope", "exempt"):
            meaning = one_line(texts.get(field.name, "")) or "As of the rule, which it replaces for this row."
            rows.append((f"`{field.name}`", cell_type_text(field.type), meaning))
    return table(("column", "values", "meaning"), rows)


def pack_conditions_part() -> str:
    """The conditions of a scope or an exemption."""
    texts = attribute_texts(Path(scope.__file__), "Conditions")
    rows = [
        (
            f"`{field.name}`",
            page_words.CONDITIONS[field.name],
            cell_type_text(field.type),
            ", ".join(f"`{fact}`" for fact in scope.CONDITIONS[field.name].facts),
            one_line(texts.get(field.name, "")),
        )
        for field in msgspec.structs.fields(scope.Conditions)
    ]
    return table(("condition", "", "values", "unknown without", "meaning"), rows)


def pack_checks_part() -> str:
    """The checks of the linter, from their docstrings."""
    rows = [
        (f"`{check.__module__.rpartition('.')[2]}.{check.__name__}`", one_line(check.__doc__)) for check in lint.CHECKS
    ]
    return table(("check", "finds"), rows)


def fields_part() -> str:
    """The field table of the national message."""
    parts: list[str] = []
    for group in fields.ALL_GROUPS:
        rows = [
            (
                f"`{field.national}`",
                ", ".join(f"`{name}`" for name in field.names[1:]),
                f"`{field.fact}`",
                field.kind + (f" `{field.code_list}`" if field.kind in ("code", "flag_code") else ""),
                one_line(field.meaning),
            )
            for field in group.fields
        ]
        bare = f"A bare text in the object's place is its `{group.text_states}`.\n\n" if group.text_states else ""
        header = ("national", "other names", "fact", "read as", "meaning")
        parts.append(f"### {group.title}\n\n{bare}" + table(header, rows))
    return "\n".join(parts)


def metrics_in_code() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Yield name, type, labels and text of every metric that server/ makes."""
    for path in sorted((ROOT / "server").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if function in METRIC_TYPES:
                name, text = ast.literal_eval(node.args[0]), ast.literal_eval(node.args[1])
                labels = node.args[2] if len(node.args) > 2 and isinstance(node.args[2], ast.Tuple) else None
                exposed = f"{name}_total" if function == "Counter" else name
                yield exposed, METRIC_TYPES[function], ast.literal_eval(labels) if labels else (), text


def metrics_part() -> str:
    """Every metric."""
    rows = [
        (f"`{name}`", kind, ", ".join(f"`{label}`" for label in labels), one_line(text))
        for name, kind, labels, text in sorted(metrics_in_code())
    ]
    return table(("metric", "type", "labels", "meaning"), rows)


JSON_PLACES: Mapping[str, tuple[str, type[msgspec.Struct]]] = {
    "Facts": ("The document", document.CheckDocument),
    "Patient": ("`patient`", case.Patient),
    "Encounter": ("`encounter`", document.EncounterDocument),
    "PastEncounter": ("`history[]`", document.PastEncounterDocument),
    "Line": ("`encounter.lines[]`, `history[].lines[]`", case.Line),
    "Diagnosis": ("`encounter.diagnoses[]`, `visits[].diagnoses[]`", case.Diagnosis),
    "Operation": ("`encounter.operations[]`", case.Operation),
    "Ingredient": ("`ingredients[]` of a line", case.Ingredient),
    "Allergy": ("`patient.allergies[]`", case.Allergy),
    "Observation": ("`patient.observations[]`", case.Observation),
    "DiseaseProgram": ("`patient.programs[]`", case.DiseaseProgram),
    "Attestation": ("`encounter.attestations[]`", case.Attestation),
    "Counter": ("`encounter.counters[]`", case.Counter),
    "Visit": ("`visits[]`", case.Visit),
    "Practitioner": ("`practitioners[]`", case.Practitioner),
    "Privilege": ("`practitioners[].privileges[]`", case.Privilege),
    "UnknownFact": ("`unknown_facts[]`", case.UnknownFact),
}
"""The messages of facts.proto, where each stands in our own JSON, and its struct. What a field means is said there."""


def json_part() -> str:
    """Every field of our own JSON document."""
    (file,) = (file for file in proto_files() if file.name.endswith("/facts.proto"))
    comments = comments_of(file)
    parts: list[str] = []
    for number, message in enumerate(file.message_type):
        title, struct = JSON_PLACES[message.name]
        known = {field.name: field for field in msgspec.structs.fields(struct)}
        rows = [
            (f"`{field.name}`", json_type(known[field.name].type), comments[4, number, 2, place])
            for place, field in enumerate(message.field)
        ]
        parts.append(f"### {title}\n\n{comments[4, number]}\n\n" + table(("field", "type", "meaning"), rows))
    return "\n".join(parts)


def json_type(type_: Any) -> str:
    """Return the type of a field of our own JSON."""
    options = [option for option in typing.get_args(type_) if option is not type(None)] or [type_]
    if isinstance(options[0], type) and issubclass(options[0], msgspec.Struct):
        return "list of objects" if typing.get_origin(type_) is tuple else "object"
    return "object" if isinstance(type_, type) and issubclass(type_, msgspec.Struct) else type_text(type_)


def profile_part() -> str:
    """The keys of a site profile."""
    rows = []
    for struct in (profile.ProfileSource, profile.Quirks, profile.SelfPayMark):
        prefix = {profile.Quirks: "quirks.", profile.SelfPayMark: "quirks.self_pay[]."}.get(struct, "")
        for field in msgspec.structs.fields(struct):
            arguments = typing.get_args(field.type)
            kind = "table" if field.name in ("codes", "transactions", "quirks", "words", "departments") else ""
            if not kind and arguments and arguments[0] is profile.SelfPayMark:
                kind = "list of tables"
            rows.append((f"`{prefix}{field.name}`", kind or type_text(field.type), default_text(field)))
    rows += [(f"`words.{name}`", "table of text", "") for name in typing.get_args(profile.Vocabulary)]
    lists = table(
        ("code list", "may be mapped to"),
        [
            (f"`codes.{name}`", ", ".join(f"`{value}`" for value in values))
            for name, values in profile.CODE_LISTS.items()
        ],
    )
    return table(("key", "type", "default"), rows) + "\n" + lists


def proto_files() -> list[descriptor_pb2.FileDescriptorProto]:
    """Return the descriptors of proto/ with their comments."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "descriptors"
        sources = [str(path) for path in sorted((ROOT / "proto").rglob("*.proto"))]
        arguments = [f"--proto_path={ROOT / 'proto'}", "--include_source_info", f"--descriptor_set_out={target}"]
        if protoc.main(["protoc", *arguments, *sources]):
            raise SystemExit("docs/generate.py: protoc failed")
        return list(descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file)


def comments_of(file: descriptor_pb2.FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """Return the comments of a .proto by the paths of what they stand before."""
    return {tuple(place.path): one_line(place.leading_comments) for place in file.source_code_info.location}


def grpc_part() -> str:
    """Services, messages and enums, with their comments."""
    parts: list[str] = []
    for file in proto_files():
        comments = comments_of(file)
        parts.append(f"## `{file.name}`\n")
        for number, service in enumerate(file.service):
            parts.append(f"### service {service.name}\n\n{comments.get((6, number), '')}\n")
            rows = [
                (
                    f"`{method.name}`",
                    f"`{method.input_type.rpartition('.')[2]}` → `{method.output_type.rpartition('.')[2]}`",
                    comments.get((6, number, 2, place), ""),
                )
                for place, method in enumerate(service.method)
            ]
            parts.append(table(("rpc", "messages", "meaning"), rows))
        for number, enum in enumerate(file.enum_type):
            parts.append(f"### enum {enum.name}\n\n{comments.get((5, number), '')}\n")
            rows = [
                (f"`{value.name}`", str(value.number), comments.get((5, number, 2, place), ""))
                for place, value in enumerate(enum.value)
            ]
            parts.append(table(("name", "number", "meaning"), rows))
        for number, message in enumerate(file.message_type):
            parts.append(f"### message {message.name}\n\n{comments.get((4, number), '')}\n".replace("\n\n\n", "\n"))
            rows = [
                (str(field.number), f"`{field.name}`", field_type(field), comments.get((4, number, 2, place), ""))
                for place, field in enumerate(message.field)
            ]
            parts.append(table(("no.", "field", "type", "meaning"), rows) if rows else "No fields.\n")
    return "\n".join(parts)


def field_type(field: descriptor_pb2.FieldDescriptorProto) -> str:
    """Return a field's type as the .proto writes it."""
    name = field.type_name.rpartition(".")[2]
    kind = name or descriptor_pb2.FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    if field.label == field.LABEL_REPEATED:
        return f"repeated {kind}"
    return f"optional {kind}" if field.proto3_optional else kind


def dictionary_part() -> str:
    """The files of a hospital's dictionary with their columns, and the words that stand for values."""
    parts: list[str] = []
    for known in tables.TABLES:
        rows = [
            (f"`{column.name}`", column.title, "yes" if column.required else "", one_line(column.meaning))
            for column in known.columns
        ]
        parts.append(f"### {known.file} {known.title}\n\n" + table(("column", "or", "required", "meaning"), rows))
    lists = {
        "items.csv, `kind`": tables.ITEM_KINDS,
        "items.csv, `antibiotic_grade`": tables.ANTIBIOTIC_GRADES,
        "operations.csv, `incision_class`": tables.INCISION_CLASSES,
        "privileges.csv, `privilege`": {code: code for code in tables.PRIVILEGES.values()} | tables.PRIVILEGES,
    }
    rows = []
    for title, words in lists.items():
        for value in dict.fromkeys(words.values()):
            spelled = ", ".join(word for word, meant in words.items() if meant == value and word != value)
            rows.append((title, f"`{value}`", spelled))
    parts.append("### Words\n\n" + table(("cell", "value", "may be written"), rows))
    return "\n".join(parts)


def samples_part() -> str:
    """The sample messages, in Chinese: vendors read them."""
    rows = []
    for sample in Samples(DOCS / "samples").every:
        entry, expected = sample.entry, sample.expected
        output = expected.get("output", {})
        ext = output.get("ext", expected) if isinstance(output, dict) else expected
        if "refused" in expected:
            verdict = "拒绝"
        elif entry.call == "feedback":
            verdict = f"记录 {ext['recorded']} 条"
        else:
            verdict = "未判断 NONE" if ext["completeness"] == "NONE" else f"{ext['verdict']} {ext['completeness']}"
        form = "本产品 JSON" if entry.format == "precheck" else entry.format
        encoding = entry.encoding.upper()
        rows.append(
            (
                f"[`{entry.file}`]({entry.file})",
                form,
                encoding,
                entry.title,
                f"[{verdict}]({entry.answer})",
                entry.shows,
            )
        )
    return table(("文件", "格式", "编码", "内容", "答复", "看什么"), rows)


PARTS: Mapping[str, Callable[[], str]] = {
    "settings": settings_part,
    "cli": cli_part,
    "limits": limits_part,
    "other-limits": other_limits_part,
    "facts": facts_part,
    "facts-without-a-field": facts_without_a_field_part,
    "templates": templates_part,
    "subject": subject_part,
    "pack-templates": pack_templates_part,
    "pack-common-columns": pack_common_columns_part,
    "pack-conditions": pack_conditions_part,
    "pack-checks": pack_checks_part,
    "expressions": expressions_part,
    "national-fields": fields_part,
    "metrics": metrics_part,
    "json": json_part,
    "profile": profile_part,
    "grpc": grpc_part,
    "dictionary": dictionary_part,
    "samples": samples_part,
}


def renewed(text: str) -> str:
    """Return a document with its generated parts made anew."""
    return PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]().strip()}\n\n{part[4]}", text)


def main(arguments: list[str]) -> int:
    """Write the documents; with `--check`, only say which ones would change."""
    stale: list[str] = []
    for path in sorted(DOCS.rglob("*.md")):
        before = path.read_text(encoding="utf-8")
        after = renewed(before)
        if after != before:
            stale.append(str(path.relative_to(ROOT)))
            if "--check" not in arguments:
                path.write_text(after, encoding="utf-8")
    for name in stale:
        print(f"{name}: {'out of date; run docs/generate.py' if '--check' in arguments else 'written'}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
