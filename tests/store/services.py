"""The check service in this process, on a store of a test; and what is said of its answers."""

import json

from server import clock
from server.check import CheckService, Request
from server.history import History
from server.metrics import Metrics
from server.profile import Profiles
from tests.web.messages import encoded

MEMORY = 50_000_000


class Service:
    """A server without its transport."""

    def __init__(self, store, packs, **options):
        self.store = store
        self.metrics = Metrics()
        self.history = History(store, MEMORY)
        profiles = options.pop("profiles", None) or Profiles("", "default")
        self.checks = CheckService(packs, profiles, self.history, store, self.metrics, **options)

    def check(self, document, within_s=5.0, request_id="", transaction="3101"):
        """Check a national message; return the answer's JSON."""
        request = Request(encoded(document), transaction, None, "", "S1", request_id)
        return json.loads(self.checks.check(request, until=clock.moment(within_s)).answer)

    def metric(self, name):
        values = [
            line.rpartition(" ")[2]
            for line in self.metrics.exposition().decode().splitlines()
            if line.rpartition(" ")[0] == name
        ]
        return float(values[0]) if values else 0.0
