"""The summary of a demonstration: ``koerier-demo/1``."""

from typing import Any

FORMAT = "koerier-demo/1"


def summary_of(
    ministry: str,
    messages: list[dict[str, Any]],
    leak: tuple[int, int],
    seconds: float,
) -> dict[str, Any]:
    """Return the summary object.

    Args:
        ministry: its name.
        messages: as ``koerier receipts --json`` prints them.
        leak: pieces searched for in the relay's files, and pieces found.
        seconds: from the start to the last receipt.
    """
    searched, found = leak
    return {
        "format": FORMAT,
        "ok": found == 0 and all(_is_through(message) for message in messages),
        "ministry": ministry,
        "messages": [_message(message) for message in messages],
        "relay_leak": {"canaries": searched, "found": found},
        "seconds": round(seconds, 2),
    }


def _is_through(message: dict[str, Any]) -> bool:
    proof = message["proof"]
    states = [target["states"].values() for target in message["to"]]
    whole = all(target["complete"] is not False for target in message["to"])
    return bool(proof and proof["verified"]) and whole and all(map(all, states))


def _message(message: dict[str, Any]) -> dict[str, Any]:
    kept = ("id", "type", "precedence", "from", "size", "proof")
    to = [{name: one[name] for name in ("post", "states")} for one in message["to"]]
    return {**{name: message[name] for name in kept}, "to": to}
