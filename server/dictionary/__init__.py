"""The hospital's own tables: what its codes stand for, and what its doctors may prescribe. Data (CSV), never code.

tables.py says what the files are, cells.py how a cell is read, reading.py reads a directory of them, lookup.py makes
the dictionary that is looked up in, enrichment.py adds its facts to a case, history.py to a patient's past lines,
unmapped.py counts what it does not know, holder.py holds the one in force, report.py says what one covers.
"""
