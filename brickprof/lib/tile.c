/* tile.c: tile.h as the functions of libbrickprof.so, for what calls C by name, such as ctypes, cffi,
 * Numba, Julia and Fortran. A recorder is what brickprof.recorder_address returns; NULL is a profiler
 * that is off. In a signed type BP_UNDECLARED is -1. */
#include "brickprof/tile.h"

#define BP_EXPORTED __attribute__((visibility("default")))

/* Return BP_ABI, the version of what a recorder points to. */
BP_EXPORTED uint32_t bp_abi(void);
uint32_t bp_abi(void) { return BP_ABI; }

/* Start a tile of level 0 (Macro), 1 (Midi) or 2 (Micro) at its place in the parent tile. */
BP_EXPORTED void bp_start_tile(bp_recorder *recorder, int32_t level, uint64_t row, uint64_t col);
void bp_start_tile(bp_recorder *recorder, int32_t level, uint64_t row, uint64_t col) {
    bp_start(recorder, level, row, col);
}

/* Stop the innermost tile, declaring its work and its bytes. */
BP_EXPORTED void bp_stop_tile(bp_recorder *recorder, uint64_t elements, uint64_t flops,
                              uint64_t nbytes);
void bp_stop_tile(bp_recorder *recorder, uint64_t elements, uint64_t flops, uint64_t nbytes) {
    bp_stop(recorder, elements, flops, nbytes);
}

/* Stop the innermost tile, declaring its work and the bytes that it loaded and stored. */
BP_EXPORTED void bp_stop_tile_split(bp_recorder *recorder, uint64_t elements, uint64_t flops,
                                    uint64_t loaded, uint64_t stored);
void bp_stop_tile_split(bp_recorder *recorder, uint64_t elements, uint64_t flops, uint64_t loaded,
                        uint64_t stored) {
    bp_stop_split(recorder, elements, flops, loaded, stored);
}
