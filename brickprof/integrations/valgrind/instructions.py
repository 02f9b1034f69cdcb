"""What one x86-64 instruction does each time: floating-point operations, and bytes an access.

Mnemonics and operands are those of GNU objdump in Intel syntax, which writes the size of a memory
operand in front of it. Operations are counted as the processor's own counters do (Intel, "Software
Developer's Manual", volume 3B, event FP_ARITH_INST_RETIRED): additions, multiplications, divisions,
roots, minima, maxima, reciprocals and their like, one for each element of a vector, two of a fused
multiply-add. Conversions, comparisons, roundings, shuffles and bitwise operations (a change of sign
by ``xorps`` among them) are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PRECISIONS = ("half", "single", "double", "extended")
"""Precisions of operations: 16, 32 and 64 bits, and the 80 bits of x87."""

_PRECISION_OF = {"h": "half", "s": "single", "d": "double"}
_ELEMENT_BYTES = {"half": 2, "single": 4, "double": 8}
_REGISTER_BYTES = {"x": 16, "y": 32, "z": 64}

_SIZES = {
    **{"BYTE": 1, "WORD": 2, "DWORD": 4, "FWORD": 6, "QWORD": 8, "MMWORD": 8, "TBYTE": 10},
    **{"OWORD": 16, "XMMWORD": 16, "YMMWORD": 32, "ZMMWORD": 64},
}
"""Bytes of a memory operand by the word in front of it."""

_PREFIXES = {
    *("lock", "rep", "repz", "repnz", "bnd", "notrack", "data16", "addr32", "cs", "ds", "es", "fs"),
    *("gs", "ss", "xacquire", "xrelease", "{vex}", "{vex3}", "{evex}"),
}

_ARITHMETIC = re.compile(
    r"v?(?:add|sub|mul|div|sqrt|min|max|rcp|rsqrt|rcp14|rsqrt14|rcp28|rsqrt28|hadd|hsub|addsub"
    r"|scalef|range)([ps])([hsd])"
)
_FUSED = re.compile(r"vf(?:n?m(?:add|sub)|maddsub|msubadd)(?:132|213|231)?([ps])([hsd])")
_COMPLEX_FUSED = re.compile(r"vfc?m(ul|add)c([ps])h")
_DOT = re.compile(r"v?dpp([sd])")
_X87 = re.compile(
    r"f(?:i?(?:add|sub|subr|mul|div|divr)|(?:add|sub|subr|mul|div|divr)p|sqrt|sin|cos|sincos|ptan"
    r"|patan|2xm1|yl2x|yl2xp1|prem|prem1|scale)"
)
_FLOATING = re.compile(r"v?[a-z0-9]+[ps][hsd]")
_NO_ARITHMETIC = re.compile(
    r"v?(?:p?mov|u?comi|cmp|cvt|andn?|x?or|blend|shuf|unpck|perm|broadcast|insert|extract|gather"
    r"|scatter|mask|round|rndscale|reduce|test|compress|expand|fixupimm|getexp|getmant|fpclass"
    r"|lods|stos|scas|i2|alignr|p)\w*"
)
_READ_AND_WRITTEN = re.compile(
    r"(?:add|adc|sub|sbb|and|or|xor|inc|dec|neg|not|xadd|xchg|cmpxchg\w*|bt[src]|s[ah][lr]d?|sar"
    r"|r[oc][lr])"
)
_MASKED = re.compile(r"vp?maskmov(ps|pd|d|q)")
_REPEATED = re.compile(r"(?:movs|cmps|scas|lods|stos|ins|outs)[bwdq]?|vp?(?:gather|scatter)\w+")
_POINTERS = re.compile(r"(?:push|pop|call|ret|leave|enter|iret|j[a-z]+)\w*")
"""What accesses the stack; a jump to the table of other objects' functions is one with its load."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction, as far as its work goes.

    Parameters
    ----------
    flops : int
        Floating-point operations each time.
    precision : str
        One of `PRECISIONS`; empty without operations.
    access_bytes : int
        Bytes of each access to memory; 0 where it makes none, or nothing tells how many.
    updates : bool
        Whether it loads, and stores to the same place.
    repeats : bool
        Whether each execution makes as many accesses as there are, of that many bytes; else one,
        which callgrind may count as several.
    masked_bytes : int
        Of a load or store of some elements of a vector, bytes of an element; else 0.
    masked_store : bool
        Whether that is a store.
    known : bool
        Whether all this is known of it.
    """

    flops: int = 0
    precision: str = ""
    access_bytes: int = 0
    updates: bool = False
    repeats: bool = False
    masked_bytes: int = 0
    masked_store: bool = False
    known: bool = True


UNKNOWN = Instruction(known=False)
"""What stands for an instruction that could not be read."""


def instruction_of(text: str) -> Instruction:
    """Return what an instruction does each time.

    Parameters
    ----------
    text : str
        It as GNU objdump writes it with ``-M intel``, such as
        ``"vfmadd231ps ymm0,ymm1,YMMWORD PTR [rax]"``.

    Returns
    -------
    Instruction
    """
    words = text.partition("#")[0].split()
    while words and (words[0] in _PREFIXES or words[0].startswith("rex")):
        words = words[1:]
    if not words or "(bad)" in words or words[0].startswith("."):
        return UNKNOWN
    mnemonic, operands = words[0], " ".join(words[1:])
    flops, precision, known = _operations(mnemonic, operands)
    masked = _MASKED.fullmatch(mnemonic)
    if masked:
        size = 4 if masked[1] in ("ps", "d") else 8
        return Instruction(masked_bytes=size, masked_store="[" in operands.partition(",")[0])
    return Instruction(
        flops=flops,
        precision=precision if flops else "",
        access_bytes=_access_bytes(mnemonic, operands),
        updates="[" in operands.partition(",")[0]
        and _READ_AND_WRITTEN.fullmatch(mnemonic) is not None,
        repeats=_REPEATED.fullmatch(mnemonic) is not None,
        known=known,
    )


def _operations(mnemonic: str, operands: str) -> tuple[int, str, bool]:
    """Return the operations of an instruction, their precision, and whether they are known."""
    for pattern, each in ((_ARITHMETIC, 1), (_FUSED, 2)):
        found = pattern.fullmatch(mnemonic)
        if found:
            precision = _PRECISION_OF[found[2]]
            lanes = 1 if found[1] == "s" else _register_bytes(operands) // _ELEMENT_BYTES[precision]
            return each * lanes, precision, True
    found = _COMPLEX_FUSED.fullmatch(mnemonic)
    if found:
        pairs = 1 if found[2] == "s" else _register_bytes(operands) // 4
        return (6 if found[1] == "ul" else 8) * pairs, "half", True
    found = _DOT.fullmatch(mnemonic)
    if found:
        return _dot(operands), _PRECISION_OF[found[1]], True
    if mnemonic == "vdpbf16ps":  # products of pairs, added to the accumulator
        return _register_bytes(operands), "single", True
    if _X87.fullmatch(mnemonic):
        return 1, "extended", True
    floating = _FLOATING.fullmatch(mnemonic) and not _NO_ARITHMETIC.fullmatch(mnemonic)
    return 0, "", not (floating and ("mm" in operands))


def _register_bytes(operands: str) -> int:
    """Return the bytes of the widest vector register among the operands."""
    kinds = re.findall(r"\b([xyz])mm\d", operands)
    return max((_REGISTER_BYTES[kind] for kind in kinds), default=16)


def _dot(operands: str) -> int:
    """Return the operations of a scalar product of the elements that an immediate selects."""
    selected = (int(operands.rpartition(",")[2], 0) >> 4).bit_count()
    return max(2 * selected - 1, 0) * (_register_bytes(operands) // 16)


def _access_bytes(mnemonic: str, operands: str) -> int:
    """Return the bytes of each access to memory."""
    named = re.search(r"(\w+) (?:PTR|BCST) ", operands)
    if named and named[1] in _SIZES:
        return _SIZES[named[1]]
    if _POINTERS.fullmatch(mnemonic):
        return 8
    return 512 if mnemonic.startswith(("fxsave", "fxrstor")) else 0
