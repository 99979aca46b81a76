"""The lock file, and what is made of an audit of it."""

import re
from pathlib import Path

import audit
import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text()


GOOD = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "status", "text"),
    [
        ([GOOD], 0, "1 packages, 0 known vulnerabilities"),
        ([GOOD, BAD], 1, "b 2: CVE-1, fixed in 3"),
        ([GOOD, SKIPPED], 2, "error: 1 of 2 could not be looked up"),
        ([BAD, SKIPPED], 1, "error: 1 of 2 could not be looked up"),
        ([], 2, "so not audited"),
    ],
)
def test_an_audit_that_did_not_happen_does_not_pass_for_a_clean_one(packages, status, text):
    got, said = audit.verdict({"dependencies": packages})
    assert got == status and text in said


def pins(text: str) -> set[str]:
    found = re.findall(r"^([a-zA-Z0-9_.-]+)(?:\[.*?\])?(==[^\s;\\]+)", text, re.MULTILINE)
    return {name.replace("_", "-") + version for name, version in found}


def test_the_lock_holds_every_pin_of_the_requirements():
    missing = pins((ROOT / "requirements.txt").read_text()) - pins(LOCK)
    assert not missing


def test_every_package_of_the_lock_has_hashes_and_no_host_is_named():
    entries = [entry for entry in re.split(r"\n(?=[a-z0-9])", LOCK) if "==" in entry.splitlines()[0]]
    assert len(entries) > 50
    assert not [entry for entry in entries if "--hash=sha256:" not in entry]
    assert not re.search(r"://|--index|--extra|--find-links|--trusted| @ |file:|\s/", LOCK)
