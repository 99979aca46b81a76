"""Looks every package of a lock file up among the known vulnerabilities: `python tools/audit.py requirements.lock`.

Exit status: 0 if none is known, 1 if some are, and 2 if packages could not be looked up, as without a network: an audit
that did not happen must not look like one that found nothing.
"""

import json
import subprocess
import sys


def verdict(report: dict) -> tuple[int, str]:
    """What a report of pip-audit's says.

    Args:
        report: its JSON.

    Returns:
        Exit status and what to print.
    """
    packages = report["dependencies"]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    found = [
        f"{package['name']} {package['version']}: {fault['id']}, fixed in {', '.join(fault['fix_versions']) or 'none'}"
        for package in packages
        for fault in package.get("vulns", ())
    ]
    lines = [*found, f"{len(packages)} packages, {len(found)} known vulnerabilities"]
    if skipped or not packages:
        lines.append(f"error: {len(skipped)} of {len(packages)} could not be looked up (no network?), so not audited")
    return (1 if found else 2 if skipped or not packages else 0), "\n".join(lines)


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    result = subprocess.run([*command, "-f", "json", "-r", *sys.argv[1:]], capture_output=True, text=True)
    try:
        status, text = verdict(json.loads(result.stdout))
    except ValueError:
        reason = (result.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        status, text = 2, f"error: the packages could not be audited (no network?): {reason}"
    print(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
