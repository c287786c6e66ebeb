"""Past orders and charges of a HIS into the store: from files (CSV, Parquet) or from a read-only view of its database.

`columns.py` says what a row is, `sources.py` reads rows, `run.py` commits them and remembers how far it came.
"""
