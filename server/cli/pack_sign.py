"""`precheck pack keygen|sign|verify`: whose word a pack is."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ruleset.pack.file import MAGIC, PackFile, PackFileError
from server.packs.refusal import ActivationError
from server.packs.signing import (
    PackManifest,
    SignedRollBack,
    SigningError,
    Trust,
    is_good,
    new_key,
    read_key,
    read_record,
    read_signatures,
    read_trust,
    record_text,
    require_signed,
    sign,
    signatures_beside,
    signatures_text,
)


def add_to(verbs: Any) -> None:
    """Add the commands."""
    keygen = verbs.add_parser(
        "keygen",
        help="make a key to sign packs with",
        description="Writes the private key, readable by its owner only, and prints the line of it for the trust file.",
    )
    keygen.add_argument("name", metavar="NAME", help="what the trust file is to call it")
    keygen.add_argument("-o", "--output", metavar="FILE", help="the private key; default NAME.key")
    keygen.set_defaults(run=_keygen)
    signing = verbs.add_parser(
        "sign",
        help="sign a compiled pack, or a roll-back record",
        description="Adds a signature: of a pack to FILE.sig beside it, of a roll-back record to the record itself.",
    )
    signing.add_argument("file", metavar="FILE")
    signing.add_argument("--key", metavar="FILE", required=True, help="private key, as keygen wrote it")
    signing.add_argument("--approver", metavar="NAME", required=True, help="who approves; signed with it")
    signing.set_defaults(run=_sign)
    verify = verbs.add_parser(
        "verify",
        help="verify digest and signatures of a compiled pack",
        description="Exit code: 0 where a server with this trust file would take it, else 1.",
    )
    verify.add_argument("file", metavar="FILE")
    verify.add_argument(
        "--trust", metavar="FILE", help="trust file; without one, signatures are checked and none is asked"
    )
    verify.set_defaults(run=_verify)


def _keygen(options: argparse.Namespace) -> int:
    file = Path(options.output or f"{options.name}.key")
    try:
        public = new_key(file)
    except SigningError as error:
        return _complain(error)
    print(f'{options.name} = "{public}"')
    print(f"{file}: private key; the line above belongs under [keys] in the trust file", file=sys.stderr)
    return 0


def _sign(options: argparse.Namespace) -> int:
    file = Path(options.file)
    try:
        key = read_key(Path(options.key))
        with file.open("rb") as opened:
            is_pack = opened.read(len(MAGIC)) == MAGIC
        if is_pack:
            pack = PackFile(file)
            pack.verify()
            about = PackManifest.of(pack)
            target = signatures_beside(file)
            target.write_bytes(signatures_text([*read_signatures(target), sign(about, key, options.approver)]))
            said = f"{about.id}@{about.revision}, sha256 {about.digest}"
        else:
            target = file
            record = read_record(file.read_bytes())
            signature = sign(record.roll_back, key, options.approver)
            target.write_bytes(record_text(SignedRollBack(record.roll_back, (*record.signatures, signature))))
            said = f"roll-back of {record.roll_back.pack} to {record.roll_back.to_revision}: {record.roll_back.reason}"
    except (SigningError, PackFileError, OSError) as error:
        return _complain(error)
    print(f"{target}: signed by {options.approver}: {said}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    file = Path(options.file)
    try:
        trust = read_trust(Path(options.trust)) if options.trust else None
        pack = PackFile(file)
        pack.verify()
        about = PackManifest.of(pack)
        signatures = read_signatures(signatures_beside(file))
        print(f"{file}: {about.id}@{about.revision}, undamaged, sha256 {about.digest}")
        all_good = True
        for signature in signatures:
            good = is_good(about, signature)
            all_good &= good
            print(f"  {'good' if good else 'BAD'} signature of {signature.approver}, {_name_of(signature.key, trust)}")
        signed_by = require_signed(about, signatures, trust, str(file))
    except (SigningError, ActivationError, PackFileError, OSError) as error:
        return _complain(error)
    if trust is None:
        print(f"  {len(signatures)} signatures; no trust file says whose count")
        return 0 if all_good else 1
    print(f"  trusted: signed by {', '.join(signed_by)}")
    return 0


def _name_of(key: str, trust: Trust | None) -> str:
    names = [name for name, text in trust.keys.items() if text == key] if trust is not None else []
    return f"key {names[0]}" if names else f"key {key[:12]}…"


def _complain(error: Exception) -> int:
    text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
    print(f"precheck: {text}", file=sys.stderr)
    return 1
