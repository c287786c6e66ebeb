"""What is declared in languages that cannot be compiled here, compared with the headers; and the numbers of all of them."""

import re

import pytest

from client_shim.steps import NATIVE
from tests.kit.programs import EXAMPLES, INCLUDE

FLAT = (INCLUDE / "precheck_flat.h").read_text(encoding="utf-8")
HEADER = (INCLUDE / "precheck.h").read_text(encoding="utf-8")
POPUP_HEADER = (NATIVE / "popup" / "precheck_popup.h").read_text(encoding="utf-8")
RENAMED = {"error": "error_text"}
"""`error` is a word of VB6 and of PowerBuilder."""


def header_functions():
    """Return {name: [(type, parameter)]} of precheck_flat.h."""
    found = {}
    for name, parameters in re.findall(r"PCK_API int32_t PCK_CALL (pck_flat_\w+)\(([^)]*)\)", FLAT):
        parts = [re.fullmatch(r"(.*?)(\w+)", part.strip(), re.DOTALL) for part in parameters.split(",")]
        found[name] = [(" ".join(part[1].split()), RENAMED.get(part[2], part[2])) for part in parts]
    return found


FUNCTIONS = header_functions()


def read(folder, name, encoding):
    content = (EXAMPLES / folder / name).read_bytes()
    assert b"\n" not in content.replace(b"\r\n", b""), "these tools want CRLF"
    return content.decode(encoding).replace("\r\n", "\n")


VB6 = read("vb6", "Precheck.bas", "gbk")
POWERBUILDER = read("powerbuilder", "n_precheck.sru", "utf-8-sig")


def test_the_header_was_understood():
    assert len(FUNCTIONS) == 20
    assert FUNCTIONS["pck_flat_close"] == [("int32_t", "handle")]
    assert FUNCTIONS["pck_flat_open_w"][0] == ("const uint16_t *", "options")


def vb6_type(kind):
    """How VB6 declares a C type: text in UTF-16 is the address that StrPtr() gives."""
    if kind == "int32_t":
        return "ByVal Long"
    if kind == "int32_t *":
        return "ByRef Long"
    return "ByVal Long" if "uint16_t" in kind else "ByVal String"


def test_vb6_declares_every_function_as_the_header_does():
    declared = {}
    pattern = r'Public Declare Function (\w+) Lib "precheck\.dll" \(([^)]*)\) As Long'
    for name, parameters in re.findall(pattern, VB6):
        parts = [re.fullmatch(r"(ByVal|ByRef) (\w+) As (\w+)", part.strip()) for part in parameters.split(",")]
        declared[name] = [(f"{part[1]} {part[3]}", part[2]) for part in parts]
    expected = {name: [(vb6_type(kind), what) for kind, what in parts] for name, parts in FUNCTIONS.items()}
    assert declared == expected


def powerbuilder_type(kind):
    if kind.startswith("int32_t"):
        return "ref long" if "*" in kind else "long"
    return "string" if kind.startswith("const ") else "ref string"


def test_powerbuilder_declares_the_wide_functions_as_the_header_does():
    declared = {}
    for name, parameters in re.findall(
        r'^Function long (\w+) \(([^)]*)\) Library "precheck\.dll"$', POWERBUILDER, re.MULTILINE
    ):
        parts = [part.strip().rpartition(" ") for part in parameters.split(",")]
        declared[name] = [(kind, what) for kind, _, what in parts]
    expected = {
        name: [(powerbuilder_type(kind), what) for kind, what in parts]
        for name, parts in FUNCTIONS.items()
        if not name.endswith("_a")
    }
    assert declared == expected


def popup_parameters():
    """Return [(type, parameter)] of pck_popup_show()."""
    (parameters,) = re.findall(r"PCK_API int32_t PCK_CALL pck_popup_show\(([^)]*)\)", POPUP_HEADER)
    parts = [re.fullmatch(r"(.*?)(\w+)", part.strip(), re.DOTALL) for part in parameters.split(",")]
    return [(" ".join(part[1].split()), part[2]) for part in parts]


CSHARP, JAVA, PASCAL = (
    (EXAMPLES / folder / f"PrecheckPopup{suffix}").read_text(encoding="utf-8")
    for folder, suffix in (("csharp", ".cs"), ("java", ".java"), ("pascal", ".pas"))
)
POPUP_DECLARED = {
    # (where, its declaration, a parameter in it: type and name, the types for each of C)
    "vb6": (
        VB6,
        r'Public Declare Function pck_popup_show Lib "precheck_popup\.dll" \(([^)]*)\) As Long',
        lambda part: (part.replace(" As ", " ").replace(f" {part.split()[1]}", ""), part.split()[1]),
        {"int32_t": "ByVal Long", "uint32_t": "ByVal Long", "void *": "ByVal Long", "const void *": "ByVal Long",
         "uint32_t *": "ByRef Long"},
    ),
    "powerbuilder": (
        POWERBUILDER,
        r'Function long pck_popup_show \(([^)]*)\) Library "precheck_popup\.dll"',
        lambda part: tuple(part.rsplit(" ", 1)),
        {"int32_t": "long", "uint32_t": "long", "const void *": "string", "uint32_t *": "ref long",
         "void *": {"parent": "long", "feedback": "ref string"}},
    ),
    "c#": (
        CSHARP,
        r"static extern int pck_popup_show\(([^)]*)\);",
        lambda part: tuple(part.rsplit(" ", 1)),
        {"int32_t": "int", "uint32_t": "uint", "const void *": "byte[]", "uint32_t *": "out uint",
         "void *": {"parent": "IntPtr", "feedback": "byte[]"}},
    ),
    "java": (
        JAVA,
        r"int pck_popup_show\(([^)]*)\);",
        lambda part: tuple(part.rsplit(" ", 1)),
        {"int32_t": "int", "uint32_t": "int", "const void *": "byte[]", "uint32_t *": "IntByReference",
         "void *": {"parent": "Pointer", "feedback": "byte[]"}},
    ),
    "pascal": (
        PASCAL,
        r"pck_popup_show: function\(([^)]*)\): Integer;\s+\{\$IFDEF MSWINDOWS\}stdcall",
        lambda part: part,
        {"int32_t": "Integer", "uint32_t": "Cardinal", "const void *": "Pointer", "void *": "Pointer",
         "uint32_t *": "out Cardinal"},
    ),
}  # fmt: skip


def pascal_parameters(text):
    """Split `a, b: Integer; out c: Cardinal` into [(type, name)]."""
    for group in " ".join(text.split()).split(";"):
        names, _, kind = group.strip().partition(": ")
        out = "out " if names.startswith("out ") else ""
        for name in names.removeprefix("out ").split(", "):
            yield out + kind, name


@pytest.mark.parametrize("language", POPUP_DECLARED)
def test_the_popup_is_declared_as_its_header_does(language):
    """Only C had a declaration of it."""
    text, pattern, split, types = POPUP_DECLARED[language]
    (parameters,) = re.findall(pattern, text)
    if language == "pascal":
        declared = list(pascal_parameters(parameters))
    else:
        declared = [split(" ".join(part.split())) for part in parameters.split(",")]
    expected = [
        (kind[name] if isinstance(kind := types[c_type], dict) else kind, name) for c_type, name in popup_parameters()
    ]
    assert declared == expected
    assert len(declared) == 9


def test_the_choices_of_the_popup_are_those_of_its_header():
    stated = re.findall(r"#define PCK_POPUP_((?:CONTINUE|GO_BACK)\w*) +(\d)", POPUP_HEADER)
    assert len(stated) == 3
    for name, value in stated:
        assert f" {camel(name)} = {value}" in CSHARP
        assert f" POPUP_{name} = {value}" in JAVA
        assert f" Popup{camel(name)} = {value};" in PASCAL
        assert f"Public Const PCK_POPUP_{name} As Long = {value}\n" in VB6
        assert f"constant long PCK_POPUP_{name} = {value}\n" in POWERBUILDER


def numbers_of_header():
    plain = {}
    for name, value in re.findall(
        r"^#define PCK_(\w+)\s+\(?(-?(?:0x)?[0-9a-f]+)\)?\s", HEADER + POPUP_HEADER, re.MULTILINE
    ):
        plain[name] = int(value, 0)
    return plain


NUMBERS = numbers_of_header()


def camel(name):
    return "".join(part.title() for part in name.split("_"))


STATED = {
    "vb6/Precheck.bas": ("gbk", r"Public Const PCK_(\w+) As Long = (&H[0-9A-F]+&|-?\d+)", lambda name: name),
    "powerbuilder/n_precheck.sru": ("utf-8-sig", r"constant long PCK_(\w+) = (-?\d+)", lambda name: name),
    "java/Precheck.java": ("utf-8", r"\b([A-Z][A-Z0-9_]+) = (-?\d+)\b", lambda name: name),
    "pascal/Precheck.pas": ("utf-8", r"^  (\w+) = (-?\d+);", camel),
}


@pytest.mark.parametrize("file", STATED)
def test_numbers_are_those_of_the_header(file):
    encoding, pattern, spelled = STATED[file]
    text = (EXAMPLES / file).read_bytes().decode(encoding).replace("\r\n", "\n")
    known = {spelled(name): value for name, value in NUMBERS.items()}
    known |= {f"Result{spelled(name.removeprefix('E_'))}": value for name, value in NUMBERS.items()}
    compared = 0
    for name, value in re.findall(pattern, text, re.MULTILINE):
        number = int(value.strip("&").replace("H", "0x"), 0) if "&" in value else int(value)
        if name in known:
            assert number == known[name], name
            compared += 1
        else:
            assert re.search("UNUSABLE|BUFFER|ERROR|Buffer|Error|Unusable", name), name
    assert compared >= 8


def test_what_was_not_compiled_says_so():
    for file, encoding in (("vb6/Precheck.bas", "gbk"), ("vb6/Station.bas", "gbk")):
        assert "NOT COMPILED" in (EXAMPLES / file).read_bytes().decode(encoding)
    for file in ("n_precheck.sru", "station.sra"):
        assert "NOT COMPILED" in (EXAMPLES / "powerbuilder" / file).read_bytes().decode("utf-8-sig")


def test_every_outcome_is_handled_in_them_too():
    """The sentences of the other examples, so that a new outcome is not forgotten where no compiler reminds of it."""
    c = (EXAMPLES / "c" / "station.c").read_text(encoding="utf-8")
    sentences = {text for text in re.findall(r'"([^"]*)"', c) for text in re.findall(r"[\u4e00-\u9fff，]{4,}", text)}
    assert len(sentences) > 12
    for text in (read("vb6", "Station.bas", "gbk"), read("powerbuilder", "station.sra", "utf-8-sig")):
        assert not [sentence for sentence in sentences if sentence not in text]


def test_every_call_of_powerbuilder_turns_a_missing_library_into_a_result():
    """Only the opening did: a function that an older library lacks ended the program at the first check."""
    bodies = re.findall(
        r"^(?:public|private) (?:function|subroutine)[^\n]*;(.*?)^end (?:function|subroutine)",
        POWERBUILDER,
        re.MULTILINE | re.DOTALL,
    )
    calls = 0
    for body in bodies:
        guarded = "".join(re.findall(r"^try\n(.*?)^catch \(RuntimeError ", body, re.MULTILINE | re.DOTALL))
        called = re.findall(r"pck_\w+\(", body)
        assert called == re.findall(r"pck_\w+\(", guarded)
        calls += len(called)
    assert calls >= 8


def test_every_function_of_vb6_turns_a_missing_library_into_a_result():
    """Error 53 ended the program."""
    bodies = re.findall(r"^Public Function (\w+)(.*?)^End Function", VB6, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in bodies] == ["PrecheckOpen", "PrecheckCheck", "PrecheckFeedback", "PrecheckPopup"]
    for name, body in bodies:
        before, _, guarded = body.partition("On Error GoTo NoLibrary\n")
        assert "pck_" not in before
        assert re.search(r"\bpck_\w+\(", guarded)
        assert re.search(rf"Exit Function\nNoLibrary:\n.*{name} = ", guarded, re.DOTALL)
        assert "= NO_LIBRARY" in guarded
