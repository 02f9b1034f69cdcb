"""Reads a CPU's name and architecture from the text of /proc/cpuinfo."""

from __future__ import annotations

_ARCH_ALIASES = {"amd64": "x86_64", "arm64": "aarch64"}

# Implementer and part numbers of the MIDR_EL1 register, as Linux prints them.
_ARM_PARTS = {
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd0c"): "Neoverse N1",
    ("0x41", "0xd40"): "Neoverse V1",
    ("0x41", "0xd49"): "Neoverse N2",
    ("0x41", "0xd4f"): "Neoverse V2",
    ("0x61", "0x022"): "Apple M1 Icestorm",
    ("0x61", "0x023"): "Apple M1 Firestorm",
    ("0x61", "0x032"): "Apple M2 Blizzard",
    ("0x61", "0x033"): "Apple M2 Avalanche",
}


def parse_cpuinfo(text: str) -> tuple[dict[str, str], ...]:
    """Return one dict of lower-case keys per processor."""
    blocks: list[dict[str, str]] = []
    for line in text.splitlines():
        key, separator, value = line.partition(":")
        name = key.strip().lower()
        if not separator or not name:
            continue
        if name == "processor" or not blocks:
            blocks.append({})
        blocks[-1][name] = " ".join(value.split())
    return tuple(blocks)


def normal_arch(arch: str) -> str:
    """Return Linux's name of an architecture."""
    return _ARCH_ALIASES.get(arch.lower(), arch.lower())


def guess_arch(blocks: tuple[dict[str, str], ...]) -> str:
    """Return the architecture that the keys of a cpuinfo speak of."""
    if any("flags" in block or "vendor_id" in block for block in blocks):
        return "x86_64"
    if any("cpu implementer" in block for block in blocks):
        return "aarch64"
    return "unknown"


def cpu_name(blocks: tuple[dict[str, str], ...], arch: str, board: str) -> str:
    """Return the CPU's model; on ARM the board's name and the names of its cores."""
    if arch == "aarch64":
        cores = " + ".join(_arm_cores(blocks))
        if board:
            return f"{board} ({cores})" if cores else board
        if cores:
            return cores
    for key in ("model name", "cpu model", "cpu"):
        for block in blocks:
            if block.get(key):
                return block[key]
    return f"unknown {arch}"


def _arm_cores(blocks: tuple[dict[str, str], ...]) -> list[str]:
    """Return the names of the distinct ARM cores, in order of appearance."""
    names: list[str] = []
    for block in blocks:
        maker, part = block.get("cpu implementer", ""), block.get("cpu part", "")
        if maker and part:
            pair = (maker.lower(), part.lower())
            unknown = f"unknown aarch64 (implementer {pair[0]}, part {pair[1]})"
            names.append(_ARM_PARTS.get(pair, unknown))
    return list(dict.fromkeys(names))
