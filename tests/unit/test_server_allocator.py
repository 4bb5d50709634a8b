"""Threads share one heap where the C library can do that."""

import ctypes
import platform
import types

import pytest

from server.allocator import one_heap


def test_the_c_library_takes_the_setting_where_it_is_glibc() -> None:
    assert one_heap() == (platform.libc_ver()[0] == "glibc")


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: types.SimpleNamespace())
    assert not one_heap()


def test_a_setting_that_is_refused_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def refuses(option: int, value: int) -> int:
        asked.append((option, value))
        return 0

    library = types.SimpleNamespace(mallopt=refuses)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    assert not one_heap()
    assert asked == [(-8, 1)]
