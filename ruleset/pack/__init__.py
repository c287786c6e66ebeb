"""Rule packs: from a directory that a pharmacist edits in a spreadsheet to one immutable memory-mapped file.

`source` reads the directory, `check` turns it into typed rules and rows and says everything that is wrong with it,
`compile` writes the file, `file` is the file's format and its reader, `cases` runs the pack's own tests, `explain`
says how a rule is indexed.
"""
