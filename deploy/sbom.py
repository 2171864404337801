"""Writes what is installed beside this Python as a CycloneDX 1.6 bill of materials: names, versions, licences, needs.

    python deploy/sbom.py sbom.cdx.json

Reads the metadata that pip leaves with each distribution; needs nothing but the standard library. The same
environment gives the same file, byte for byte.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

PRODUCT = "turnout"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST_LICENCE_NAME = 100
"""What is longer is a licence's whole text, not its name."""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _reference(distribution: Distribution) -> str:
    return f"pkg:pypi/{_normal(distribution.metadata['Name'])}@{distribution.version}"


def _licences(distribution: Distribution) -> list[dict[str, Any]]:
    metadata = distribution.metadata
    if expression := metadata.get("License-Expression"):
        return [{"expression": expression}]
    classifiers = [each.split(" :: ")[-1] for each in metadata.get_all("Classifier", []) if each.startswith("License")]
    stated = metadata.get("License") or ""
    names = classifiers or ([stated] if 0 < len(stated) <= _LONGEST_LICENCE_NAME else [])
    return [{"license": {"name": name}} for name in names]


def _component(distribution: Distribution) -> dict[str, Any]:
    reference = _reference(distribution)
    name = distribution.metadata["Name"]
    component: dict[str, Any] = {
        "type": "application" if _normal(name) == PRODUCT else "library",
        "bom-ref": reference,
        "name": name,
        "version": distribution.version,
        "purl": reference,
    }
    if licences := _licences(distribution):
        component["licenses"] = licences
    return component


def bill_of_materials(installed: list[Distribution]) -> dict[str, Any]:
    """The document; `installed` has the product itself in it."""
    by_name = {_normal(each.metadata["Name"]): each for each in installed}
    product = by_name[PRODUCT]

    def needs(distribution: Distribution) -> list[str]:
        # What belongs to an extra, or to another system, counts when it is here: it can be imported then.
        names = {_normal(found[0]) for text in distribution.requires or () if (found := _NAME.match(text))}
        return sorted(_reference(by_name[name]) for name in names & by_name.keys())

    others = [by_name[name] for name in sorted(by_name) if name != PRODUCT]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": _component(product),
            "properties": [{"name": "python", "value": f"{sys.version_info.major}.{sys.version_info.minor}"}],
        },
        "components": [_component(each) for each in others],
        "dependencies": [{"ref": _reference(each), "dependsOn": needs(each)} for each in (product, *others)],
    }


def main(arguments: list[str]) -> int:
    """Write the document to the path that is given."""
    if len(arguments) != 1:
        sys.stderr.write("usage: sbom.py FILE\n")
        return 2
    try:
        document = bill_of_materials(list(distributions()))
    except KeyError:
        sys.stderr.write(f"{PRODUCT} is not installed beside {sys.executable}\n")
        return 1
    Path(arguments[0]).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
