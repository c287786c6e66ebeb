"""The proving ground: the product's own service on a store of its own, telling of every call that comes in.

Nothing of it touches a live store: decisions, commits and feedback go into a temporary directory that is deleted at the
end. Within one run they are as real as in production, so that a vendor can check, commit, check again, and send feedback.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from server.check import AbandonedError, CheckService, FeedbackReply, Reply, Request
from server.conformance.examine import Arrival, Call, Transport
from server.dictionary.holder import DictionaryHolder
from server.entrance.text import EntranceError
from server.history import Change, History, Recent
from server.metrics import Metrics
from server.packs import SHIPPED_PACKS, PackHolder
from server.profile import ProfileError, Profiles
from server.store import Store, StoreError, open_store

DEFAULT_PACKS = ("nhsa", "safety-cn")
"""A vendor should see what all shipped rules would say; a hospital names its own."""
HISTORY_CACHE_BYTES_MAX = 100_000_000
REFUSALS = (EntranceError, ProfileError, StoreError, AbandonedError)

Tell = Callable[[Arrival], None]


class Ground(NamedTuple):
    """What services on the proving ground share."""

    packs: PackHolder
    profiles: Profiles
    history: History
    store: Store
    metrics: Metrics
    dictionaries: DictionaryHolder

    def service(self, transport: Transport, tell: Tell) -> "TellingService":
        """Return a service that tells of its calls as having come by `transport`."""
        return TellingService(self, transport, tell)


@contextlib.contextmanager
def open_ground(
    packs: Sequence[str], *, profile: str = "", profiles: str = "", dictionaries: str = ""
) -> Iterator[Ground]:
    """Give a proving ground, and delete its store afterwards.

    `packs` are paths, or names of shipped packs. Raises ActivationError, ProfileError or DictionaryError.
    """
    with tempfile.TemporaryDirectory(prefix="precheck-conformance-") as folder, contextlib.ExitStack() as stack:
        data = Path(folder)
        metrics = Metrics()
        holder = PackHolder(data / "packs")
        holder.activate([path_of(pack) for pack in packs or DEFAULT_PACKS], aside=False)
        known = Profiles(profiles, profile or "default")
        dictionary = DictionaryHolder(metrics)
        dictionary.load(dictionaries, beside_checks=False)
        store = open_store("", data)
        stack.callback(store.close)
        yield Ground(holder, known, History(store, HISTORY_CACHE_BYTES_MAX), store, metrics, dictionary)


def path_of(pack: str) -> str:
    """Return the path of a shipped pack that is named; any other text is a path."""
    shipped = SHIPPED_PACKS / pack
    return str(shipped) if "/" not in pack and not Path(pack).exists() and shipped.is_dir() else pack


class TellingService(CheckService):
    """The check service, which tells of every call and of how it was answered."""

    def __init__(self, ground: Ground, transport: Transport, tell: Tell) -> None:
        super().__init__(
            ground.packs, ground.profiles, ground.history, ground.store, ground.metrics, ground.dictionaries
        )
        self._transport = transport
        self._tell = tell

    def check(self, request: Request, is_wanted: Callable[[], bool] = lambda: True, until: int | None = None) -> Reply:
        """Judge one document, and tell of it."""
        with self._refusals_told("check", request):
            reply = super().check(request, is_wanted, until)
        self._tell(Arrival("check", self._transport, request, reply.answer))
        return reply

    def commit(self, request: Request, until: int | None = None) -> Change:
        """Commit to the temporary store, and tell of it."""
        with self._refusals_told("commit", request):
            change = super().commit(request, until)
        told = {"committed_lines": change.lines, "history_position": change.position}
        self._tell(Arrival("commit", self._transport, request, told=told))
        return change

    def void(
        self,
        patient_id: str,
        encounter_id: str,
        order_ids: Sequence[str],
        item_code: str,
        source: str,
        time: str = "",
        until: int | None = None,
    ) -> Change:
        """Take lines out of the temporary store, and tell of it."""
        request = _without_document(source)
        with self._refusals_told("void", request):
            change = super().void(patient_id, encounter_id, order_ids, item_code, source, time, until)
        told = {
            "patient_id": patient_id,
            "encounter_id": encounter_id,
            "order_ids": list(order_ids),
            "item_code": item_code,
            "voided_lines": change.lines,
            "history_position": change.position,
        }
        self._tell(Arrival("void", self._transport, request, told=told))
        return change

    def recent_history(self, patient_id: str, since: str, limit: int, until: int | None = None) -> Recent:
        """Return what the temporary store has, and tell of it."""
        request = _without_document("")
        with self._refusals_told("history", request):
            recent = super().recent_history(patient_id, since, limit, until)
        told = {"patient_id": patient_id, "lines_total": recent.lines_total, "visits_total": recent.visits_total}
        self._tell(Arrival("history", self._transport, request, told=told))
        return recent

    def feedback(self, request: Request, until: int | None = None) -> FeedbackReply:
        """Record feedback in the temporary store, and tell of it."""
        with self._refusals_told("feedback", request):
            reply = super().feedback(request, until)
        told = {"recorded": reply.recorded, "unmatched": reply.unmatched}
        self._tell(Arrival("feedback", self._transport, request, reply.answer, told=told))
        return reply

    @contextlib.contextmanager
    def _refusals_told(self, call: Call, request: Request) -> Iterator[None]:
        try:
            yield
        except REFUSALS as error:
            self._tell(Arrival(call, self._transport, request, error=str(error)))
            raise


def _without_document(source: str) -> Request:
    return Request(b"", "precheck", None, station_id=source)
