"""libbrickprof.so, called by name from ctypes, cffi and Fortran."""

from __future__ import annotations

import ctypes
import gc
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cffi
import pytest
from support.entry_points import MACRO, MICRO, MIDI, UNDECLARED, manual, tile_library

import brickprof as bp
from brickprof.recording import Recording

PROTOTYPES = """
uint32_t bp_abi(void);
void bp_start_tile(void *recorder, int32_t level, uint64_t row, uint64_t col);
void bp_stop_tile(void *recorder, uint64_t elements, uint64_t flops, uint64_t nbytes);
void bp_stop_tile_split(void *recorder, uint64_t elements, uint64_t flops,
                        uint64_t loaded, uint64_t stored);
void *bp_thread_recorder(void *table, uint64_t thread);
"""


def functions_of_ctypes() -> Any:
    """Return the library as ctypes sees it."""
    library = ctypes.CDLL(bp.get_shared_library())
    wide = ctypes.c_uint64
    library.bp_abi.restype = ctypes.c_uint32
    library.bp_thread_recorder.restype = ctypes.c_void_p
    library.bp_thread_recorder.argtypes = [ctypes.c_void_p, wide]
    library.bp_start_tile.argtypes = [ctypes.c_void_p, ctypes.c_int32, wide, wide]
    library.bp_stop_tile.argtypes = [ctypes.c_void_p, wide, wide, wide]
    library.bp_stop_tile_split.argtypes = [ctypes.c_void_p, wide, wide, wide, wide]
    for function in library.bp_start_tile, library.bp_stop_tile, library.bp_stop_tile_split:
        function.restype = None
    return library


class FunctionsOfCffi:
    """The library as cffi sees it in its ABI mode."""

    def __init__(self) -> None:
        self.ffi = cffi.FFI()
        self.ffi.cdef(PROTOTYPES)
        self.shared = self.ffi.dlopen(bp.get_shared_library())

    def __getattr__(self, name: str) -> Any:
        function = getattr(self.shared, name)
        return lambda *args: (
            function(self.ffi.cast("void *", args[0]), *args[1:]) if args else function()
        )


@pytest.fixture(params=[functions_of_ctypes, FunctionsOfCffi], ids=["ctypes", "cffi"])
def functions(request: pytest.FixtureRequest) -> Any:
    return request.param()


def test_tiles_are_recorded_exactly(functions: Any) -> None:
    prof = manual()
    with prof.recorders("k", dtype="float64") as (handle,):
        recorder = bp.recorder_address(handle)
        functions.bp_start_tile(recorder, MACRO, 0, 0)
        for col in range(3):
            functions.bp_start_tile(recorder, MICRO, 1, col)
            prof.advance(5)
            functions.bp_stop_tile_split(recorder, 4, 8, 20, 12)
        functions.bp_start_tile(recorder, MICRO, 2, 0)
        prof.advance(7)
        functions.bp_stop_tile(recorder, 4, 8, UNDECLARED)
        prof.advance(100)
        functions.bp_stop_tile(recorder, 16, 32, 64)
    macro, micro = prof.tile_stats(MACRO, "k"), prof.tile_stats(MICRO, "k")
    assert (macro.count, macro.total_ns, macro.self_ns) == (1, 122, 100)
    assert (macro.elements, macro.flops, macro.nbytes) == (16, 32, 64)
    assert (micro.count, micro.total_ns, micro.max_ns) == (4, 22, 7)
    assert (micro.elements, micro.flops) == (16, 32)
    assert (micro.nbytes, micro.undeclared) == (3 * 32 + 4 * 8, 1)
    assert (micro.loaded_bytes, micro.stored_bytes) == (60, 36)


def test_a_profiler_that_is_off_is_null(functions: Any) -> None:
    with bp.BrickProfiler().recorders("k") as (handle,):
        recorder = bp.recorder_address(handle)
    assert recorder == 0
    functions.bp_start_tile(recorder, MICRO, 0, 0)
    functions.bp_stop_tile(recorder, 1, 1, 1)
    functions.bp_stop_tile_split(recorder, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("level", "starts", "stops", "complaint"),
    [
        (MICRO, 0, 1, "stopped where none was open"),
        (MICRO, 1, 0, "1 left open"),
        (3, 1, 1, "level that does not exist"),
        (-1, 1, 1, "level that does not exist"),
        (MIDI, 33, 33, "more than 32 tiles were open"),
    ],
)
def test_misuse_is_raised(
    functions: Any, level: int, starts: int, stops: int, complaint: str
) -> None:
    prof = manual()
    with pytest.raises(bp.TileNestingError, match=complaint), prof.recorders("k") as (handle,):
        recorder = bp.recorder_address(handle)
        for _ in range(starts):
            functions.bp_start_tile(recorder, level, 0, 0)
        for _ in range(stops):
            functions.bp_stop_tile(recorder, 1, 1, 1)


def test_threads_take_their_recorders_from_a_table(functions: Any) -> None:
    prof = manual()
    complaint = "thread 7 has no recorder: these are of threads=2"
    with (
        pytest.raises(bp.TileNestingError, match=complaint),
        prof.recorders("k", threads=2) as handles,
    ):
        table = bp.recorder_table(handles)
        assert len(table) == 2
        for thread in (0, 1, 1, 7, 5):
            recorder = functions.bp_thread_recorder(table.address, thread)
            functions.bp_start_tile(recorder or 0, MICRO, 0, 0)
            functions.bp_stop_tile(recorder or 0, 1, 1, 1)
    assert len(table) == 0
    assert not functions.bp_thread_recorder(table.address, 0)
    assert prof.tile_stats(MICRO, "k").count == 3


@pytest.mark.parametrize("place", range(5))
def test_negative_numbers_are_noted_and_taken_for_none(functions: Any, place: int) -> None:
    numbers = [0, 0, 1, 1, 1]
    numbers[place] = 2**64 - 5
    prof = manual()
    complaint = "place or work was negative"
    with pytest.raises(bp.TileNestingError, match=complaint), prof.recorders("k") as (handle,):
        recorder = bp.recorder_address(handle)
        functions.bp_start_tile(recorder, MICRO, *numbers[:2])
        functions.bp_stop_tile(recorder, *numbers[2:])
    stats = prof.tile_stats(MICRO, "k")
    work = 1 if place < 2 else 0
    assert (stats.count, stats.elements, stats.flops, stats.nbytes) == (1, work, work, work)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("number", [2**63, UNDECLARED])
def test_bytes_apart_are_known_and_not_negative(functions: Any, place: int, number: int) -> None:
    numbers = [1, 1, 1, 1]
    numbers[place] = number
    for stop in functions.bp_stop_tile_split, tile_library().stop_split:
        prof = manual()
        with (
            pytest.raises(bp.TileNestingError, match="place or work was negative, or the bytes"),
            prof.recorders("k") as (handle,),
        ):
            recorder = bp.recorder_address(handle)
            functions.bp_start_tile(recorder, MICRO, 0, 0)
            stop(recorder, *numbers)
        recording = prof.recording()
        stats = recording.tile_stats(MICRO, "k")
        assert (stats.count, stats.elements, stats.flops, stats.nbytes) == (1, 0, 0, 0)
        assert Recording.from_json(recording.to_json()) == recording
        stop(0, *numbers)


def test_it_is_of_the_abi_that_the_header_has(functions: Any) -> None:
    header = Path(bp.get_include(), "brickprof/tile.h").read_text()
    (abi,) = re.findall(r"#define BP_ABI (\d+)", header)
    assert functions.bp_abi() == int(abi)


def test_it_exports_the_documented_functions_and_nothing_else() -> None:
    exported = subprocess.run(
        ["nm", "-D", "--defined-only", bp.get_shared_library()],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()[2::3]
    documented = re.findall(r"(bp_\w+)\(", bp.get_shared_library.__doc__ or "")
    assert exported == sorted(documented) == sorted(re.findall(r"(bp_\w+)\(", PROTOTYPES))


@pytest.mark.parametrize("handle", [0, 1, "handle", b"", (), object(), 2.0, True])
def test_something_else_is_no_handle(handle: object) -> None:
    with pytest.raises(TypeError, match="handle must be what BrickProfiler.recorders gave"):
        bp.recorder_address(handle)


def test_a_handle_of_a_block_that_was_left_is_refused() -> None:
    prof = manual()
    with prof.recorders("k", threads=2) as handles:
        first, second = map(bp.recorder_address, handles)
    assert 0 != first != second != 0
    for handle in handles:
        with pytest.raises(ValueError, match="of a with block that has not been left"):
            bp.recorder_address(handle)


def test_a_late_call_does_not_crash_while_the_handle_is_there(functions: Any) -> None:
    prof = manual()
    with prof.recorders("k") as (handle,):
        recorder = bp.recorder_address(handle)
    del prof
    gc.collect()
    functions.bp_start_tile(recorder, MICRO, 0, 0)
    functions.bp_stop_tile(recorder, 1, 1, 1)
    del handle


FORTRAN = """
module tiles
  use, intrinsic :: iso_c_binding
  implicit none
  interface
    subroutine bp_start_tile(recorder, level, row, col) bind(C)
      import :: c_ptr, c_int32_t, c_int64_t
      type(c_ptr), value :: recorder
      integer(c_int32_t), value :: level
      integer(c_int64_t), value :: row, col
    end subroutine
    subroutine bp_stop_tile(recorder, elements, flops, nbytes) bind(C)
      import :: c_ptr, c_int64_t
      type(c_ptr), value :: recorder
      integer(c_int64_t), value :: elements, flops, nbytes
    end subroutine
  end interface
contains
  real(c_double) function sum_of(recorder, n, x) bind(C)
    type(c_ptr), value :: recorder
    integer(c_int64_t), value :: n
    real(c_double), intent(in) :: x(n)
    integer(c_int64_t) :: first, last
    sum_of = 0
    do first = 1, n, 100
      last = min(first + 99, n)
      call bp_start_tile(recorder, 2, first / 100, 0_c_int64_t)
      sum_of = sum_of + sum(x(first:last))
      call bp_stop_tile(recorder, last - first + 1, last - first + 1, -1_c_int64_t)
    end do
  end function
end module
"""


@pytest.mark.skipif(shutil.which("gfortran") is None, reason="needs a Fortran compiler")
def test_fortran_links_to_it(tmp_path: Path) -> None:
    source, target = tmp_path / "tiles.f90", tmp_path / "tiles.so"
    source.write_text(FORTRAN)
    shared = Path(bp.get_shared_library())
    link = [f"-L{shared.parent}", "-lbrickprof", f"-Wl,-rpath,{shared.parent}"]
    strict = ["-std=f2008", "-Wall", "-Wextra", "-Werror", "-J", str(tmp_path)]
    command = ["gfortran", "-O2", "-fPIC", "-shared", *strict, str(source), "-o", str(target)]
    subprocess.run([*command, *link], check=True)
    sum_of = ctypes.CDLL(str(target)).sum_of
    sum_of.restype = ctypes.c_double
    sum_of.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
    x = (ctypes.c_double * 250)(*range(250))
    prof = manual()
    with prof.recorders("fortran", dtype="float64") as (handle,):
        assert sum_of(bp.recorder_address(handle), 250, x) == sum(range(250))
    assert sum_of(None, 250, x) == sum(range(250))
    stats = prof.tile_stats(MICRO, "fortran")
    assert (stats.count, stats.elements, stats.flops) == (3, 250, 250)
    assert (stats.nbytes, stats.undeclared) == (8 * 250, 3)
