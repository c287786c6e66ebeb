"""Bring the rows that the National Healthcare Security Administration publishes as spreadsheets into a pack.

workbook.py    a file to sheets of cells, within limits         columns.py    which row is the header, which column what
published.py   what is published: rules, words, batches, dates  definitions.py  names and limits in one sheet, codes in another
sheets.py      sheets to entries, and what was none             texts.py      what a published text says with certainty
rows.py        entries to rows of the pack's rules              remarks.py    what there is to say beside the rows
tables.py      row files, read and written                      merge.py      published rows into a pack's rows: the diff
citations.py   a rule's citation of a new publication           national.py   all of it, from paths to a plan
"""
