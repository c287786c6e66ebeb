"""Any recorded decision is made again to the byte: after a restart, in the other store, and from an exported file."""

import contextlib
import functools
import json
import random

import orjson
import pytest

from ruleset.snapshot import Snapshot
from server.check import Request
from server.corpus import CorpusError, read_corpus, write_corpus
from server.deciding import packs_text
from server.dictionary.holder import DictionaryHolder
from server.masking import Mask
from server.metrics import Metrics
from server.packs import PackHolder, default_paths
from server.profile import Profiles
from server.replay import ReplayError, differences, own_packs, redecide
from server.store import Query
from server.store import store as store_module
from tests.store.clusters import PostgresPlace
from tests.store.places import SqlitePlace
from tests.store.services import Service
from tests.unit.dictionaries import DOCTORS, ITEMS, PRIVILEGES, write_dictionary
from tests.web.messages import (
    BED,
    CHILD_DRUG,
    COURSE_DRUG,
    HBA1C,
    INPATIENT_DRUG,
    NARCOTIC,
    SECONDARY_DRUG,
    WOMEN_DRUG,
    encoded,
    message,
    order,
    settlement,
)
from tests.web.packs import write_pack
from tests.web.profiles import write_profiles
from tests.web.test_own_json import document, line

DRUGS = (BED, CHILD_DRUG, COURSE_DRUG, HBA1C, INPATIENT_DRUG, NARCOTIC, SECONDARY_DRUG, WOMEN_DRUG)
DICTIONARIES = (
    {"items": (ITEMS, "L1,,,,,,,,,,,"), "practitioners": DOCTORS, "privileges": PRIVILEGES},
    {"items": (ITEMS, f"L1,{BED[0]},床位,service,,,,,,,,"), "practitioners": DOCTORS},
)


class Hospital:
    """A service whose packs, dictionary and callers change while it decides."""

    def __init__(self, store, folder, also=()):
        """`also` are packs beside the small one."""
        self.also = also
        self.chance = random.Random(20260708)
        self.folder = folder
        self.packs = PackHolder(folder / "packs")
        self.packs.start((str(write_pack(folder / "source-1")), *also), ())
        self.dictionaries = DictionaryHolder(Metrics(), lambda archive: store.keep("dictionary", archive))
        profiles = Profiles(str(write_profiles(folder / "profiles")), "default")
        self.service = Service(store, self.packs, profiles=profiles, dictionaries=self.dictionaries)
        self.patients = [f"P{number}" for number in range(25)]
        self.changed = 0

    def change(self):
        """Another revision of the pack, another dictionary."""
        from server.packs import Ask

        self.changed += 1
        source = write_pack(self.folder / f"source-{self.changed + 1}", revision=self.changed + 1)
        self.packs.change(Ask(verb="activate", packs=(str(source), *self.also)))
        tables = DICTIONARIES[self.changed % 2]
        self.dictionaries.load(str(write_dictionary(self.folder / f"dictionary-{self.changed}", **tables)))

    def message(self):
        chance = self.chance
        orders = [
            order(
                chance.choice(DRUGS),
                rx_id=f"R{chance.randrange(9)}",
                cnt=str(chance.randrange(1, 4)),
                drord_begn_date=f"2026-07-0{chance.randrange(1, 9)} 09:00:00",
                drord_dr_no=f"D{chance.randrange(3)}",
            )
            for _ in range(chance.randrange(1, 5))
        ]
        patient = {"patn_id": chance.choice(self.patients), "gend": chance.choice("12")}
        visit = {"mdtrt_id": "E1", "insutype": chance.choice(("310", "390", "777"))}
        minute = chance.randrange(60)
        return message(orders, patient=patient, visit=visit, head={"inf_time": f"2026-07-09 10:{minute:02}:30"})

    def own(self):
        lines = [
            line(self.chance.choice(DRUGS), order_id=f"R{self.chance.randrange(9)}", unit_price=None) for _ in range(2)
        ]
        for one in lines:
            one.pop("unit_price")
        return document(lines, patient={"id": self.chance.choice(self.patients)})

    def step(self, number):
        chance = self.chance
        profile = chance.choice(("", "", "one_digit", "new_ids"))
        kind = chance.random()
        checks = self.service.checks
        if kind < 0.1:
            patient, orders = chance.choice(self.patients), (f"R{chance.randrange(9)}",)
            checks.void(patient, "E1", orders, "", "test", f"2026-07-09 10:{chance.randrange(60):02}:00")
        elif kind < 0.2:
            checks.commit(Request(encoded(self.message()), "3101", None, profile, "S1"))
        if kind < 0.35:
            body = orjson.dumps(self.own())
            checks.check(Request(body, "precheck", None, profile, f"S{number % 3}"))
        else:
            asked = self.message()
            if kind < 0.6:
                asked = settlement(asked)
            encoding = chance.choice(("utf-8", "gbk"))
            checks.check(Request(encoded(asked, encoding), chance.choice(("3101", "3102")), None, profile, "S1"))

    def run(self, decisions):
        for number in range(decisions):
            if number and number % (decisions // 4) == 0:
                self.change()
            self.step(number)


def packs_by_text(folder):
    return functools.cache(lambda text: own_packs_of(text, folder))


def own_packs_of(text, folder):
    from tests.store.making import decision

    return own_packs(decision(packs=text), folder)


def assert_all_the_same(found, folder, source_of):
    snapshot_of = packs_by_text(folder)
    seen = 0
    for decision in found:
        again = redecide(decision, snapshot_of(decision.packs), source_of(decision))
        assert again.answer == decision.answer, differences(decision, again)
        seen += 1
    return seen


@pytest.mark.parametrize("number", [pytest.param(1_000), pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.timeout(1_200)
def test_every_decision_is_the_same_after_a_restart_and_in_the_other_store(tmp_path, place, cluster, number):
    other = PostgresPlace(cluster) if place.kind == "sqlite" else SqlitePlace(tmp_path)
    with contextlib.closing(other):
        with contextlib.closing(place.open()) as store:
            # In the long form by the national rules too.
            Hospital(store, tmp_path, default_paths() if number > 1_000 else ()).run(number)
        with contextlib.closing(place.open()) as again:
            assert assert_all_the_same(again.find(Query()), tmp_path / "packs", lambda _: again) == number
            assert len({decision.packs for decision in again.find(Query())}) == 4
            assert len({decision.dictionary_digest for decision in again.find(Query())}) == 3
            assert len({decision.profile for decision in again.find(Query())}) == 3
            assert sum(decision.history_position > 0 for decision in again.find(Query())) > number / 2
            with contextlib.closing(other.open(upkeep=False)) as copied:
                again.copy_to(copied)
                assert assert_all_the_same(copied.find(Query()), tmp_path / "packs", lambda _: copied) == number
                assert copied.verify().faults == ()
                heads = {writer: (number, hashed) for writer, number, hashed in again.verify().heads}
                assert copied.verify(expected_heads=heads).faults == ()


def test_a_copy_without_its_profiles_and_dictionaries_does_not_replay(tmp_path, monkeypatch):
    """Regression: what the first store had told was in memory for every other one, so that the copy seemed whole."""
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    with (
        contextlib.closing(SqlitePlace(tmp_path / "one")) as one,
        contextlib.closing(SqlitePlace(tmp_path / "other")) as other,
        contextlib.closing(one.open()) as store,
        contextlib.closing(other.open(upkeep=False)) as copied,
    ):
        Hospital(store, tmp_path).run(20)
        assert assert_all_the_same(store.find(Query()), tmp_path / "packs", lambda _: store) == 20
        monkeypatch.setattr(store_module, "COPIED", {k: v for k, v in store_module.COPIED.items() if k != "content"})
        store.copy_to(copied)
        with pytest.raises(ReplayError, match="the store does not have the"):
            assert_all_the_same(copied.find(Query()), tmp_path / "packs", lambda _: copied)


@pytest.fixture
def hospital(tmp_path):
    with contextlib.closing(SqlitePlace(tmp_path)) as place, contextlib.closing(place.open()) as store:
        made = Hospital(store, tmp_path)
        made.run(120)
        yield made


class TestExport:
    def test_a_plain_one_is_replayed_to_the_same_bytes_without_the_store(self, hospital, tmp_path):
        store = hospital.service.store
        file = tmp_path / "corpus.jsonl"
        file.write_bytes(b"".join(write_corpus(store, store.find(Query()))))
        told = {decision.check_id: source for decision, source in read_corpus(file)}
        found = [decision for decision, _ in read_corpus(file)]
        assert assert_all_the_same(found, tmp_path / "packs", lambda decision: told[decision.check_id]) == 120
        assert {decision.check_id for decision in found} == {decision.check_id for decision in store.find(Query())}

    def test_a_masked_one_has_the_same_findings_and_no_person(self, hospital, tmp_path):
        store = hospital.service.store
        mask = Mask(b"a key of sixteen bytes")
        lines = list(write_corpus(store, store.find(Query()), mask))
        file = tmp_path / "masked.jsonl"
        file.write_bytes(b"".join(lines))
        plain = list(store.find(Query()))
        masked = list(read_corpus(file))
        assert len(masked) == len(plain) == 120
        snapshot_of = packs_by_text(tmp_path / "packs")
        rows = []
        for before, (after, source) in zip(plain, masked, strict=True):
            again = redecide(after, snapshot_of(after.packs), source)
            expected = [found[1:] for found in json.loads(before.findings)]
            rows += expected
            assert [
                [found.row.rule.pack_id, found.row.rule.code, found.row.id, found.action.name]
                for found in again.result.findings
            ] == expected
            assert after.patient_id == mask.pseudonym(before.patient_id)
        assert len(rows) > 30
        text = "\n".join(one for one in file.read_text().splitlines() if not one.startswith('{"content"'))
        for secret in ("甲某", "1981-06-30", '"P1"', '"P24"', "RX", '"R1"', '"D1"', "医师甲", plain[0].check_id):
            assert secret not in text, secret
        assert "1981-06-01" in text

    def test_a_line_that_is_none(self, tmp_path):
        file = tmp_path / "corpus.jsonl"
        file.write_bytes(b'{"decision": {"document": "x"}}\n')
        with pytest.raises(CorpusError, match=r"corpus\.jsonl:1"):
            list(read_corpus(file))
        with pytest.raises(CorpusError, match="No such file"):
            list(read_corpus(tmp_path / "missing"))


class TestWhatIsGone:
    def test_a_pack(self, hospital, tmp_path):
        decision = next(hospital.service.store.find(Query()))
        with pytest.raises(ReplayError, match=r"pack tiny@1 with digest .* is not in"):
            own_packs(decision, tmp_path / "profiles")

    def test_a_profile(self, hospital):
        from msgspec.structs import replace

        store = hospital.service.store
        decision = replace(next(store.find(Query())), profile_digest="gone")
        with pytest.raises(ReplayError, match="does not have the profile"):
            redecide(decision, Snapshot([]), store)

    def test_other_packs_give_another_answer_and_it_is_said_where(self, hospital):
        store = hospital.service.store
        decision = next(found for found in store.find(Query()) if json.loads(found.findings))
        snapshot = hospital.packs.current()
        assert packs_text(snapshot) != decision.packs
        told = differences(decision, redecide(decision, snapshot, store))
        assert any("revision" in text for text in told)
        assert not any(text.startswith("engine") for text in told)
