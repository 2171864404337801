"""The `when` language: `lexer` and `cursor` split its text, `parser` reads it, with `functions` and `paths`."""
