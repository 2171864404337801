"""The command line: one thin module per command, no decisions of its own."""
