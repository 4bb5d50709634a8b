"""Asks another implementation, in one Node process per question."""

import json
import subprocess

from tests.support.tree import ROOT

SCRIPTS = ROOT / "tests" / "interop" / "node"


def ask(script: str, direction: str, jobs: list[dict[str, str]]) -> list[str]:
    """Return one answer per job."""
    done = subprocess.run(  # noqa: S603 -- a script of this repository
        ["node", SCRIPTS / script],  # noqa: S607 -- the node that the marker found
        input=json.dumps({"direction": direction, "jobs": jobs}),
        capture_output=True,
        check=False,
        cwd=ROOT,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answers: list[str] = json.loads(done.stdout)
    assert len(answers) == len(jobs)
    return answers
