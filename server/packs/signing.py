"""Signatures of packs: ed25519 over a canonical manifest, and the file that says whose signatures count.

A signature is detached: a pack's stand in `FILE.sig` beside it. What is signed is not the file but a few lines about it,
among them its digest, so that a signer can read what is signed and a verifier needs no second pass. k of n trusted keys
must have signed; a key counts once, whatever it is called.
"""

import base64
import binascii
import os
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ruleset.pack.file import PackFile
from server.packs.refusal import ActivationError

SIGNATURES_SUFFIX = ".sig"
SIGNATURES_MAX_BYTES = 1024 * 1024
ANY_PACK = "*"
KEY_MODE = 0o600


class SigningError(Exception):
    """A key, trust or signature file that is not what it should be. The text names the file."""


class PackManifest(msgspec.Struct, frozen=True):
    """What a signature of a pack is about."""

    digest: str
    """SHA-256 of the compiled file, hexadecimal, as it states it; verified against its content before."""
    id: str
    revision: int
    not_before: date | None
    expires: date | None
    minimum_engine: str

    @classmethod
    def of(cls, file: PackFile) -> "PackManifest":
        """Return the manifest of a compiled pack."""
        head = file.manifest
        return cls(file.digest, head.id, head.revision, head.not_before, head.expires, head.minimum_engine)


class RollBack(msgspec.Struct, frozen=True):
    """A record that lets a lower revision back; signed, where there is a trust file, as a pack is."""

    pack: str
    to_revision: int
    to_digest: str
    high_water: int
    """The highest revision that was ever live when it was written: a record of an earlier day does not count."""
    reason: str
    made_at: str


class Signature(msgspec.Struct, frozen=True):
    """One signature. `key` is the public key (base64), `approver` who says that they approve; both are signed too."""

    key: str
    approver: str
    signature: str


class SignedRollBack(msgspec.Struct, frozen=True):
    """A roll-back record with its signatures, as `pack sign` writes it."""

    roll_back: RollBack
    signatures: tuple[Signature, ...] = ()


class Trusted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose signatures count for a pack: `threshold` of the keys of these names. `id` is a pack's, or `*` for any other."""

    id: str
    threshold: int
    keys: tuple[str, ...]
    minimum_revision: int = 0
    """No lower revision judges, whoever signed it, and whatever the directory of packs says of what was live."""


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The trust file: public keys (base64) by name, and whose count for which pack."""

    keys: dict[str, str] = {}
    packs: tuple[Trusted, ...] = ()


def canonical(about: PackManifest | RollBack, key: str, approver: str) -> bytes:
    """Return the bytes that are signed: what kind of thing it is, then sorted JSON."""
    kind = "pack" if isinstance(about, PackManifest) else "roll-back"
    stated = {**msgspec.to_builtins(about), "key": key, "approver": approver}
    return f"precheck {kind} 1\n".encode() + orjson.dumps(stated, option=orjson.OPT_SORT_KEYS)


def new_key(file: Path) -> str:
    """Make a private key, write it as PKCS 8 readable by its owner only, and return the public key (base64).

    Raises SigningError where the file is there already: a key that is overwritten is lost.
    """
    key = Ed25519PrivateKey.generate()
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_MODE)
    except OSError as error:
        raise SigningError(f"{file}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
    return public_text(key.public_key())


def read_key(file: Path) -> Ed25519PrivateKey:
    """Return the private key in a file. Raises SigningError."""
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise SigningError(f"{file}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise SigningError(f"{file}: no private key without a passphrase: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningError(f"{file}: not an ed25519 key")
    return key


def public_text(key: Ed25519PublicKey) -> str:
    """Return a public key as the trust file has it."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def sign(about: PackManifest | RollBack, key: Ed25519PrivateKey, approver: str) -> Signature:
    """Sign a manifest or a roll-back record."""
    public = public_text(key.public_key())
    return Signature(public, approver, base64.b64encode(key.sign(canonical(about, public, approver))).decode())


def is_good(about: PackManifest | RollBack, signature: Signature) -> bool:
    """Say whether a signature is that of its key over what it is said to be about."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(signature.key, validate=True))
        key.verify(
            base64.b64decode(signature.signature, validate=True),
            canonical(about, signature.key, signature.approver),
        )
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def read_signatures(file: Path) -> tuple[Signature, ...]:
    """Return the signatures in a file; none where there is no file. Raises SigningError."""
    try:
        with file.open("rb") as opened:
            content = opened.read(SIGNATURES_MAX_BYTES + 1)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise SigningError(f"{file}: {error.strerror}") from error
    if len(content) > SIGNATURES_MAX_BYTES:
        raise SigningError(f"{file}: larger than {SIGNATURES_MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(content, type=tuple[Signature, ...])
    except msgspec.DecodeError as error:
        raise SigningError(f"{file}: no signatures: {error}") from error


def read_record(content: bytes) -> SignedRollBack:
    """Return a roll-back record. Raises SigningError."""
    try:
        return msgspec.json.decode(content, type=SignedRollBack)
    except msgspec.DecodeError as error:
        raise SigningError(f"no roll-back record: {error}") from error


def record_text(record: SignedRollBack) -> bytes:
    """Return a roll-back record as a file has it."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(msgspec.to_builtins(record), option=options)


def signatures_text(signatures: Iterable[Signature]) -> bytes:
    """Return the content of a signature file: each key's last signature, sorted."""
    by_key = {signature.key: signature for signature in signatures}
    entries = [msgspec.to_builtins(by_key[key]) for key in sorted(by_key)]
    return orjson.dumps(entries, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def signatures_beside(file: Path) -> Path:
    """Return where the signatures of a compiled pack, or of a roll-back record, stand."""
    return file.with_name(file.name + SIGNATURES_SUFFIX)


def read_trust(file: Path) -> Trust:
    """Return the trust file. Raises SigningError naming what is wrong with it."""
    try:
        values: Any = tomllib.loads(file.read_text(encoding="utf-8"))
        trust = msgspec.convert(values, Trust)
    except OSError as error:
        raise SigningError(f"trust file {file}: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise SigningError(f"trust file {file}: {error}") from error
    for problem in _trust_problems(trust):
        raise SigningError(f"trust file {file}: {problem}")
    return trust


def _trust_problems(trust: Trust) -> Iterable[str]:
    named: dict[bytes, str] = {}
    for name, text in trust.keys.items():
        try:
            raw = base64.b64decode(text, validate=True)
            Ed25519PublicKey.from_public_bytes(raw)
        except (ValueError, binascii.Error):
            yield f"key `{name}` is `{text}`, expected the base64 of an ed25519 public key"
            continue
        if raw in named:
            yield f"key `{name}` is the key of `{named[raw]}` too"
        named[raw] = name
    ids = [entry.id for entry in trust.packs]
    for entry in trust.packs:
        if ids.count(entry.id) > 1:
            yield f"pack `{entry.id}` stands more than once"
        for name in entry.keys:
            if name not in trust.keys:
                yield f"pack `{entry.id}` names key `{name}`, which is not there"
        if not 1 <= entry.threshold <= len(set(entry.keys)):
            yield f"pack `{entry.id}`: threshold {entry.threshold} of {len(set(entry.keys))} keys"
        if entry.minimum_revision and entry.id == ANY_PACK:
            yield f"pack `{ANY_PACK}`: minimum_revision {entry.minimum_revision} is of one pack: give it an entry of its own"


def trusted_for(trust: Trust, pack_id: str) -> Trusted | None:
    """Return whose signatures count for a pack; None where nobody's do."""
    by_id: Mapping[str, Trusted] = {entry.id: entry for entry in trust.packs}
    return by_id.get(pack_id) or by_id.get(ANY_PACK)


def require_signed(
    about: PackManifest | RollBack, signatures: Iterable[Signature], trust: Trust | None, what: str
) -> tuple[str, ...]:
    """Return the names of the trusted keys that signed; () where there is no trust file.

    `what` is what to call it. Raises ActivationError where fewer signed than the trust file asks for, saying whose
    signatures were there and do not count.
    """
    if trust is None:
        return ()
    pack_id = about.id if isinstance(about, PackManifest) else about.pack
    trusted = trusted_for(trust, pack_id)
    if trusted is None:
        raise ActivationError("signature", f"{what}: the trust file trusts nobody with pack `{pack_id}`")
    names = {trust.keys[name]: name for name in trusted.keys}
    good: set[str] = set()
    others: list[str] = []
    for signature in signatures:
        name = names.get(signature.key)
        if name is None:
            others.append(f"key {signature.key[:12]}… ({signature.approver}) is not trusted with it")
        elif is_good(about, signature):
            good.add(name)
        else:
            others.append(f"the signature of `{name}` is not of this content")
    if len(good) < trusted.threshold:
        told = "; ".join([f"{len(good)} of {trusted.threshold} signatures that count", *others])
        raise ActivationError("signature", f"{what}: {told}")
    return tuple(sorted(good))
