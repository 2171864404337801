"""Reports on dead letters: what lies there, why, since when, and what to do next.

`build` makes the report, a plain record (`model`), of letters and what else is known of them. The other modules show
it: `table` on a terminal, `document` as JSON, `markdown`, and `page` as one HTML page with plots.
"""

from turnout.recovery.report.build import Sources, build_report
from turnout.recovery.report.model import Report
from turnout.recovery.report.steps import Command

__all__ = ["Command", "Report", "Sources", "build_report"]
