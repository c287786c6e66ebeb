"""What the commands that ask a server share: the address, and failures in words."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

import grpc

from server import limits
from server.settings import load_settings

ANSWER_MAX_S = 30.0
ACTIVATION_MAX_S = 900.0


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which server is asked, and how."""
    parser.add_argument("--grpc", metavar="HOST:PORT", help="the server; default from the settings: 127.0.0.1:50051")
    parser.add_argument("--tls-ca", metavar="FILE", help="authority of a server that asks for TLS (PEM)")
    parser.add_argument("--tls-cert", metavar="FILE", help="our own certificate, where the server asks for one (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key (PEM)")


def channel_of(options: argparse.Namespace) -> grpc.Channel:
    """Return a channel to the server that the options or the settings name."""
    target = options.grpc or load_settings(None).grpc
    sizes = [
        ("grpc.max_receive_message_length", limits.MESSAGE_MAX_BYTES),
        ("grpc.max_send_message_length", limits.MESSAGE_MAX_BYTES),
    ]
    if not options.tls_ca:
        return grpc.insecure_channel(target, options=sizes)
    try:
        certificate, key = (Path(file).read_bytes() if file else None for file in (options.tls_cert, options.tls_key))
        credentials = grpc.ssl_channel_credentials(Path(options.tls_ca).read_bytes(), key, certificate)
    except OSError as error:
        print(f"precheck: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    return grpc.secure_channel(target, credentials, options=sizes)


def fail(error: grpc.RpcError) -> NoReturn:
    """Print what a call failed with, and end with exit code 1."""
    code = error.code().name if isinstance(error, grpc.Call) else "UNKNOWN"
    details = error.details() if isinstance(error, grpc.Call) else str(error)
    print(f"precheck: not checked ({code}): {details}", file=sys.stderr)
    sys.exit(1)
