"""Everything that can be set, called, counted or exceeded has its place in the reference."""

import json
import re
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

from ruleset import evaluator
from ruleset.facts import FACTS
from ruleset.outcome import Action, Completeness, Verdict
from ruleset.templates import TEMPLATES
from server import grpc_service, limits, profile, settings
from server.entrance import fields
from server.gateway import app

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"


def generator():
    spec = util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = generator()


def page(name):
    return (DOCS / name).read_text(encoding="utf-8")


def assert_named(page_name, names):
    """Every name stands on the page as code."""
    text = page(page_name)
    missing = [name for name in names if f"`{name}`" not in text]
    assert not missing, f"docs/{page_name} does not name {missing}"


def test_generated_parts_are_up_to_date():
    done = subprocess.run(
        [sys.executable, str(DOCS / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_generated_part_stands_on_one_page():
    used = [name for path in DOCS.rglob("*.md") for _, name, _, _ in GENERATE.PART.findall(path.read_text("utf-8"))]
    assert sorted(used) == sorted(GENERATE.PARTS)


def test_the_check_notices_a_stale_part():
    stale = "<!-- generated: settings -->\nnothing\n<!-- end generated -->\n"
    assert GENERATE.renewed(stale) != stale
    assert GENERATE.renewed(GENERATE.renewed(stale)) == GENERATE.renewed(stale)


def test_settings():
    assert_named("reference/settings.md", settings.Settings.__struct_fields__)
    assert_named("reference/settings.md", [f"PRECHECK_{name.upper()}" for name in settings.Settings.__struct_fields__])
    for variable in settings.NOT_SETTINGS:
        assert variable in page("reference/settings.md")


def test_the_settings_file_of_the_page_is_accepted(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", page("reference/settings.md"), re.DOTALL)
    file = tmp_path / "settings.toml"
    file.write_text(example, encoding="utf-8")
    assert settings.load_settings(str(file), {}).durability == "power"


def test_commands_and_options():
    text = page("reference/cli.md")
    for parser in GENERATE.parsers(GENERATE.command_parser()):
        assert f"### {parser.prog}\n" in text
        section = text.partition(f"### {parser.prog}\n")[2].partition("\n### ")[0]
        for name, _ in GENERATE.arguments_of(parser):
            assert f"`{name}`" in section, f"{parser.prog} {name}"


def test_routes():
    text = page("reference/http.md")
    for route in app.make_app([("unix:nowhere", "unix:nowhere")]).routes:
        for method in route.methods - {"HEAD"}:
            assert f"`{method} {route.path}`" in text
    code = (ROOT / "server/gateway/app.py").read_text(encoding="utf-8")
    for header in set(re.findall(r'headers\.get\("(precheck-[a-z-]+)"', code)):
        assert f"`{header.title()}`" in text
    for parameter in set(re.findall(r'query_params\.get\("([a-z]+)"', code)):
        assert f"`{parameter}`" in text
    for status in {*app._HTTP_OF.values(), *map(int, re.findall(r"RefusedError\((\d+)", code)), 200, 404, 405, 500}:
        assert re.search(rf"^\|[ \d,]*\b{status}\b", text, re.MULTILINE), status
    for charset in app._CHARSETS:
        assert charset.replace("utf8", "utf-8") in text


def test_rpcs_and_statuses():
    services = [service for file in GENERATE.proto_files() for service in file.service]
    assert_named("reference/grpc.md", [method.name for service in services for method in service.method])
    for service in services:
        assert f"### service {service.name}\n" in page("reference/grpc.md")
    assert_named("reference/grpc.md", [code.name for _, code in grpc_service._STATUS_OF])
    code = (ROOT / "server/grpc_service.py").read_text(encoding="utf-8")
    assert_named("reference/grpc.md", set(re.findall(r"grpc\.StatusCode\.([A-Z_]+)", code)))


PROTO_PARTS = {"message_type": 4, "enum_type": 5, "service": 6}
MESSAGE_PARTS = {"field": 2, "nested_type": 3, "enum_type": 4, "oneof_decl": 8}
PARTS_OF = {
    "FileDescriptorProto": PROTO_PARTS,
    "DescriptorProto": MESSAGE_PARTS,
    "EnumDescriptorProto": {"value": 2},
    "ServiceDescriptorProto": {"method": 2},
}
"""Lists of a descriptor with the numbers by which paths of source locations name them."""


def named_parts(descriptor, path=(), name=""):
    """Every message, field, enum, value, service and RPC below a descriptor: its path and its name."""
    optional = {field.oneof_index for field in getattr(descriptor, "field", ()) if field.proto3_optional}
    for part, number in PARTS_OF.get(type(descriptor).__name__, {}).items():
        for place, inner in enumerate(getattr(descriptor, part)):
            if part == "oneof_decl" and place in optional:
                continue  # what `optional` is made of, and written nowhere
            inner_path, inner_name = (*path, number, place), f"{name}.{inner.name}".lstrip(".")
            yield inner_path, inner_name
            yield from named_parts(inner, inner_path, inner_name)


def test_everything_in_the_contract_has_a_comment():
    names, bare = set(), []
    for file in GENERATE.proto_files():
        commented = {tuple(place.path) for place in file.source_code_info.location if place.leading_comments.strip()}
        for path, name in named_parts(file):
            names.add(name)
            if path not in commented:
                bare.append(f"{file.name}: {name}")
    assert not bare
    kinds = {"Precheck", "Precheck.Void", "Verdict", "Verdict.VERDICT_BLOCK", "PackStatus", "PackStatus.rows"}
    assert kinds <= names, "the test must see what it speaks of"


def test_what_a_document_may_not_state_is_no_field_of_it():
    from ruleset.document import PLACED_FIELDS

    section = page("reference/json.md").partition("### `encounter.lines[]`")[2].partition("\n### ")[0]
    assert "| `order_id` |" in section
    assert not [name for name in PLACED_FIELDS if f"| `{name}` |" in section]


def test_metrics():
    named = [name for name, _, _, _ in GENERATE.metrics_in_code()]
    assert_named("reference/metrics.md", named)


def test_the_metrics_found_in_the_code_are_those_of_a_server():
    from server.metrics import Metrics

    metrics = Metrics()
    grpc_service.Calls(metrics)
    exposed = set(re.findall(r"^# TYPE (\S+)", metrics.exposition().decode(), re.MULTILINE))
    known = {name for name, _, _, _ in GENERATE.metrics_in_code()}
    assert {name for name in exposed if not name.endswith("_created")} <= known


def test_limits():
    assert_named("reference/limits.md", [name for name in vars(limits) if name.isupper() and name != "MEBIBYTE"])
    assert_named("reference/limits.md", [name for _, name, _, _ in GENERATE.other_limits()])


def test_facts_and_templates():
    assert_named("reference/facts.md", FACTS)
    for template in TEMPLATES.values():
        assert f"### {template.id} {template.title}\n" in page("reference/templates.md")
    assert_named("reference/templates.md", {name for t in TEMPLATES.values() for name in t.needs})


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=list(TEMPLATES))
def test_every_column_of_a_template_is_described(template):
    text = page("reference/templates.md")
    section = text.partition(f"### {template.id} {template.title}\n")[2].partition("\n### ")[0]
    if "(#which-items-a-row-speaks-of)" in section:
        section += text.partition("## Which items a row speaks of\n")[2].partition("\n## ")[0]
    assert not [name for name in template.columns.__struct_fields__ if f"| `{name}` |" not in section]


def test_profile_quirks_and_code_lists():
    how_to = "howto/write-a-site-profile.md"
    assert_named(how_to, [f"quirks.{name}" for name in profile.Quirks.__struct_fields__])
    assert_named(how_to, [f"codes.{name}" for name in profile.CODE_LISTS])
    assert_named(how_to, [name for name in profile.ProfileSource.__struct_fields__ if name != "quirks"])
    shipped = (ROOT / "server/profiles/default.toml").read_text(encoding="utf-8")
    for name in profile.Quirks.__struct_fields__:
        assert re.search(rf"^{name} = ", shipped, re.MULTILINE), "the shipped profile explains every quirk"


def test_the_profile_of_the_page_is_accepted(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", page("howto/write-a-site-profile.md"), re.DOTALL)
    (tmp_path / "our-hospital.toml").write_text(example, encoding="utf-8")
    read = profile.Profiles(str(tmp_path), "our-hospital").default
    assert read.codes["insutype"].get("91") == "work_injury"
    assert read.codes["medins_lv"].get("02") == "tertiary"
    assert read.quirks.same_line == "content"
    mentioned = {*re.findall(r"^(\w+) = ", example, re.MULTILINE)}
    assert set(profile.Quirks.__struct_fields__) <= mentioned


def test_national_fields():
    groups = fields.ALL_GROUPS
    assert_named("reference/national-fields.md", [field.national for group in groups for field in group.fields])
    for group in groups:
        assert f"### {group.title}\n" in page("reference/national-fields.md")
    extension = [field.national for group in groups if "`ext" in group.title for field in group.fields]
    assert {"labs", "oprn_begntime", "severity"} <= set(extension)
    assert_named("reference/national-message.md", extension)


def test_dialects_are_numbered_one_by_one():
    table = page("reference/national-message.md").partition("## Dialects")[2].partition("\n## ")[0]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == list(range(1, 22))


def test_reasons_verdicts_and_actions():
    reasons = [
        value
        for name, value in vars(evaluator).items()
        if name.isupper() and isinstance(value, str) and value == name.lower()
    ]
    assert "no_item_code" in reasons
    assert_named("reference/national-message.md", reasons)
    for name in (*Action.__members__, *Verdict.__members__, *Completeness.__members__):
        assert name in page("reference/national-message.md")


@pytest.mark.parametrize("key", ["output.result", "output.ext"])
def test_every_key_of_a_real_answer_is_described(key, answer_of_sample):
    output = answer_of_sample["output"]
    held = output["result"][0] if key == "output.result" else output["ext"]
    text = page("reference/national-message.md")
    missing = [name for name in held if f"`{name}`" not in text and f"`{name}[]`" not in text]
    assert not missing


def test_every_key_of_our_own_answer_is_described(own_answer_of_sample):
    text = page("reference/json.md").partition("## The answer")[2]
    answer = own_answer_of_sample
    held = [*answer, *answer["findings"][0], *answer["not_evaluated"][0], *answer["findings"][0]["violating"][0]]
    assert not [name for name in held if f"`{name}`" not in text and f"`{name}[]`" not in text]


def holds(whole, part):
    """Say whether every value of `part` stands in the same place of `whole`."""
    if isinstance(part, dict):
        return all(key in whole and holds(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return whole == part


def test_the_answer_on_the_start_page_is_the_real_one(answer_of_sample):
    (shown,) = re.findall(r"```json\n(.*?)```", page("start.md"), re.DOTALL)
    assert holds(answer_of_sample, json.loads(shown))
