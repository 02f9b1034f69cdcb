"""Instruction sets: the table, what cpuinfo shows of it, and the choice for kernels."""

from __future__ import annotations

from dataclasses import replace

import pytest

import brickprof as bp
from brickprof.machine import Cache, Machine, isas
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
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without a choice in the environment."""
    monkeypatch.delenv("BRICKPROF_ISA", raising=False)


def test_the_table_holds_what_kernels_are_compiled_for() -> None:
    assert ISA_NAMES == ("avx512", "avx2", "neon", "base")
    assert set(bp.isas()) <= set(ISA_NAMES)
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


def test_the_environment_lowers_the_choice_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRICKPROF_ISA", "base")
    assert default_isa(MACHINE) == "base"
    monkeypatch.setenv("BRICKPROF_ISA", "")
    assert default_isa(MACHINE) == "avx2"


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
