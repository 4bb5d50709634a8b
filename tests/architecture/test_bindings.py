"""Every binding of the specification has a test that performs its attack.

The table below names them; this test finds each one and misses none.  A binding
that is added to the chapter names-and-usages needs a line here, and so an attack.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests" / "unit"
CHAPTER = ROOT / "docs" / "spec" / "names-and-usages.md"

# binding -> file in tests/unit, beginning of the tests' names
ATTACKS = {
    "B1": ("test_bindings_addressing.py", "test_b1_"),
    "B2": ("test_bindings_addressing.py", "test_b2_"),
    "B3": ("test_admit_outcomes.py", "test_b3_"),
    "B4": ("test_bindings_addressing.py", "test_b4_"),
    "B5": ("test_bindings_addressing.py", "test_b5_"),
    "B6": ("test_bindings_authorship.py", "test_b6_"),
    "B7": ("test_bindings_authorship.py", "test_b7_"),
    "B8": ("test_bindings_sealing.py", "test_b8_"),
    "B9": ("test_bindings_sealing.py", "test_b9_"),
    "B10": ("test_bindings_sealing.py", "test_b10_"),
    "B11": ("test_bindings_sealing.py", "test_b11_"),
    "B12": ("test_bindings_authorship.py", "test_b12_"),
    "B13": ("test_bindings_addressing.py", "test_b13_"),
    "B14": ("test_manifest.py", "test_a_key_of_another_terminals_manifest_is_refused"),
    "B15": ("test_directory_keys.py", "test_a_small_order_key_is_refused"),
    "B16": ("test_bindings_authorship.py", "test_b16_"),
    "B17": ("test_bindings_attachments.py", "test_b17_"),
    "B18": ("test_sealing.py", "test_b18_"),
    "B19": ("test_admit_outcomes.py", "test_b19_"),
    "B20": ("test_crypto_session.py", "test_a_proof_for_another_relay_nonce_or_day"),
    "B21": ("test_bindings_receipts.py", "test_b21_"),
    "B22": ("test_bindings_receipts.py", "test_b22_"),
    "B23": ("test_directory_attacks.py", "test_a_proof_of_possession_of_anything_else"),
    "B24": (
        "test_directory_attacks.py",
        "test_a_replayed_enrolment_after_a_revocation",
    ),
    "B25": ("test_trusted_root.py", "test_new_holders_alone_make_no_successor"),
}


def test_every_binding_of_the_chapter_is_attacked() -> None:
    rows = re.findall(
        r"^\| (B\d+) \|", CHAPTER.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert rows == list(ATTACKS)


@pytest.mark.parametrize("binding", ATTACKS)
def test_the_attack_on_a_binding_is_there(binding: str) -> None:
    file, beginning = ATTACKS[binding]
    tree = ast.parse((UNIT / file).read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [name for name in names if name.startswith(beginning)]
