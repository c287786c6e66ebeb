"""Signatures: what is signed, whose count, and that nothing else passes."""

import base64
from datetime import date

import msgspec
import pytest

from server.packs.refusal import ActivationError
from server.packs.signing import (
    PackManifest,
    RollBack,
    Signature,
    SigningError,
    is_good,
    new_key,
    read_key,
    read_signatures,
    read_trust,
    require_signed,
    sign,
    signatures_text,
)

MANIFEST = PackManifest("a" * 64, "nhsa", 7, None, date(2027, 1, 1), "0.3.0")
NAMES = ("zhang", "li", "wang")


@pytest.fixture
def keys(tmp_path):
    """Three keys by name: the private one, and the public one as the trust file has it."""
    made = {}
    for name in NAMES:
        public = new_key(tmp_path / f"{name}.key")
        made[name] = (read_key(tmp_path / f"{name}.key"), public)
    return made


def trust_file(folder, keys, *packs):
    file = folder / "trust.toml"
    lines = ["[keys]", *(f'{name} = "{public}"' for name, (_, public) in keys.items())]
    for pack_id, threshold, names in packs:
        lines += ["[[packs]]", f'id = "{pack_id}"', f"threshold = {threshold}", f"keys = {list(names)}"]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


@pytest.fixture
def trust(tmp_path, keys):
    return read_trust(trust_file(tmp_path, keys, ("nhsa", 2, NAMES), ("*", 1, ["wang"])))


def signed(keys, *names, about=MANIFEST):
    return [sign(about, keys[name][0], name) for name in names]


def test_two_of_three(keys, trust):
    assert require_signed(MANIFEST, signed(keys, "wang", "zhang"), trust, "it") == ("wang", "zhang")


@pytest.mark.parametrize("names", [(), ("li",), ("li", "li")])
def test_fewer_than_the_threshold(keys, trust, names):
    with pytest.raises(ActivationError, match=rf"it: {len(set(names))} of 2 signatures that count") as refused:
        require_signed(MANIFEST, signed(keys, *names), trust, "it")
    assert refused.value.reason == "signature"


def test_a_key_counts_once_whatever_approver_it_names(keys, trust):
    twice = [sign(MANIFEST, keys["li"][0], name) for name in ("li", "somebody else")]
    with pytest.raises(ActivationError, match="1 of 2"):
        require_signed(MANIFEST, twice, trust, "it")


def test_a_stranger_does_not_count(tmp_path, keys, trust):
    new_key(tmp_path / "stranger.key")
    stranger = sign(MANIFEST, read_key(tmp_path / "stranger.key"), "zhang")
    with pytest.raises(ActivationError, match=r"1 of 2 .*\(zhang\) is not trusted"):
        require_signed(MANIFEST, [*signed(keys, "li"), stranger], trust, "it")


CHANGED = {
    "digest": "b" * 64,
    "id": "safety-cn",
    "revision": 8,
    "not_before": date(2026, 1, 1),
    "expires": None,
    "minimum_engine": "0.1.0",
}


@pytest.mark.parametrize("field", CHANGED)
def test_every_field_of_the_manifest_is_signed(keys, field):
    other = msgspec.structs.replace(MANIFEST, **{field: CHANGED[field]})
    (signature,) = signed(keys, "li")
    assert is_good(MANIFEST, signature)
    assert not is_good(other, signature)
    assert set(CHANGED) == set(PackManifest.__struct_fields__)


def test_key_and_approver_are_signed(keys):
    (signature,) = signed(keys, "li")
    for change in ({"approver": "zhang"}, {"key": keys["zhang"][1]}):
        assert not is_good(MANIFEST, msgspec.structs.replace(signature, **change))


def test_a_signature_of_a_pack_is_none_of_a_roll_back(keys):
    record = RollBack("nhsa", 7, "a" * 64, 9, "why", "2026")
    (signature,) = signed(keys, "li", about=record)
    assert is_good(record, signature)
    assert not is_good(MANIFEST, signature)


@pytest.mark.parametrize("text", ["", "AAAA", "not base64", "ü", base64.b64encode(bytes(64)).decode()])
def test_what_is_no_signature_is_not_good(keys, text):
    assert not is_good(MANIFEST, Signature(keys["li"][1], "li", text))
    assert not is_good(MANIFEST, Signature(text, "li", signed(keys, "li")[0].signature))


def test_packs_without_an_entry_go_by_the_star_and_without_one_nobody_is_trusted(tmp_path, keys, trust):
    other = msgspec.structs.replace(MANIFEST, id="house")
    assert require_signed(other, signed(keys, "wang", about=other), trust, "it") == ("wang",)
    with pytest.raises(ActivationError, match="0 of 1"):
        require_signed(other, signed(keys, "li", about=other), trust, "it")
    strict = read_trust(trust_file(tmp_path, keys, ("nhsa", 1, NAMES)))
    with pytest.raises(ActivationError, match="trusts nobody with pack `house`"):
        require_signed(other, signed(keys, *NAMES, about=other), strict, "it")


def test_without_a_trust_file_nothing_is_asked():
    assert require_signed(MANIFEST, [], None, "it") == ()


def test_private_keys_are_their_owners_and_never_overwritten(tmp_path):
    file = tmp_path / "k.key"
    new_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    with pytest.raises(SigningError, match=r"k\.key"):
        new_key(file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"[", b'[{"key": 1}]', b"{}", b"[" * 100_000])
def test_a_signature_file_that_is_none(tmp_path, content):
    file = tmp_path / "x.sig"
    file.write_bytes(content)
    with pytest.raises(SigningError, match=r"x\.sig"):
        read_signatures(file)


def test_signature_files_keep_the_last_of_each_key_in_one_order(tmp_path, keys):
    first, second = signed(keys, "li", "zhang")
    again = sign(MANIFEST, keys["li"][0], "li again")
    (tmp_path / "x.sig").write_bytes(signatures_text([first, second, again]))
    assert set(read_signatures(tmp_path / "x.sig")) == {again, second}
    assert signatures_text([again, second]) == signatures_text([second, again])
    assert read_signatures(tmp_path / "missing.sig") == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("keys = 1", "keys"),
        ("nonsense = 1", "nonsense"),
        ("[keys]\na = 'AAAA'", "`a` is `AAAA`"),
        ("[[packs]]\nid = 'x'\nthreshold = 1\nkeys = ['a']", "`a`, which is not there"),
        ("[keys]\na = '{0}'\n[[packs]]\nid = 'x'\nthreshold = 2\nkeys = ['a']", "threshold 2 of 1"),
        ("[keys]\na = '{0}'\n[[packs]]\nid = 'x'\nthreshold = 0\nkeys = ['a']", "threshold 0 of 1"),
        ("[keys]\na = '{0}'\n[[packs]]\nid = 'x'\nthreshold = 2\nkeys = ['a', 'a']", "threshold 2 of 1"),
        ("[keys]\na = '{0}'\nb = '{0}'", "`b` is the key of `a` too"),
        ("[keys]\na = '{0}'\n" + "[[packs]]\nid = 'x'\nthreshold = 1\nkeys = ['a']\n" * 2, "more than once"),
    ],
)
def test_a_trust_file_that_means_nothing_is_refused(tmp_path, keys, text, reason):
    file = tmp_path / "trust.toml"
    file.write_text(text.format(keys["li"][1]), encoding="utf-8")
    with pytest.raises(SigningError, match=reason):
        read_trust(file)
