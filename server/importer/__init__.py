"""Bring the rows that the National Healthcare Security Administration publishes as spreadsheets into a pack.

workbook.py   a file to sheets of cells, within limits          columns.py    which row is the header, which column what
published.py  what is published: rules, words, batches, dates   texts.py      what a published text says with certainty
sheets.py     sheets to published rows, and what was not one    merge.py      published rows into a pack's rows: the diff
citations.py  a rule's citation of a new publication            tables.py     row files, read and written
national.py   all of it, from paths to a plan
"""
