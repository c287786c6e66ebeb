"""What the server counts, in the Prometheus text format. Children are bound once: a labelled look-up costs more."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ruleset.outcome import Completeness, Verdict

STALL_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
LATENCY_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 5.0)
RELOAD_BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0)


class Metrics:
    """The metrics of one server process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._children: dict[tuple[Counter, str], Counter] = {}
        checks = Counter(
            "precheck_checks",
            "Checks judged and answered, recorded or not; what is answered from the record again is not counted again.",
            ("verdict", "completeness"),
            registry=self.registry,
        )
        self.checks = {
            (verdict, completeness): checks.labels(verdict.name, completeness.name)
            for verdict in Verdict
            for completeness in Completeness
        }
        self.check_seconds = Histogram(
            "precheck_check_seconds",
            "Time from a document's receipt to its answer, which is recorded or says that it is not.",
            buckets=LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self.stall_seconds = Histogram(
            "precheck_stall_seconds",
            "How much later than asked for a thread was woken, fifty times a second: what held it held every check.",
            buckets=STALL_BUCKETS_S,
            registry=self.registry,
        )
        self.refused = Counter(
            "precheck_refused", "Calls answered with a status other than OK.", ("code",), registry=self.registry
        )
        self.findings = Counter(
            "precheck_findings", "Findings by the rule's official code.", ("rule",), registry=self.registry
        )
        self.hints = Counter("precheck_hints", "Hints by the rule's official code.", ("rule",), registry=self.registry)
        self.not_evaluated = Counter(
            "precheck_not_evaluated", "Things not evaluated, by reason.", ("reason",), registry=self.registry
        )
        self.rule_failures = Counter(
            "precheck_rule_failures",
            "Rows that were not evaluated because their rule failed, by the rule's official code.",
            ("rule",),
            registry=self.registry,
        )
        self.history_changes = Counter(
            "precheck_history_lines", "Lines committed to and voided from history.", ("kind",), registry=self.registry
        )
        self.unrecorded = Counter(
            "precheck_unrecorded", "Answers that went out without a record.", registry=self.registry
        )
        self.judged_again = Counter(
            "precheck_judged_again",
            "Checks judged again because the history had changed since it was read.",
            registry=self.registry,
        )
        self.pack_activations = Counter(
            "precheck_pack_activations", "Attempts to change the packs.", ("outcome",), registry=self.registry
        )
        self.pack_refusals = Counter(
            "precheck_pack_refusals", "Changes of the packs that were refused.", ("reason",), registry=self.registry
        )
        self.pack_reload_seconds = Histogram(
            "precheck_pack_reload_seconds",
            "Time from seeing another CURRENT to serving it.",
            buckets=RELOAD_BUCKETS_S,
            registry=self.registry,
        )
        self._add_shadow()
        self.dictionary_loads = Counter(
            "precheck_dictionary_loads", "Attempts to load the dictionary.", ("outcome",), registry=self.registry
        )
        self.unmapped_codes = Counter(
            "precheck_unmapped_codes",
            "Codes that a check met and the dictionary does not have, once per check; `other` beyond 200 departments.",
            ("kind", "department"),
            registry=self.registry,
        )
        self.feedback = Counter("precheck_feedback", "Feedback entries recorded.", registry=self.registry)

    def _add_shadow(self) -> None:
        """Make the gauges of what is judged in shadow; who judges sets them."""
        self.shadow_decisions = Gauge(
            "precheck_shadow_decisions", "Decisions that were judged again in shadow.", registry=self.registry
        )
        self.shadow_behind_seconds = Gauge(
            "precheck_shadow_behind_seconds",
            "How far the shadow is behind the checks; 0: not at all.",
            registry=self.registry,
        )
        self.shadow_findings = Gauge(
            "precheck_shadow_findings",
            "What would change if the packs in shadow were live: findings and popups.",
            ("change",),
            registry=self.registry,
        )
        self.shadow_row_findings = Gauge(
            "precheck_shadow_row_findings",
            "The same by row, for the 100 rows that would interrupt most.",
            ("pack", "row", "change"),
            registry=self.registry,
        )

    def count(self, counter: Counter, label: str, amount: int = 1) -> None:
        """Add to a counter with one label; its children are found in a dictionary of our own, which is faster."""
        child = self._children.get((counter, label))
        if child is None:
            child = self._children[counter, label] = counter.labels(label)
        child.inc(amount)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a gauge whose value is read when the metrics are asked for."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def exposition(self) -> bytes:
        """Return all metrics in the text format, version 0.0.4."""
        return generate_latest(self.registry)
