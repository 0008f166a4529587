"""LogsQL: the query language of the log store.

`parser.parse` turns text into an `ast.Query`; `evaluate.run` answers it over any `source.RowSource`.
"""
