"""`turnout rules schema`: the JSON Schema of rule files, for editors."""

from __future__ import annotations

import json

import click

from turnout.rules.files.json_schema import rules_schema, table_schema

__all__ = ["schema"]


@click.command(short_help="Print the JSON Schema of rule files, for editors.")
@click.option("--tests", is_flag=True, help="That of the tables of tests instead.")
def schema(tests: bool) -> None:
    """Print the JSON Schema of rule files.

    An editor that speaks YAML finds it by a comment at the top of a rule file:
    # yaml-language-server: $schema=turnout.schema.json
    """
    click.echo(json.dumps(table_schema() if tests else rules_schema(), indent=2))
