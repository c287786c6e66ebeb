"""The typed contract is our own JSON in messages: every field there is one here, and the other way round."""

import re
import types
import typing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import orjson
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor
from grpc_tools import protoc
from hypothesis import given
from hypothesis import strategies as st
from precheck.v1 import answer_pb2, check_pb2, facts_pb2

from ruleset.case import Case, Encounter, Line, Patient
from ruleset.document import PLACED_FIELDS, CheckDocument
from ruleset.facts import FACTS
from ruleset.outcome import Action, Completeness, Verdict
from server.entrance.fields import ALL_GROUPS
from server.entrance.text import EntranceError
from server.entrance.typed import document_of, filled, words_of

ROOT = Path(__file__).resolve().parents[2]


def options_of(type_):
    """The types that a field may have, without None."""
    is_union = typing.get_origin(type_) in (typing.Union, types.UnionType)
    return [option for option in (typing.get_args(type_) if is_union else (type_,)) if option is not types.NoneType]


def item_of(type_):
    """The type of what a list holds, or the type itself; and whether it is a list."""
    (option,) = options_of(type_)
    if typing.get_origin(option) is tuple:
        return typing.get_args(option)[0], True
    return option, False


def stated_fields(struct):
    placed = PLACED_FIELDS if struct is Line else ()
    return {field.name: field for field in msgspec.structs.fields(struct) if field.name not in placed}


def pairs(message=facts_pb2.Facts.DESCRIPTOR, struct=CheckDocument, seen=()):
    """Every message of the contract with the struct that it mirrors."""
    yield message, struct
    fields = stated_fields(struct)
    for field in message.fields:
        if field.message_type is not None and field.name in fields and field.message_type.name not in seen:
            seen = (*seen, field.message_type.name)
            yield from pairs(field.message_type, item_of(fields[field.name].type)[0], seen)


PAIRS = {message.name: (message, struct) for message, struct in pairs()}
each_pair = pytest.mark.parametrize("name", list(PAIRS))


def test_the_walk_sees_the_whole_fact_model():
    in_proto = set(facts_pb2.DESCRIPTOR.message_types_by_name)
    assert set(PAIRS) == in_proto
    structs = {struct for _, struct in PAIRS.values()}
    model = {
        item
        for owner in (Case, Patient, Encounter, Line)
        for field in msgspec.structs.fields(owner)
        for item in options_of(field.type)
        if isinstance(item, type) and issubclass(item, msgspec.Struct) and item.__name__ != "Site"
    }
    assert {struct.__name__.removesuffix("Document") for struct in structs} >= {struct.__name__ for struct in model}


@each_pair
def test_the_same_fields(name):
    message, struct = PAIRS[name]
    assert [field.name for field in message.fields if field.name not in stated_fields(struct)] == []
    assert [name for name in stated_fields(struct) if name not in message.fields_by_name] == []


TEXTS = (str, Decimal, datetime, date)


@each_pair
def test_the_same_types(name):
    message, struct = PAIRS[name]
    for fact, known in stated_fields(struct).items():
        field = message.fields_by_name[fact]
        item, is_list = item_of(known.type)
        assert field.is_repeated == is_list, fact
        may_be_unknown = types.NoneType in typing.get_args(known.type)
        if typing.get_origin(item) is typing.Literal:
            assert sorted(words_of(field.enum_type).values()) == sorted(typing.get_args(item)), fact
            assert field.enum_type.values_by_number[0].name.endswith("_UNSPECIFIED")
        elif issubclass(item, msgspec.Struct):
            assert field.type == FieldDescriptor.TYPE_MESSAGE, fact
        elif item is bool or item is int:
            assert field.type == (FieldDescriptor.TYPE_BOOL if item is bool else FieldDescriptor.TYPE_INT32), fact
            assert field.has_presence == may_be_unknown, f"{fact}: false is not the same as unknown"
        else:
            assert item in TEXTS, fact
            assert field.type == FieldDescriptor.TYPE_STRING, fact


def comments(tmp_path, file):
    """The comments of the fields of a .proto: {(message, field): text}."""
    target = tmp_path / "descriptors"
    arguments = [f"--proto_path={ROOT / 'proto'}", "--include_source_info", f"--descriptor_set_out={target}"]
    assert protoc.main(["protoc", *arguments, str(ROOT / "proto/precheck/v1" / file)]) == 0
    (described,) = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file
    texts = {
        tuple(place.path): " ".join(place.leading_comments.split()) for place in described.source_code_info.location
    }
    return {
        (message.name, field.name): texts[4, number, 2, place]
        for number, message in enumerate(described.message_type)
        for place, field in enumerate(message.field)
    }


def test_every_field_names_its_national_field(tmp_path):
    """By the field table, which the reader of the national message walks."""
    texts = comments(tmp_path, "facts.proto")
    message_of = {struct: name for name, (_, struct) in PAIRS.items()} | {
        Patient: "Patient",
        Encounter: "Encounter",
        Line: "Line",
        Case: "Facts",
    }
    unsaid = []
    for group in ALL_GROUPS:
        for field in group.fields:
            if field.fact == "current" or group.title.startswith("Envelope, "):
                continue
            prefix = "ext." if "`ext" in group.title else ""
            inner = re.search(r"`ext\.(\w+)\[\]`", group.title)
            national = f"{prefix}{inner[1]}[].{field.national}" if inner else f"{prefix}{field.national}"
            text = texts[message_of[group.struct], field.fact]
            if not re.search(rf"National [^;]*(?<![\w.]){re.escape(national)}(?![\w\[])", text):
                unsaid.append(f"{group.struct.__name__}.{field.fact}: {national}")
    assert unsaid == []


def test_the_field_table_names_facts_that_there_are():
    """A misspelt name would be a fact that no answer could name."""
    for group in ALL_GROUPS:
        known = {field.name for field in msgspec.structs.fields(group.struct)}
        for field in group.fields:
            assert field.fact in known | {"current"}, field
            if field.kind in ("code", "flag_code", "department", "route", "positive_or_unknown"):
                assert field.unknown_as in FACTS, field


CONTAINERS_AND_SELECTORS = {"fsi_his_data_dto", "fsi_diagnose_dtos", "fsi_operation_dtos", "curr_mdtrt_id"}


def test_the_dictionary_of_facts_names_fields_that_are_read():
    """An answer names a missing fact by its national field: filling it must help."""
    read = {
        f"ext.{field.national}" if "`ext" in group.title else field.national
        for group in ALL_GROUPS
        for field in group.fields
    }
    named = {name for fact in FACTS.values() for name in fact.national}
    assert named - read - CONTAINERS_AND_SELECTORS == set()


def test_the_numbers_of_the_answer_are_those_of_the_engine():
    for enum, known in (
        (check_pb2.Verdict, Verdict),
        (check_pb2.Completeness, Completeness),
        (answer_pb2.Action, Action),
    ):
        words = words_of(enum.DESCRIPTOR)
        assert words == {member.value: member.name.lower() for member in known}


def random_facts(chance, message):
    """Fill a message at random; what it says need not make sense."""
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.5:
            continue
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            part = getattr(message, field.name)
            for one in [part.add() for _ in range(2)] if field.is_repeated else [part]:
                random_facts(chance, one)
            continue
        values = {
            FieldDescriptor.TYPE_ENUM: lambda f=field: chance.choice(list(words_of(f.enum_type))),
            FieldDescriptor.TYPE_BOOL: lambda: chance.random() < 0.5,
            FieldDescriptor.TYPE_INT32: lambda: chance.randrange(-3, 99),
            FieldDescriptor.TYPE_STRING: lambda: chance.choice(["", "x", "0.50", "2026-07-08T09:00:00", "鞘内"]),
        }[field.type]
        if field.is_repeated:
            getattr(message, field.name).extend([values(), values()])
        else:
            setattr(message, field.name, values())
    return message


@given(st.randoms(use_true_random=False))
def test_there_and_back(chance):
    facts = random_facts(chance, facts_pb2.Facts())
    document = document_of(facts)
    again = filled(facts_pb2.Facts(), orjson.loads(document))
    assert document_of(again) == document
    assert again == facts


def test_what_is_left_out_is_not_stated():
    assert document_of(facts_pb2.Facts()) == b"{}"
    line = facts_pb2.Line(order_id="L1", long_term=False, self_pay=False)
    facts = facts_pb2.Facts(encounter=facts_pb2.Encounter(lines=[line]))
    assert orjson.loads(document_of(facts)) == {"encounter": {"lines": [{"order_id": "L1", "long_term": False}]}}


@pytest.mark.parametrize(
    ("facts", "path"),
    [
        (facts_pb2.Facts(triggers=[1, 0]), "triggers[1]"),
        (facts_pb2.Facts(triggers=[99]), "triggers[0]"),
        (facts_pb2.Facts(patient=facts_pb2.Patient(sex=7)), "patient.sex"),
        (facts_pb2.Facts(visits=[facts_pb2.Visit(care_modes=[0])]), "visits[0].care_modes[0]"),
    ],
)
def test_a_number_that_is_no_word_is_refused_by_name(facts, path):
    with pytest.raises(EntranceError) as caught:
        document_of(facts)
    assert caught.value.field == path
    assert "expected one of" in str(caught.value)
