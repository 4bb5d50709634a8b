"""The table of docs/spec/requests.md is the code's."""

from pathlib import Path

from protocol import requests
from protocol.requests import Ask

SPEC = Path(__file__).parents[2] / "docs/spec/requests.md"
BODIES = {
    Ask.SUBMIT: (requests.Submit, requests.Stored),
    Ask.ACKNOWLEDGE: (requests.Acknowledge, None),
    Ask.PUBLISH: (requests.Publish, None),
    Ask.PREKEYS: (requests.Prekeys, requests.Offers),
    Ask.KEY_LOG: (requests.KeyLog, requests.Entries),
    Ask.CHECKPOINT: (requests.Checkpoint, requests.SignedCheckpoint),
    Ask.PROVE: (requests.Prove, requests.Proof),
    Ask.APPEND: (requests.Append, requests.Appended),
    Ask.NACK: (requests.Nack, None),
    Ask.ANNOUNCE: (requests.Announce, requests.Announced),
    Ask.FETCH: (requests.Fetch, None),
    Ask.KEPT: (requests.Kept, None),
    Ask.UNDELIVERED: (requests.Undelivered, requests.Expiring),
}


def test_the_table_is_the_one_that_the_code_has() -> None:
    _, _, rest = SPEC.read_text().partition("```requests\n")
    printed, _, _ = rest.partition("```")
    rows = [
        f"| {ask.value} | {ask.name} | {body.__name__} |"
        f" {answer.__name__ if answer else '-'} |"
        for ask, (body, answer) in BODIES.items()
    ]
    assert printed.splitlines()[2:] == rows
    assert set(BODIES) == set(Ask)
