"""Packs whose every answer is known by arithmetic, and clients that check all the time and judge each reply.

What a revision finds is worked out here from its number alone, so an answer that mixes two revisions, or names one and
is of another, shows. Nothing of the engine is used for it.
"""

import contextlib
import itertools
import json
import random
import threading
import time
from typing import NamedTuple

from client_shim import Format
from tests.web.messages import BED, CHILD_DRUG
from tests.web.packs import write_pack
from tests.web.product import PATIENCE_S

DOCUMENTS = 60
DRUG_CODE = "DRUG-{}"
"""Official code of the drug rule in a revision."""


def limit_of(revision):
    """How many bed days a revision allows: another number with every revision that changes a row."""
    return 1 + meaning_of(revision) * 7 % 5


def meaning_of(revision):
    """Revisions in pairs mean the same: an even one only says anew what the odd one before it says."""
    return (revision + 1) // 2


def write_revision(folder, revision):
    """Write the source of a revision; its rows stand in another order in every even one.

    The other item is never the bed: a row of its own would be stated twice.
    """
    write_pack(folder, revision=revision, child_code=DRUG_CODE.format(meaning_of(revision)), message="“{item}”不符")
    rows = [f"{BED[0]},{BED[1]},{limit_of(revision)},日", f"00110900001000{1 + meaning_of(revision) % 9},另一项,1,日"]
    rows = rows if revision % 2 else rows[::-1]
    text = "\n".join(["item_code,item_name,max_qty,unit", *dict.fromkeys(rows), ""])
    (folder / "rows" / "service-per-day.csv").write_text(text, encoding="utf-8")
    return folder


class Document(NamedTuple):
    """One message and what decides of it."""

    content: bytes
    has_drug: bool
    bed_days: int


def documents():
    """A child's drug for a grown-up, or not, and some days of a bed; each is another patient."""
    numbers = itertools.count()
    made = []
    for has_drug, bed_days in itertools.product((True, False), range(7)):
        for _ in range(DOCUMENTS // 14 + 1):
            lines = [{"order_id": "drug", "item_code": CHILD_DRUG[0]}] if has_drug else []
            lines += [{"order_id": "bed", "item_code": BED[0], "quantity": bed_days}] if bed_days else []
            lines += [{"order_id": "more", "item_code": "001109000010009", "quantity": 1}]
            document = {
                "message_id": f"m{next(numbers)}",
                "time": "2026-07-08T09:00:00",
                "patient": {"id": f"load-{next(numbers)}", "birth_date": "1981-06-30"},
                "encounter": {"id": "E1", "care_modes": ["outpatient"], "lines": lines},
            }
            made.append(Document(json.dumps(document).encode(), has_drug, bed_days))
    return made


def expected(document, revision):
    """What a revision finds: rule code and line."""
    found = set()
    if document.has_drug:
        found.add((DRUG_CODE.format(meaning_of(revision)), "drug"))
    if document.bed_days > limit_of(revision):
        found.add(("GZ10000102014000", "bed"))
    return found


class Period(NamedTuple):
    """A time in which a revision may be what answers: from before its publishing began until after the next one's."""

    begin: float
    end: float
    revision: int


class Publish:
    """A publish from when it is asked for until it is answered, and how many checks its time overlaps."""

    def __init__(self):
        self.begin = time.monotonic()
        self.end = float("inf")
        self.met = 0


class Timeline:
    """Which revision may answer when, as the publisher knows it."""

    def __init__(self, revision, slack_s=0.0):
        self._lock = threading.Lock()
        self._periods = [Period(0.0, float("inf"), revision)]
        self._slack_s = slack_s
        """How long other processes may take to follow."""
        self.publishes = []
        self.checks_that_met_one = 0

    @contextlib.contextmanager
    def publishing(self):
        """A publish is under way."""
        publish = Publish()
        with self._lock:
            self.publishes.append(publish)
        try:
            yield
        finally:
            publish.end = time.monotonic()

    def answered(self, sent, received):
        """Count a check for the publishes whose time it overlaps."""
        with self._lock:
            recent = itertools.takewhile(lambda one: one.end >= sent, reversed(self.publishes))
            met = [one for one in recent if one.begin <= received]
            for one in met:
                one.met += 1
            self.checks_that_met_one += bool(met)

    @property
    def live(self):
        return self._periods[-1].revision

    def changing(self, revision):
        """From now on a revision may answer."""
        with self._lock:
            self._periods.append(Period(time.monotonic(), float("inf"), revision))

    def changed(self):
        """From now on nothing but the newest one answers."""
        with self._lock:
            end = time.monotonic() + self._slack_s
            self._periods[:-1] = [one._replace(end=min(one.end, end)) for one in self._periods[:-1]]

    def refused(self):
        """What might have answered never will."""
        with self._lock:
            self._periods.pop()

    def allowed(self, sent, received):
        """The revisions that may have answered a call."""
        with self._lock:
            return {one.revision for one in self._periods if one.begin <= received and one.end >= sent}


class Load:
    """Clients that check all the time. What is wrong with any reply is in `problems`."""

    def __init__(self, server, timeline, clients=4, stations=("S1",)):
        self.timeline = timeline
        self.checks = 0
        self.seen = set()
        self.problems = []
        self._server = server
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._documents = documents()
        self._threads = [
            threading.Thread(target=self._work, args=(number, stations[number % len(stations)]))
            for number in range(clients)
        ]

    def _work(self, number, station):
        choose = random.Random(number)
        try:
            with self._server.client(station_id=station) as client:
                while not self._over.is_set() and not self.problems:
                    self._check(client, choose.choice(self._documents))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must see it
            self.problems.append(repr(error))

    def _check(self, client, document):
        sent = time.monotonic()
        answer = client.check(document.content, format=Format.PRECHECK_JSON)
        received = time.monotonic()
        if answer.result < 0:
            self.problems.append(f"not answered: {answer.name} {answer.error}")
            return
        reply = json.loads(answer.answer)
        name = reply["revision"]
        revision = int(name.partition("@")[2].partition("+")[0])
        found = {(one["rule"], one["violating"][0]["order_id"]) for one in reply["findings"]}
        verdict = "WARN" if found else "PASS"
        wrong = [
            text
            for text, is_wrong in (
                ("findings are not the revision's", found != expected(document, revision)),
                ("verdict", reply["verdict"] != verdict or answer.verdict != verdict),
                ("a finding of another revision", any(one["pack_revision"] != name for one in reply["findings"])),
                ("that revision was not live then", revision not in self.timeline.allowed(sent, received)),
            )
            if is_wrong
        ]
        if wrong:
            self.problems.append(f"{wrong}: {reply}, {document}, allowed {self.timeline.allowed(sent, received)}")
        self.timeline.answered(sent, received)
        with self._lock:
            self.checks += 1
            self.seen.add(revision)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def until(self, checks, patience_s):
        """Wait until so many checks were answered."""
        give_up = time.monotonic() + patience_s
        while self.checks < checks and not self.problems:
            assert time.monotonic() < give_up, f"{self.checks} of {checks} checks in {patience_s} s"
            time.sleep(0.01)
