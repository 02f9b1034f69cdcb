"""What an instruction does is read from how objdump writes it."""

from __future__ import annotations

import pytest

from brickprof.integrations.valgrind.instructions import Instruction, instruction_of

FLOPS = [
    ("addss  xmm0,xmm1", 1, "single"),
    ("vmulsd xmm0,xmm1,QWORD PTR [rdi+rax*8]", 1, "double"),
    ("mulps  xmm0,XMMWORD PTR [rip+0x2eed]        # 4010 <a>", 4, "single"),
    ("vaddpd ymm0,ymm1,ymm2", 4, "double"),
    ("vdivps zmm0,zmm1,DWORD PTR [rax]{1to16}", 16, "single"),
    ("vsqrtpd xmm0,xmm1", 2, "double"),
    ("vmaxps ymm0,ymm1,ymm2", 8, "single"),
    ("rsqrtps xmm0,xmm1", 4, "single"),
    ("haddps xmm0,xmm1", 4, "single"),
    ("vaddsubpd ymm0,ymm1,ymm2", 4, "double"),
    ("vfmadd231ps ymm0,ymm1,YMMWORD PTR [rax]", 16, "single"),
    ("vfnmsub132sd xmm0,xmm1,xmm2", 2, "double"),
    ("vfmaddsub213pd ymm0,ymm1,ymm2", 8, "double"),
    ("vfmsubadd231ps xmm0,xmm1,xmm2", 8, "single"),
    ("vfmadd231ph zmm0,zmm1,zmm2", 64, "half"),
    ("vfmulcph zmm0,zmm1,zmm2", 96, "half"),
    ("vdpbf16ps zmm0,zmm1,zmm2", 64, "single"),
    ("dpps   xmm0,xmm1,0xff", 7, "single"),
    ("vdpps  ymm0,ymm1,ymm2,0x31", 6, "single"),
    ("dppd   xmm0,xmm1,0x1", 0, ""),
    ("faddp  st(1),st", 1, "extended"),
    ("fmul   QWORD PTR [rip+0x10]", 1, "extended"),
    ("fidivr DWORD PTR [rsp+0x8]", 1, "extended"),
    ("fsqrt", 1, "extended"),
]

NONE = [
    *("movaps xmm0,xmm1", "vcvtps2pd ymm0,xmm1", "cvttsd2si rax,xmm0", "ucomiss xmm0,xmm1"),
    *(
        "vcmpltps ymm0,ymm1,ymm2",
        "xorps  xmm0,xmm0",
        "vandnpd ymm0,ymm1,ymm2",
        "fld1",
        "fxch   st(1)",
    ),
    *("vblendvps ymm0,ymm1,ymm2,ymm3", "shufps xmm0,xmm1,0x0", "vperm2f128 ymm0,ymm1,ymm2,0x1"),
    *("vroundps ymm0,ymm1,0x9", "vbroadcastss ymm0,xmm1", "unpcklpd xmm0,xmm1", "paddd  xmm0,xmm1"),
    *("vpsadbw ymm0,ymm1,ymm2", "vpmaxsd ymm0,ymm1,ymm2", "add    eax,ebx", "imul   rax,rbx"),
    *("vzeroupper", "sets   al", "cmovs  eax,ebx", "nop    WORD PTR [rax+rax*1+0x0]", "cpuid"),
    *("vextractps eax,xmm0,0x1", "vtestps ymm0,ymm1", "vmovmskps eax,ymm0", "pminsd xmm0,xmm1"),
    *("vinsertf128 ymm0,ymm1,xmm2,0x1", "fstp   st(0)", "fabs", "fchs", "cmpneqss xmm0,xmm1"),
]

ACCESS = [
    ("mov    eax,DWORD PTR [rcx]", 4),
    ("mov    BYTE PTR [rax+rbx*1],cl", 1),
    ("vmovups YMMWORD PTR [rdi],ymm0", 32),
    ("fld    TBYTE PTR [rsp+0x10]", 10),
    ("push   rbp", 8),
    ("call   1030 <malloc@plt>", 8),
    ("jmp    f5590 <memcpy@plt>", 8),
    ("bnd jmp QWORD PTR [rip+0x2f75]", 8),
    ("ret", 8),
    ("leave", 8),
    ("rep movs QWORD PTR es:[rdi],QWORD PTR ds:[rsi]", 8),
    ("rep stos BYTE PTR es:[rdi],al", 1),
    ("lock cmpxchg16b XMMWORD PTR [rdi]", 16),
    ("vgatherdps ymm1,DWORD PTR [rdi+ymm2*4],ymm0", 4),
    ("xrstor [rsp+0x40]", 0),
    ("fxsave [rsp]", 512),
]

UPDATES = [
    "add    DWORD PTR [rax],0x1",
    "lock xadd DWORD PTR [rdx],eax",
    "shr    QWORD PTR [rax],1",
]
NO_UPDATES = [
    *("cmp    DWORD PTR [rax],0x1", "mov    DWORD PTR [rax],ecx", "add    eax,DWORD PTR [rax]"),
    *("bt     DWORD PTR [rax],0x1", "sete   BYTE PTR [rax]", "vaddps ymm0,ymm1,YMMWORD PTR [rax]"),
]


@pytest.mark.parametrize(("text", "flops", "precision"), FLOPS)
def test_operations_and_their_precision(text: str, flops: int, precision: str) -> None:
    found = instruction_of(text)
    assert (found.flops, found.precision, found.known) == (flops, precision, True)


@pytest.mark.parametrize("text", NONE)
def test_what_computes_nothing_of_floating_point(text: str) -> None:
    found = instruction_of(text)
    assert (found.flops, found.known) == (0, True)


@pytest.mark.parametrize(("text", "nbytes"), ACCESS)
def test_bytes_of_an_access(text: str, nbytes: int) -> None:
    assert instruction_of(text).access_bytes == nbytes


@pytest.mark.parametrize("text", UPDATES + NO_UPDATES)
def test_what_loads_and_stores_in_one_place(text: str) -> None:
    assert instruction_of(text).updates == (text in UPDATES)


def test_elements_under_a_mask() -> None:
    load = instruction_of("vmaskmovpd ymm1,ymm0,YMMWORD PTR [rdi]")
    store = instruction_of("vpmaskmovd YMMWORD PTR [rdx],ymm0,ymm1")
    assert load == Instruction(masked_bytes=8)
    assert store == Instruction(masked_bytes=4, masked_store=True)
    assert instruction_of("rep movs QWORD PTR es:[rdi],QWORD PTR ds:[rsi]").repeats


@pytest.mark.parametrize("text", ["(bad)", "", ".byte 0xf", "rex.WR", "vnewops ymm0,ymm1,ymm2"])
def test_what_is_not_known_is_told(text: str) -> None:
    assert not instruction_of(text).known
