"""Instruction sets: the table, what cpuinfo shows of it, and the choice for kernels."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

import brickprof as bp
from brickprof.kernels.runtime.runtime import compiled_kernels
from brickprof.machine import Cache, Machine, detect_machine, isas
from brickprof.machine.isas import (
    INSTRUCTION_SETS,
    ISA_NAMES,
    InstructionSet,
    default_isa,
    isas_from_cpuinfo,
)

MACHINE = Machine(
    cpu="Test CPU",
    arch="x86_64",
    isa="avx2",
    isas=("avx2", "base"),
    physical_cores=1,
    logical_cores=1,
    usable_cores=1,
    quota_cores=None,
    caches=tuple(Cache(level, 2**15 << level, 64, 1, 8) for level in (1, 2, 3)),
    assumed=(),
)


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without a choice in the environment, and leave none behind."""
    monkeypatch.delenv("BRICKPROF_ISA", raising=False)
    isas._forget_choice()
    yield
    isas._forget_choice()


def test_the_table_is_that_of_the_compiled_kernels() -> None:
    arch = detect_machine().arch
    known = tuple(isa.name for isa in INSTRUCTION_SETS if isa.arch in (None, arch))
    assert tuple(compiled_kernels()) == known
    assert bp.isas() == detect_machine().isas
    assert len(set(ISA_NAMES)) == len(ISA_NAMES)
    assert INSTRUCTION_SETS[-1] == InstructionSet("base")


@pytest.mark.parametrize(
    ("key", "listed", "found"),
    [
        ("features", "fp asimd sve sve2", ("sve2", "neon", "base")),
        ("features", "fp asimd sve", ("neon", "base")),
        ("flags", "sve sve2 avx2 fma", ("sve2", "neon", "base")),
        ("processor", "0", ("neon", "base")),
    ],
)
def test_another_instruction_set_is_one_more_row(
    monkeypatch: pytest.MonkeyPatch, key: str, listed: str, found: tuple[str, ...]
) -> None:
    row = InstructionSet("sve2", "aarch64", frozenset({"sve", "sve2"}))
    monkeypatch.setattr(isas, "INSTRUCTION_SETS", (row, *INSTRUCTION_SETS))
    assert isas_from_cpuinfo(({key: listed},), "aarch64") == found


@pytest.mark.parametrize(
    ("arch", "blocks", "found"),
    [
        ("x86_64", (), None),
        ("x86_64", ({"processor": "0"},), None),
        ("x86_64", ({"flags": ""},), ("base",)),
        ("x86_64", ({"flags": "avx2 fma asimd"},), ("avx2", "base")),
        ("aarch64", ({"flags": "avx2 fma"},), ("neon", "base")),
        ("riscv64", (), ("base",)),
    ],
)
def test_what_cpuinfo_shows(
    arch: str, blocks: tuple[dict[str, str], ...], found: tuple[str, ...] | None
) -> None:
    assert isas_from_cpuinfo(blocks, arch) == found


def test_the_best_is_the_default() -> None:
    assert default_isa(MACHINE) == "avx2"
    assert default_isa(replace(MACHINE, isa="base", isas=("base",))) == "base"


def test_names_of_newer_versions_are_passed_over() -> None:
    newer = replace(MACHINE, isa="amx9", isas=("amx9", "avx2", "base"))
    assert Machine.from_json(newer.to_json()) == newer
    assert default_isa(newer) == "avx2"
    assert default_isa(replace(newer, isas=("amx9",))) == "base"


@pytest.mark.parametrize(("first", "other", "chosen"), [("base", "", "base"), ("", "base", "avx2")])
def test_the_first_call_heeds_the_environment_for_the_process(
    monkeypatch: pytest.MonkeyPatch, first: str, other: str, chosen: str
) -> None:
    monkeypatch.setenv("BRICKPROF_ISA", first)
    assert default_isa(MACHINE) == chosen
    monkeypatch.setenv("BRICKPROF_ISA", other)
    assert default_isa(MACHINE) == chosen
    monkeypatch.delenv("BRICKPROF_ISA")
    assert default_isa(MACHINE) == chosen


@pytest.mark.parametrize("first", ["kernels", "roofs"])
def test_kernels_and_roofs_never_part(first: str) -> None:
    code = """
import os, sys
from brickprof import detect_machine
from brickprof.kernels.runtime.runtime import default_isa as of_kernels
from brickprof.machine.isas import default_isa
calls = {"kernels": of_kernels, "roofs": lambda: default_isa(detect_machine())}
first = calls.pop(sys.argv[1])
(other,) = calls.values()
os.environ["BRICKPROF_ISA"] = "sse9"
for call in (first, other, first):
    try:
        call()
    except ValueError as error:
        print(error)
os.environ["BRICKPROF_ISA"] = "base"
print(first())
os.environ["BRICKPROF_ISA"] = "sse9"
print(other(), first())
del os.environ["BRICKPROF_ISA"]
print(other(), first())
"""
    command = [sys.executable, "-c", code, first]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    wrong = f"BRICKPROF_ISA: isa must be one of {ISA_NAMES}, got 'sse9'"
    assert run.stdout.splitlines() == [wrong] * 3 + ["base", "base base", "base base"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("sse9", r"BRICKPROF_ISA: isa must be one of \('avx512', .*\), got 'sse9'"),
        ("avx512", r"BRICKPROF_ISA: isa 'avx512' is not supported by this CPU; it has \('avx2', "),
        ("amx9", "BRICKPROF_ISA: isa must be one of"),
    ],
)
def test_the_environment_may_not_raise_it(
    monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    monkeypatch.setenv("BRICKPROF_ISA", value)
    with pytest.raises(ValueError, match=f"^{message}"):
        default_isa(replace(MACHINE, isa="amx9", isas=("amx9", "avx2", "base")))
    monkeypatch.setenv("BRICKPROF_ISA", "base")
    assert default_isa(MACHINE) == "base"
