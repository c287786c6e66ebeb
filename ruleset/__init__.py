"""The compiled ruleset: packs, templates and the evaluator. No I/O but reading packs, no clock, no logging."""
