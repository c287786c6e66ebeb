"""Settings: one struct, from a TOML file, the environment and the command line, in rising order of precedence.

An unknown key is a start-up error, wherever it stands. This is the only module that reads the environment.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

ENVIRONMENT_PREFIX = "PRECHECK_"
SETTINGS_FILE_VARIABLE = "PRECHECK_SETTINGS"
NOT_SETTINGS = frozenset({SETTINGS_FILE_VARIABLE, "PRECHECK_SOURCES"})
"""Variables of ours that are no setting: the settings file's place, and the C client's folder of source archives."""
ENVIRONMENT_LIST_SEPARATOR = ","
WORKERS_MAX = 64
"""More processes than this on one machine are a typing error."""


class SettingsError(ValueError):
    """A setting that is unknown or has a value it cannot have. The text names the key and where it stands."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that an operator can set. The name in the environment is the key in capitals after `PRECHECK_`."""

    pack: tuple[str, ...] = ()
    """Rule packs, each a compiled file or a source directory; all are evaluated together. Followed at the start where it or
    what it names has changed since, and on SIGHUP. Empty: what is live stays so, at first the packs that ship with the
    product."""
    pack_trust: str = ""
    """Trust file (TOML): whose signatures a pack needs to be live. Empty: none."""
    pack_revisions_retained: int = 10
    """Published revisions of each pack that are kept, the highest ones. Kept beside them: what is live, in shadow or in
    canary, what a live one would be rolled back to, and all that any decision in the store was made with."""
    grpc: str = "127.0.0.1:50051"
    """Where the gRPC service listens, HOST:PORT. Port 0 takes a free one."""
    http: str = "127.0.0.1:8080"
    """Where the HTTP gateway listens, HOST:PORT. Port 0 takes a free one."""
    allowed_origins: tuple[str, ...] = ()
    """Web pages that may call the gateway from a browser, by their origins (scheme, host and port); `*` is any. A call of
    any other page is refused. Empty: none."""
    data: str = "data"
    """Directory of the store and the compiled packs; made if missing. One server at a time."""
    profile: str = "default"
    """Site profile for documents that neither name one nor come from an institution that a profile lists."""
    profiles: str = ""
    """Directory of further site profiles (NAME.toml)."""
    dictionaries: str = ""
    """Directory of the hospital's dictionary: items, diagnoses, operations, departments, doctors (CSV). Empty: none."""
    workers: int = 1
    """Processes that answer, on one port; as many as there are cores uses them all. The store is shared."""
    threads: int = 4
    """Threads that judge, in each process. Judging is CPU-bound Python: more threads do not judge more."""
    calls_in_flight_max: int = 64
    """Calls accepted at once, by each process; the next one is refused with RESOURCE_EXHAUSTED."""
    log_checks: bool = True
    """Whether each answered check is a log line, with its check id."""
    history_cache_bytes_max: int = 536_870_912
    """Histories kept in memory, over all patients and processes, in bytes as far as they can be reckoned."""
    history_cache_age_max_s: int = 86_400
    """How long a history is kept in memory after the store was last read for it, in seconds."""
    store: str = ""
    """Where decisions and histories are kept. Empty: SQLite in the data directory. Else a PostgreSQL database, as
    postgresql://USER:PASSWORD@HOST/DATABASE with the parameters of its client library; several servers may share one."""
    durability: str = "process"
    """process: a decision survives the end of the process (SQLite synchronous=NORMAL). power: it survives a power
    cut too (synchronous=FULL), at the price of a disk flush per decision. PostgreSQL has settings of its own for it."""
    store_behind: str = "wait"
    """What a check does that the store cannot take. wait: it waits until its deadline, and is refused if that was in vain.
    shed: it is answered at once, the answer says that it is not recorded, and the records say how many they are. What
    commits lines is never answered without its record."""
    reflection: bool = False
    """Whether gRPC server reflection is offered."""
    tls_certificate: str = ""
    """PEM file with the server's certificate chain. Empty: plaintext."""
    tls_key: str = ""
    """PEM file with the server's private key."""
    tls_client_ca: str = ""
    """PEM file with the authorities whose client certificates are accepted. Empty: none is asked for."""


class SettingsSource(msgspec.Struct, frozen=True):
    """Where settings are read, and read anew: a file ("" or none: what the environment names) and the command line."""

    file: str | None = None
    options: dict[str, Any] = {}

    def read(self) -> Settings:
        """Return the settings as they are now. Raises SettingsError."""
        return load_settings(self.file, options=self.options)


def load_settings(
    file: str | None, environment: Mapping[str, str] | None = None, options: Mapping[str, Any] | None = None
) -> Settings:
    """Return the settings. `options` are the command line's. Raises SettingsError naming key, value and place."""
    environment = os.environ if environment is None else environment
    file = file or environment.get(SETTINGS_FILE_VARIABLE)
    values: dict[str, Any] = {}
    if file:
        values |= _from_file(Path(file))
    values |= _from_environment(environment)
    values |= {key: value for key, value in (options or {}).items() if value is not None}
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings: {error}") from error
    _require(settings.durability in ("process", "power"), "durability", settings.durability, "`process` or `power`")
    retained = settings.pack_revisions_retained
    _require(retained >= 1, "pack_revisions_retained", retained, "at least 1")
    _require(1 <= settings.workers <= WORKERS_MAX, "workers", settings.workers, f"1 to {WORKERS_MAX}")
    _require(settings.store_behind in ("wait", "shed"), "store_behind", settings.store_behind, "`wait` or `shed`")
    _require(1 <= settings.threads <= 64, "threads", settings.threads, "1 to 64")
    _require(settings.calls_in_flight_max >= 1, "calls_in_flight_max", settings.calls_in_flight_max, "at least 1")
    for key in ("grpc", "http"):
        host, separator, port = getattr(settings, key).rpartition(":")
        valid = bool(host and separator) and port.isdigit() and int(port) < 65_536
        _require(valid, key, getattr(settings, key), "HOST:PORT")
    for origin in settings.allowed_origins:
        _require(
            _ORIGIN.fullmatch(origin) is not None, "allowed_origins", origin, "SCHEME://HOST[:PORT], without a path"
        )
    _require(bool(settings.tls_certificate) == bool(settings.tls_key), "tls_key", settings.tls_key, "both or neither")
    if settings.tls_client_ca and not settings.tls_certificate:
        raise SettingsError("setting `tls_client_ca` asks for client certificates, but there is no `tls_certificate`")
    return settings


_LISTS = frozenset({"pack", "allowed_origins"})
"""Settings with several values, which the environment separates by commas."""
_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[a-z0-9.:\[\]-]+")


def _require(condition: bool, key: str, value: object, expected: str) -> None:
    if not condition:
        raise SettingsError(f"setting `{key}` is `{value}`, expected {expected}")


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path}: {error}") from error
    for key in values:
        _known(key, str(path))
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name in NOT_SETTINGS:
            continue
        key = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        _known(key, f"environment variable {name}")
        values[key] = tuple(filter(None, text.split(ENVIRONMENT_LIST_SEPARATOR))) if key in _LISTS else text
    return values


def _known(key: str, place: str) -> None:
    if key not in Settings.__struct_fields__:
        nearest = get_close_matches(key, Settings.__struct_fields__, n=1)
        hint = f"; did you mean `{nearest[0]}`?" if nearest else ""
        raise SettingsError(f"{place}: unknown setting `{key}`{hint}")
