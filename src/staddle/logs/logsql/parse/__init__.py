"""Recursive-descent parsers, one module per part of the language. The way in is
`staddle.logs.logsql.parser.parse`.
"""
