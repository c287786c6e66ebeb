"""The entrances: from the bytes of a document to a `Case`, and from a `Result` back to the bytes of its answer.

`text` reads bytes into JSON values, `values` reads one JSON value as a fact, `fields` is the table of fields,
`national` reads the national 3101/3102/3103 message, `national_answer` and `own_answer` write the two answers.
"""
