"""Where the functions are that other languages start and stop tiles by."""

from __future__ import annotations

from pathlib import Path


def get_shared_library() -> str:
    """Return the path of libbrickprof.so, whose functions other languages start and stop tiles by.

    Returns
    -------
    str
        For ``ctypes.CDLL``, cffi's ``dlopen``, Julia's ``ccall`` or a linker. It holds::

            uint32_t bp_abi(void);
            void bp_start_tile(void *recorder, int32_t level, uint64_t row, uint64_t col);
            void bp_stop_tile(void *recorder, uint64_t elements, uint64_t flops, uint64_t nbytes);
            void bp_stop_tile_split(void *recorder, uint64_t elements, uint64_t flops,
                                    uint64_t loaded, uint64_t stored);
            void *bp_thread_recorder(void *table, uint64_t thread);

        `recorder` is what `recorder_address` returns, or what `bp_thread_recorder` takes for a
        thread out of the table at the address that `recorder_table` has. `level` is a `TileLevel`;
        `nbytes` are -1 where they are not known. What was done wrong is raised when the ``with``
        block that gave the recorders is left.
    """
    return str(Path(__file__).parents[1] / "lib" / "libbrickprof.so")
