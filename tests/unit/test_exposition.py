"""Metrics of several workers in one exposition."""

from prometheus_client.parser import text_string_to_metric_families

from server.exposition import merged
from server.metrics import Metrics


def exposition(findings):
    metrics = Metrics()
    for rule, times in findings.items():
        metrics.count(metrics.findings, rule, times)
    metrics.check_seconds.observe(0.003)
    return metrics.exposition()


def samples(text):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_nothing_is_lost_and_every_sample_says_whose_it_is():
    alone = {0: exposition({"GZ1": 2, 'a"},\\n': 1}), 3: exposition({"GZ1": 5})}
    together = samples(merged(alone))
    expected = {}
    for worker, text in alone.items():
        for (name, labels), value in samples(text).items():
            expected[name, tuple(sorted((*labels, ("worker", str(worker)))))] = value
    assert together == expected
    assert together["precheck_findings_total", (("rule", "GZ1"), ("worker", "3"))] == 5


def test_each_family_is_described_once_and_stands_together():
    lines = merged({0: exposition({"GZ1": 1}), 1: exposition({"GZ2": 1})}).decode().splitlines()
    heads = [line for line in lines if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    families = [line.split(" ")[2] for line in lines if line.startswith("# TYPE")]
    assert families == list(dict.fromkeys(families))
