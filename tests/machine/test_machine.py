"""Machine: detection on fake trees, validation, JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest
from hypothesis import given
from hypothesis import strategies as st

import brickprof as bp
from brickprof.core.errors import MachineError
from brickprof.core.levels import TileLevel
from brickprof.machine import Cache, Machine, cpu_budget, detect_machine

AVX2 = "fpu sse2 fma avx avx2"
AVX512 = AVX2 + " avx512f avx512dq avx512vl avx512bw"


def put(root: Path, path: str, content: object) -> None:
    """Write a file of a fake tree."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{content}\n")


def x86_cpuinfo(root: Path, cpus: int, flags: str, name: str = "Xeon  Test @ 2GHz") -> None:
    """Write the cpuinfo of an x86 machine."""
    blocks = (
        f"processor\t: {cpu}\nvendor_id\t: GenuineIntel\nmodel name\t: {name}\nflags\t\t: {flags}\n"
        for cpu in range(cpus)
    )
    put(root, "proc/cpuinfo", "\n".join(blocks))


def arm_cpuinfo(root: Path, parts: list[tuple[str, str]]) -> None:
    """Write the cpuinfo of an ARM machine with one (implementer, part) per CPU."""
    blocks = (
        f"processor\t: {cpu}\nCPU implementer\t: {maker}\nCPU part\t: {part}\n"
        for cpu, (maker, part) in enumerate(parts)
    )
    put(root, "proc/cpuinfo", "\n".join(blocks))


def put_online(root: Path, cpus: str) -> None:
    put(root, "sys/devices/system/cpu/online", cpus)


def put_core(root: Path, cpu: int, core: int, package: int = 0) -> None:
    folder = f"sys/devices/system/cpu/cpu{cpu}/topology"
    put(root, f"{folder}/core_id", core)
    put(root, f"{folder}/physical_package_id", package)


def put_cache(
    root: Path,
    cpu: int,
    index: int,
    level: object,
    size: str,
    kind: str = "Unified",
    **more: object,
) -> None:
    folder = f"sys/devices/system/cpu/cpu{cpu}/cache/index{index}"
    facts = {"coherency_line_size": 64, "shared_cpu_list": cpu, "ways_of_associativity": 8, **more}
    for name, content in {"level": level, "type": kind, "size": size, **facts}.items():
        put(root, f"{folder}/{name}", content)


def put_caches(root: Path, cpu: int, l1: str, l2: str, l3: str, sharing: str = "0-3") -> None:
    put_cache(root, cpu, 0, 1, l1, "Data")
    put_cache(root, cpu, 1, 1, "16K", "Instruction")
    put_cache(root, cpu, 2, 2, l2)
    put_cache(root, cpu, 3, 3, l3, shared_cpu_list=sharing, ways_of_associativity=16)


@pytest.fixture
def xeon(tmp_path: Path) -> Path:
    """Return the tree of a four-core x86 machine with AVX-512."""
    x86_cpuinfo(tmp_path, 4, AVX512)
    put_online(tmp_path, "0-3")
    for cpu in range(4):
        put_core(tmp_path, cpu, cpu)
        put_caches(tmp_path, cpu, "48K", "2048K", "32M")
    return tmp_path


def test_x86_with_avx512(xeon: Path) -> None:
    machine = detect_machine(xeon)
    assert machine == Machine(
        cpu="Xeon Test @ 2GHz",
        arch="x86_64",
        isa="avx512",
        isas=("avx512", "avx2", "base"),
        physical_cores=4,
        logical_cores=4,
        usable_cores=4,
        quota_cores=None,
        caches=(
            Cache(1, 48 * 1024, 64, 1, 8),
            Cache(2, 2048 * 1024, 64, 1, 8),
            Cache(3, 32 * 1024**2, 64, 4, 16),
        ),
        assumed=(),
    )


@pytest.mark.parametrize(
    ("flags", "isas"),
    [
        (AVX512, ("avx512", "avx2", "base")),
        *(
            (AVX512.replace(f"avx512{part}", ""), ("avx2", "base"))
            for part in ("f", "dq", "vl", "bw")
        ),
        (AVX512.replace("fma ", ""), ("base",)),
        (AVX2, ("avx2", "base")),
        ("avx2 sse2", ("base",)),
        ("fma sse2", ("base",)),
        ("fpu sse2", ("base",)),
    ],
)
def test_isas_from_flags(xeon: Path, flags: str, isas: tuple[str, ...]) -> None:
    x86_cpuinfo(xeon, 4, flags)
    machine = detect_machine(xeon)
    assert (machine.isas, machine.isa) == (isas, isas[0])


@pytest.mark.parametrize("lesser", [0, 3])
def test_isas_are_those_that_every_cpu_has(xeon: Path, lesser: int) -> None:
    parts = (xeon / "proc/cpuinfo").read_text().split(AVX512)
    parts[lesser] += AVX2
    parts[lesser : lesser + 2] = ["".join(parts[lesser : lesser + 2])]
    put(xeon, "proc/cpuinfo", AVX512.join(parts))
    assert detect_machine(xeon).isas == ("avx2", "base")


def test_arm_names_board_and_cores(tmp_path: Path) -> None:
    arm_cpuinfo(tmp_path, [("0x41", "0xd08")] * 4)
    assert detect_machine(tmp_path).cpu == "Cortex-A72"
    put(tmp_path, "proc/device-tree/model", "Raspberry Pi 4 Model B\0")
    machine = detect_machine(tmp_path)
    assert machine.cpu == "Raspberry Pi 4 Model B (Cortex-A72)"
    assert (machine.arch, machine.isas) == ("aarch64", ("neon", "base"))
    assert machine.logical_cores == 4


def test_arm_with_two_kinds_of_core_and_an_unknown_part(tmp_path: Path) -> None:
    arm_cpuinfo(tmp_path, [("0x41", "0xd03"), ("0x41", "0xd08"), ("0x41", "0xd03")])
    assert detect_machine(tmp_path).cpu == "Cortex-A53 + Cortex-A72"
    arm_cpuinfo(tmp_path, [("0x7f", "0xabc")])
    assert detect_machine(tmp_path).cpu.startswith("unknown aarch64")


@pytest.mark.parametrize(("arch", "isas"), [("riscv64", ("base",)), ("arm64", ("neon", "base"))])
def test_given_arch(tmp_path: Path, arch: str, isas: tuple[str, ...]) -> None:
    assert detect_machine(tmp_path, arch=arch).isas == isas


def test_mixed_cores_take_the_smallest_usable(xeon: Path) -> None:
    for cpu in (2, 3):
        put_caches(xeon, cpu, "32K", "4M", "32M")
    mixed = detect_machine(xeon)
    assert [cache.size_bytes for cache in mixed.caches[:2]] == [32 * 1024, 2048 * 1024]
    pinned = detect_machine(xeon, affinity={2, 3})
    assert [cache.size_bytes for cache in pinned.caches[:2]] == [32 * 1024, 4096 * 1024]
    assert pinned.usable_cores == 2
    assert pinned.fingerprint() != mixed.fingerprint()


def test_empty_tree_takes_nothing_from_the_real_machine(tmp_path: Path) -> None:
    machine = detect_machine(tmp_path)
    assert machine.cpu == "unknown unknown"
    assert (machine.logical_cores, machine.physical_cores, machine.usable_cores) == (1, 1, 1)
    assert machine.assumed == ("logical_cores", "physical_cores", "L1", "L2", "L3")
    assert [machine.cache(level).size_bytes for level in TileLevel] == [
        level.typical_bytes for level in TileLevel
    ]


def test_only_l3_missing_is_assumed_and_shared_by_all(xeon: Path) -> None:
    for cpu in range(4):
        put_cache(xeon, cpu, 3, 3, "0K")
    machine = detect_machine(xeon)
    assert machine.assumed == ("L3",)
    assert machine.cache(3) == Cache(3, TileLevel.MACRO.typical_bytes, 64, 4, 0)


@pytest.mark.parametrize("size", ["", "0", "0K", "junk", "-32K", "32X", "3 2K", "9" * 40])
def test_junk_size_is_unknown(tmp_path: Path, size: str) -> None:
    put_cache(tmp_path, 0, 0, 1, size, "Data")
    assert "L1" in detect_machine(tmp_path).assumed


@pytest.mark.parametrize(
    ("size", "expected"), [("512", 512), ("32K", 32768), ("32M", 32 * 1024**2), ("1G", 1024**3)]
)
def test_size_units(tmp_path: Path, size: str, expected: int) -> None:
    put_cache(tmp_path, 0, 2, 2, size)
    assert detect_machine(tmp_path).cache("L2").size_bytes == expected


def test_junk_around_a_size_is_assumed_field_by_field(tmp_path: Path) -> None:
    junk = {"coherency_line_size": "x", "shared_cpu_list": "4-1", "ways_of_associativity": "y"}
    put_cache(tmp_path, 0, 0, 1, "32K", "Data", **junk)
    put_cache(tmp_path, 0, 1, "what", "32K")
    machine = detect_machine(tmp_path)
    assert machine.cache("L1") == Cache(1, 32768, 64, 1, 0)
    assert {"L1.line_bytes", "L1.shared_by"} < set(machine.assumed)
    assert "L1" not in machine.assumed


def test_a_fourth_level_follows_the_third(xeon: Path) -> None:
    put_cache(xeon, 0, 4, 4, "128M")
    assert [cache.level for cache in detect_machine(xeon).caches] == [1, 2, 3, 4]


def test_two_threads_per_core_and_two_packages(xeon: Path) -> None:
    for cpu, (core, package) in enumerate([(0, 0), (0, 1), (0, 0), (0, 1)]):
        put_core(xeon, cpu, core, package)
    machine = detect_machine(xeon)
    assert (machine.physical_cores, machine.logical_cores) == (2, 4)


def test_unknown_sharing_of_l1_is_a_core_s_threads(xeon: Path) -> None:
    for cpu in range(4):
        put_core(xeon, cpu, cpu // 2)
        put_cache(xeon, cpu, 0, 1, "48K", "Data", shared_cpu_list="")
    assert detect_machine(xeon).cache("L1").shared_by == 2


def test_offline_cpus_do_not_count(xeon: Path) -> None:
    put_online(xeon, "0,2")
    machine = detect_machine(xeon)
    assert (machine.physical_cores, machine.logical_cores, machine.usable_cores) == (2, 2, 2)


@pytest.mark.parametrize("junk", ["", "a-b", "0,3-1", "0-99999999", "0;1"])
def test_junk_online_falls_back_to_cpuinfo(xeon: Path, junk: str) -> None:
    put_online(xeon, junk)
    machine = detect_machine(xeon)
    assert machine.logical_cores == 4
    assert "logical_cores" not in machine.assumed


def test_junk_topology_counts_threads_as_cores(xeon: Path) -> None:
    put(xeon, "sys/devices/system/cpu/cpu1/topology/core_id", "junk")
    assert detect_machine(xeon).physical_cores == 4
    for cpu in range(4):
        put(xeon, f"sys/devices/system/cpu/cpu{cpu}/topology/core_id", "junk")
    machine = detect_machine(xeon)
    assert machine.physical_cores == 4
    assert machine.assumed == ("physical_cores",)


def put_places(root: Path, cpu: int, **files: object) -> None:
    """Write the topology files of a CPU."""
    for name, content in files.items():
        put(root, f"sys/devices/system/cpu/cpu{cpu}/topology/{name}", content)


def cores_of(root: Path, cpus: list[dict[str, object]], **options: Any) -> int:
    """Return the physical cores of a machine with these topology files."""
    put_online(root, f"0-{len(cpus) - 1}")
    for cpu, files in enumerate(cpus):
        put_places(root, cpu, **files)
    return detect_machine(root, **options).physical_cores


def ids(**places: int) -> dict[str, object]:
    return {"physical_package_id": 0, **places}


@pytest.mark.parametrize(
    ("cpus", "cores"),
    [
        # Siblings decide, whatever the numbers are.
        ([ids(core_id=0, thread_siblings_list=c) for c in range(3)], 3),
        ([ids(core_id=c, core_cpus_list=f"{c % 2},{c % 2 + 2}") for c in range(4)], 2),
        ([ids(core_id=-1, thread_siblings_list=f"{c & ~1}-{c | 1}") for c in range(6)], 3),
        # Masks where there are no lists, of more than 32 CPUs.
        ([ids(core_id=0, thread_siblings=f"{1 << c:x}") for c in range(4)], 4),
        ([ids(core_id=0, core_cpus=f"00000000,{3 << (c & ~1):08x}") for c in range(4)], 2),
        # A list that lacks its own CPU is junk.
        ([ids(core_id=c // 2, thread_siblings_list="7") for c in range(4)], 2),
        # Numbers: within a cluster, a die, a drawer and a book.
        ([ids(cluster_id=c // 4, core_id=c % 4) for c in range(64)], 64),
        ([ids(die_id=c // 4, cluster_id=-1, core_id=c % 4) for c in range(8)], 8),
        ([ids(die_id=0, cluster_id=65535, core_id=c // 2) for c in range(8)], 4),
        ([ids(drawer_id=c // 8, book_id=c // 4, core_id=c % 4 // 2) for c in range(16)], 8),
        ([{"physical_package_id": c // 2, "core_id": 0} for c in range(4)], 2),
        # Nothing is told of a CPU: it is a core.
        ([ids(core_id=0, thread_siblings_list="0-1")] * 2 + [{}, {}], 3),
    ],
)
def test_physical_cores(tmp_path: Path, cpus: list[dict[str, object]], cores: int) -> None:
    assert cores_of(tmp_path, cpus) == cores


def test_offline_siblings_and_gaps(tmp_path: Path) -> None:
    for cpu in (0, 2, 5, 1030):
        put_places(tmp_path, cpu, core_id=0, physical_package_id=0, thread_siblings_list=cpu)
    put_online(tmp_path, "0,2,5,1030")
    machine = detect_machine(tmp_path)
    assert (machine.physical_cores, machine.logical_cores) == (4, 4)


def test_threads_of_one_core_are_worth_one_cpu(tmp_path: Path) -> None:
    pairs: list[dict[str, object]] = [
        ids(core_id=c // 2, thread_siblings_list=f"{c & ~1}-{c | 1}") for c in range(8)
    ]
    assert cores_of(tmp_path, pairs) == 4
    for affinity, usable in (({0, 1}, 1), ({0, 2}, 2), ({1, 2, 3}, 2), (range(8), 8)):
        machine = detect_machine(tmp_path, affinity=affinity)
        assert (machine.usable_cores, machine.physical_cores) == (usable, 4)
        assert cpu_budget(tmp_path, affinity=affinity).usable == usable


def test_the_kernels_and_the_machine_agree_on_the_instruction_sets() -> None:
    machine = detect_machine()
    known = [isa for isa in machine.isas if isa in ("avx512", "avx2", "neon", "base")]
    assert tuple(known) == tuple(bp.isas())
    assert machine.isa == known[0]


def test_bytes_that_are_no_text_do_not_raise(xeon: Path) -> None:
    (xeon / "proc/cpuinfo").write_bytes(b"\xff\xfe\0: \x80\nprocessor : 0\n")
    assert detect_machine(xeon, arch="x86_64").isas == ("base",)


def test_affinity_limits_the_budget(xeon: Path) -> None:
    assert cpu_budget(xeon).source == "all cpus"
    budget = cpu_budget(xeon, affinity=[1, 2, 77])
    assert (budget.affinity, budget.usable, budget.source) == (2, 2, "affinity")


def test_bad_affinity(xeon: Path) -> None:
    with pytest.raises(ValueError, match="affinity"):
        detect_machine(xeon, affinity=[])
    with pytest.raises(ValueError, match="affinity"):
        detect_machine(xeon, affinity=[9])
    with pytest.raises(TypeError, match="affinity"):
        cpu_budget(xeon, affinity=2)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [TileLevel.MICRO, 1, "L1"])
def test_cache_by_level_number_and_name(xeon: Path, level: TileLevel | int | str) -> None:
    assert detect_machine(xeon).cache(level).level == 1


def test_tile_levels_are_not_cache_numbers(xeon: Path) -> None:
    machine = detect_machine(xeon)
    assert [machine.cache(level).level for level in TileLevel] == [3, 2, 1]


@pytest.mark.parametrize("level", [0, 4, "l1", "DRAM", ""])
def test_no_such_cache(xeon: Path, level: int | str) -> None:
    with pytest.raises(ValueError, match="level"):
        detect_machine(xeon).cache(level)


@pytest.mark.parametrize("level", [True, None, 1.0])
def test_no_kind_of_cache(xeon: Path, level: object) -> None:
    with pytest.raises(TypeError, match="level"):
        detect_machine(xeon).cache(level)  # type: ignore[arg-type]


def test_fingerprint_is_stable_and_blind_to_the_budget(xeon: Path) -> None:
    whole, pinned = detect_machine(xeon), detect_machine(xeon, affinity=[0])
    assert whole.usable_cores != pinned.usable_cores
    assert whole.fingerprint() == pinned.fingerprint() == "fe715d7a47ae3a4e"
    x86_cpuinfo(xeon, 4, AVX2)
    assert detect_machine(xeon).fingerprint() != whole.fingerprint()


def test_the_real_machine() -> None:
    machine = detect_machine()
    assert machine.logical_cores == psutil.cpu_count(logical=True)
    assert machine.physical_cores == psutil.cpu_count(logical=False)
    assert 1 <= machine.usable_cores <= len(os.sched_getaffinity(0))
    assert [cache.level for cache in machine.caches[:3]] == [1, 2, 3]
    assert machine.cache("L1").size_bytes < machine.cache("L3").size_bytes
    assert machine == detect_machine()


# A busy machine makes examples slow, which says nothing about the code.
names = st.text(min_size=1).filter(str.strip)
some = st.integers(1, 2**48)


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Draw any valid machine."""
    isas = draw(
        st.lists(st.sampled_from(["avx512", "avx2", "neon", "base"]), min_size=1, unique=True)
    )
    logical = draw(st.integers(1, 512))
    levels = range(1, draw(st.integers(3, 5)) + 1)
    return Machine(
        cpu=draw(names),
        arch=draw(names),
        isa=draw(st.sampled_from(isas)),
        isas=tuple(isas),
        physical_cores=draw(st.integers(1, logical)),
        logical_cores=logical,
        usable_cores=draw(st.integers(1, logical)),
        quota_cores=draw(st.none() | st.floats(0.01, 1e6)),
        caches=tuple(
            Cache(n, draw(some), draw(some), draw(some), draw(st.integers(0, 64))) for n in levels
        ),
        assumed=tuple(draw(st.lists(names, max_size=3))),
    )


@given(machines())
def test_json_round_trip(machine: Machine) -> None:
    again = Machine.from_json(json.loads(json.dumps(machine.to_json())))
    assert again == machine
    assert again.fingerprint() == machine.fingerprint()


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("cpu", 3, "cpu"),
        ("arch", " ", "arch"),
        ("isa", "avx1024", "isa"),
        ("isas", "avx2", "isas"),
        ("isas", [], "isas"),
        ("isas", ["base", "base"], "isas"),
        ("isas", [1], r"isas\[0\]"),
        ("physical_cores", 5, "physical_cores"),
        ("physical_cores", True, "physical_cores"),
        ("logical_cores", "4", "logical_cores"),
        ("usable_cores", 0, "usable_cores"),
        ("usable_cores", 99, "usable_cores"),
        ("quota_cores", float("nan"), "quota_cores"),
        ("quota_cores", 10**400, "quota_cores"),
        ("quota_cores", 0, "quota_cores"),
        ("caches", {}, "caches"),
        ("caches", [], "caches"),
        ("caches", [7], r"caches\[0\]"),
        ("assumed", [None], r"assumed\[0\]"),
    ],
)
def test_bad_json_names_the_field(xeon: Path, field: str, value: object, named: str) -> None:
    data = detect_machine(xeon).to_json()
    with pytest.raises(MachineError, match=named):
        Machine.from_json({**data, field: value})


@pytest.mark.parametrize("field", ["level", "size_bytes", "line_bytes", "shared_by", "ways"])
def test_bad_cache_in_json_is_named(xeon: Path, field: str) -> None:
    data = json.loads(json.dumps(detect_machine(xeon).to_json()))
    data["caches"][1][field] = -1
    with pytest.raises(MachineError, match=rf"caches\[1\]\.{field}"):
        Machine.from_json(data)


def test_missing_fields_are_named(xeon: Path) -> None:
    data = json.loads(json.dumps(detect_machine(xeon).to_json()))
    caches = [{**data["caches"][0], "level": 1}, {"level": 2}]
    with pytest.raises(MachineError, match=r"^caches\[1\]\.size_bytes: missing$"):
        Machine.from_json({**data, "caches": caches})
    with pytest.raises(MachineError, match="^line_bytes: missing$"):
        Cache.from_json({"level": 1, "size_bytes": 1})
    with pytest.raises(MachineError, match="^arch: missing$"):
        Machine.from_json({name: value for name, value in data.items() if name != "arch"})
    with pytest.raises(MachineError, match="^machine: expected an object"):
        Machine.from_json([data])


def test_unknown_fields_are_ignored(xeon: Path) -> None:
    machine = detect_machine(xeon)
    data = json.loads(json.dumps(machine.to_json()))
    data["caches"][0]["colour"] = data["colour"] = "red"
    assert Machine.from_json(data) == machine
    assert Machine.from_json(data).fingerprint() == machine.fingerprint()
    assert Cache.from_json(data["caches"][0]) == machine.caches[0]
