"""The list of the 88 national rules (2025 edition), and which of them a set of packs decides.

`rules.csv` is the list as facts: number, code (`NHSA2025-<number>` where the edition has not published one), tier,
class, name, the templates that express it, and what decides it: `message` (the national 3101 message), `clinical`
(our extension of it, or the hospital's dictionaries), `history` (the patient's past lines), or `batch`: not before
the money is spent, with the reason.
"""
