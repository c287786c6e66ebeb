"""Benchmarks: the evaluator alone, opening a pack, the whole call against an echo, and where the time goes."""
