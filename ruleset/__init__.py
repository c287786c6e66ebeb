"""Packs, templates and the evaluator. No I/O but reading pack files, no clock, no logging; knows no gRPC, no storage.

A reader's way through: `case` (the facts) -> `template` and `templates/` (the rule logic) -> `rule` (rules and rows)
-> `pack/` (from spreadsheet to memory-mapped file) -> `snapshot` (the packs in force) -> `chart` (what a template may
look at) -> `evaluator` (the answer, in the words of `outcome`).
"""
