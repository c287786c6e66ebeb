"""Site profiles: what a site's codes mean and where its messages deviate. Data (TOML), never code."""

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Literal, Protocol, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ruleset.case import (
    Allergy,
    Attestation,
    CareMode,
    Counter,
    FacilityLevel,
    Feed,
    HepaticFunction,
    ItemKind,
    Line,
    Observation,
    Operation,
    Payer,
    PregnancyStatus,
    RenalFunction,
    Sex,
    Site,
    Trigger,
    VisitKind,
)

SHIPPED = Path(__file__).parent / "profiles"
PROFILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

TITLES = ("主任医师", "副主任医师", "主治医师", "医师", "医士")


def _choices(struct: type[msgspec.Struct], name: str) -> tuple[str, ...]:
    """Return what a field of the fact model may say."""
    (type_,) = (field.type for field in msgspec.structs.fields(struct) if field.name == name)
    options = [option for option in (get_args(type_) or (type_,)) if option is not type(None)]
    return tuple(option for option in options if isinstance(option, str)) or get_args(options[0])


NATIONAL_CODE_LISTS: Mapping[str, tuple[str, ...]] = {
    "gend": get_args(Sex),
    "medins_lv": get_args(FacilityLevel),
    "med_mdtrt_type": get_args(CareMode),
    "med_type": get_args(VisitKind),
    "insutype": get_args(Payer),
    "hilist_type": get_args(ItemKind),
    "trig_scen": get_args(Trigger),
    "curr_drord_flag": ("true", "false"),
    "long_drord_flag": ("true", "false"),
    "drord_bhvr": ("true", "false"),
    "matn_stas": get_args(PregnancyStatus),
    "out_setl_flag": ("true", "false"),
    "drord_dr_profttl": TITLES,
}
EXT_CODE_LISTS: Mapping[str, tuple[str, ...]] = {
    "purpose": _choices(Line, "purpose"),
    "skin_test": _choices(Line, "skin_test"),
    "ren": get_args(RenalFunction),
    "hep": get_args(HepaticFunction),
    "incision_class": _choices(Operation, "incision_class"),
    "allergies.severity": _choices(Allergy, "severity"),
    "allergies.status": _choices(Allergy, "status"),
    "labs.kind": _choices(Observation, "kind"),
    "labs.status": _choices(Observation, "status"),
    "attestations.kind": _choices(Attestation, "kind"),
    "counters.subject": _choices(Counter, "subject"),
    "counters.period": _choices(Counter, "period"),
}
"""Fields of our extension: what they may be mapped to is also a code for itself, so that a site need not list it."""
CODE_LISTS: Mapping[str, tuple[str, ...]] = {**NATIONAL_CODE_LISTS, **EXT_CODE_LISTS}
"""The fields whose codes a profile maps, with what they may be mapped to ("" is: known to be unknown)."""

Vocabulary = Literal["route", "frequency"]
MonthDay = tuple[int, int]


class ProfileError(ValueError):
    """A profile that is missing or cannot be used. The text names the profile, the key and the value."""


class SelfPayMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order field whose values mark a line as agreed self-pay at this site."""

    field: str
    values: tuple[str, ...]


class Quirks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the site's messages deviate; each is explained in profiles/default.toml."""

    trusted_care_mode: Literal["", "med_mdtrt_type", "med_type"] = ""
    has_internet_hospital: bool = True
    same_line: Literal["order_id", "content"] = "order_id"
    self_pay: tuple[SelfPayMark, ...] = ()


class ProfileSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A profile file, with what it inherits merged in."""

    time_zone: str
    item_code_shapes: tuple[str, ...]
    codes: dict[str, dict[str, str]]
    transactions: dict[Literal["3101", "3102"], tuple[str, ...]]
    insurance_year_begins: MonthDay = (1, 1)
    complete_feeds: tuple[Feed, ...] = ()
    holidays: tuple[date, ...] = ()
    words: dict[Vocabulary, dict[str, str]] = {}
    departments: dict[str, str] = {}
    quirks: Quirks = Quirks()
    facilities: tuple[str, ...] = ()


class CodeMap:
    """One code list: exact codes, and prefixes of which the longest match wins."""

    __slots__ = ("_exact", "_prefixes")

    def __init__(self, codes: Mapping[str, str]) -> None:
        self._exact = {code: value for code, value in codes.items() if not code.endswith("*")}
        prefixes = [(code[:-1], value) for code, value in codes.items() if code.endswith("*")]
        self._prefixes = sorted(prefixes, key=lambda prefix: -len(prefix[0]))

    def get(self, code: str) -> str | None:
        """Return what a code means ("" where it means unknown), or None for a code that the profile does not know."""
        value = self._exact.get(code)
        if value is None:
            for prefix, meaning in self._prefixes:
                if code.startswith(prefix):
                    return meaning
        return value


def _plain(word: str) -> str:
    """Return a word as its spellings are compared: without width, case, blanks, full stops and hyphens."""
    return re.sub(r"[\s.\-]", "", unicodedata.normalize("NFKC", word).casefold())


class WordMap:
    """Spellings of words, each standing for the standard word; a standard word is a spelling of itself."""

    __slots__ = ("_words",)

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = {_plain(word): word for word in words.values() if word}
        self._words |= {_plain(spelling): word for spelling, word in words.items()}

    def get(self, spelling: str) -> str | None:
        """Return the standard word ("" where it means unknown), or None for a spelling that nobody has listed."""
        return self._words.get(_plain(spelling))


class Profile:
    """One site's reading of a message. Immutable."""

    def __init__(self, name: str, source: ProfileSource) -> None:
        """Raise ProfileError naming what cannot be used."""
        self.name = name
        self.content = msgspec.json.encode(source, order="deterministic")
        """What it was made from, with all that it inherits: decisions are made again with it (`profile_of`)."""
        self.digest = hashlib.sha256(self.content).hexdigest()
        for field, codes in source.codes.items():
            if field not in CODE_LISTS:
                raise ProfileError(f"profile `{name}`: unknown code list `{field}`; known: {', '.join(CODE_LISTS)}")
            for code, value in codes.items():
                if value and value not in CODE_LISTS[field]:
                    known = ", ".join(CODE_LISTS[field])
                    raise ProfileError(f"profile `{name}`: codes.{field} maps `{code}` to `{value}`, known: {known}")
        try:
            self.time_zone = ZoneInfo(source.time_zone)
            shapes = "|".join(f"(?:{shape})" for shape in source.item_code_shapes)
            self._item_code = re.compile(shapes, re.ASCII)
        except (ZoneInfoNotFoundError, ValueError, re.error) as error:
            raise ProfileError(f"profile `{name}`: {error}") from error
        self.codes = {
            field: CodeMap({value: value for value in EXT_CODE_LISTS.get(field, ())} | source.codes.get(field, {}))
            for field in CODE_LISTS
        }
        self.words = {name: WordMap(source.words.get(name, {})) for name in get_args(Vocabulary)}
        self.departments = CodeMap(self._departments(source.departments)) if source.departments else None
        """None where the site sends standard codes itself."""
        self.site = Site(
            self._month_and_day(source.insurance_year_begins), frozenset(source.complete_feeds), source.holidays
        )
        self.quirks = source.quirks
        self.facilities = source.facilities
        self.transaction_of_scene = {scene: infno for infno, scenes in source.transactions.items() for scene in scenes}

    @staticmethod
    def _departments(stated: Mapping[str, str]) -> dict[str, str]:
        """Return a department map in which a standard code stands for itself too."""
        return {standard: standard for standard in stated.values() if standard} | dict(stated)

    def _month_and_day(self, stated: MonthDay) -> MonthDay:
        month, day = stated
        try:
            date(2023, month, day)  # no leap year: an insurance year begins every year
        except ValueError as error:
            raise ProfileError(
                f"profile `{self.name}`: insurance_year_begins is `{list(stated)}`, expected month and day: {error}"
            ) from error
        return stated

    def is_item_code(self, code: str) -> bool:
        """Say whether a code has the shape of a national item code."""
        return self._item_code.fullmatch(code) is not None


class ProfileChoice(Protocol):
    """Where profiles are found: `Profiles`, or the one that a decision was made with."""

    def select(self, name: str, facility: str) -> Profile:
        """Return the profile asked for by name, else the institution's, else the default. Raises ProfileError."""


def profile_of(name: str, content: bytes) -> Profile:
    """Return the profile that a recorded content makes. Raises ProfileError."""
    try:
        return Profile(name, msgspec.json.decode(content, type=ProfileSource))
    except msgspec.DecodeError as error:
        raise ProfileError(f"profile `{name}`: {error}") from error


class Profiles:
    """All profiles of a server, read once at start-up."""

    def __init__(self, directory: str, default: str) -> None:
        """Read the shipped profiles and those in `directory`. Raises ProfileError."""
        files = {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}
        if directory:
            if not Path(directory).is_dir():
                raise ProfileError(f"setting `profiles` is `{directory}`, which is no directory")
            files |= {path.stem: path for path in sorted(Path(directory).glob("*.toml"))}
        self._by_name = {name: Profile(name, _read(name, files, ())) for name in files}
        if default not in self._by_name:
            raise ProfileError(f"setting `profile` is `{default}`; known: {', '.join(self._by_name)}")
        self.default = self._by_name[default]
        self._by_facility: dict[str, Profile] = {}
        for profile in self._by_name.values():
            for facility in profile.facilities:
                other = self._by_facility.setdefault(facility, profile)
                if other is not profile:
                    raise ProfileError(f"facility `{facility}` stands in profiles `{other.name}` and `{profile.name}`")

    def all(self) -> Iterable[Profile]:
        """Return every profile."""
        return self._by_name.values()

    def select(self, name: str, facility: str) -> Profile:
        """Return the profile asked for by name, else the institution's, else the default. Raises ProfileError."""
        if name:
            try:
                return self._by_name[name]
            except KeyError:
                raise ProfileError(f"profile: `{name[:64]}` is unknown; known: {', '.join(self._by_name)}") from None
        return self._by_facility.get(facility, self.default)


def _read(name: str, files: Mapping[str, Path], children: tuple[str, ...]) -> ProfileSource:
    if not PROFILE_NAME.fullmatch(name):
        raise ProfileError(f"profile `{name}`: a name has letters, digits, `-` and `_`")
    try:
        return msgspec.convert(_merged(name, files, children), ProfileSource)
    except msgspec.ValidationError as error:
        raise ProfileError(f"profile `{name}`: {error}") from error


def _merged(name: str, files: Mapping[str, Path], children: tuple[str, ...]) -> dict[str, object]:
    """Return a profile's values over those of the profile that it extends; tables are merged, all else replaced."""
    if name not in files or name in children:
        raise ProfileError(
            f"profile `{children[-1]}` extends `{name}`, which {'extends it' if name in files else 'is missing'}"
        )
    try:
        values = tomllib.loads(files[name].read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"profile `{name}`: {error}") from error
    parent = values.pop("extends", None)
    if parent is None:
        return values
    merged = _merged(parent, files, (*children, name))
    merged.pop("facilities", None)
    return _over(merged, values)


def _over(below: dict[str, object], above: dict[str, object]) -> dict[str, object]:
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        result[key] = _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result
