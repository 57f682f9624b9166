"""``hub explain``: the plan of a query in words, with the lines of the policy on which it rests."""

from __future__ import annotations

from typer.testing import CliRunner

from hub.cli import app

QUERY = "{ mandatoryReports { edges { node { reporterName } } } }"


def test_explain_shows_what_each_line_of_the_policy_opens() -> None:
    asked = ["explain", "public_security_bureau", QUERY, "--purpose", "emergency_response"]
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 0, found.output
    _, rules = found.output.split("\nrules\n")
    assert " read in scope `all` by clause 3.1.4: MandatoryReport.* (" in rules
    assert "    public_security_bureau:" in rules
