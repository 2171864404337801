"""The `when` language: `lexer` and `cursor` split its text, `parser` reads it, with `functions` and `paths`.

A path is parsed by jsonpath-ng: `lowering` turns its tree into ours, `path_errors` its errors.
"""
