/* tile.c: tile.h as the functions of libbrickprof.so, for what calls C by name, such as ctypes, cffi,
 * Numba, Julia and Fortran. A recorder is what brickprof.recorder_address returns; NULL is a profiler
 * that is off. Numbers are unsigned, but for callers that only have signed ones the upper half is
 * negative: misuse, except for -1, BP_UNDECLARED, as the bytes of bp_stop_tile. */
#include <brickprof/tile.h>

#define BP_EXPORTED __attribute__((visibility("default")))

/* Tell whether one of two numbers is negative, and note it. */
static int negative(bp_recorder *recorder, uint64_t one, uint64_t other) {
    if (BP_LIKELY(!((one | other) >> 63))) return 0;
    bp_note_negative(recorder);
    return 1;
}

/* Return BP_ABI, the version of what a recorder points to. */
BP_EXPORTED uint32_t bp_abi(void);
uint32_t bp_abi(void) { return BP_ABI; }

/* Start a tile of level 0 (Macro), 1 (Midi) or 2 (Micro) at its place in the parent tile. */
BP_EXPORTED void bp_start_tile(bp_recorder *recorder, int32_t level, uint64_t row, uint64_t col);
void bp_start_tile(bp_recorder *recorder, int32_t level, uint64_t row, uint64_t col) {
    if (BP_UNLIKELY(negative(recorder, row, col))) row = col = 0;
    bp_start(recorder, level, row, col);
}

/* Stop the innermost tile, declaring its work and its bytes. */
BP_EXPORTED void bp_stop_tile(bp_recorder *recorder, uint64_t elements, uint64_t flops,
                              uint64_t nbytes);
void bp_stop_tile(bp_recorder *recorder, uint64_t elements, uint64_t flops, uint64_t nbytes) {
    const uint64_t known = nbytes == BP_UNDECLARED ? 0 : nbytes;
    if (BP_UNLIKELY(negative(recorder, elements | flops, known))) elements = flops = nbytes = 0;
    bp_stop(recorder, elements, flops, nbytes);
}

/* Stop the innermost tile, declaring its work and the bytes that it loaded and stored, both known. */
BP_EXPORTED void bp_stop_tile_split(bp_recorder *recorder, uint64_t elements, uint64_t flops,
                                    uint64_t loaded, uint64_t stored);
void bp_stop_tile_split(bp_recorder *recorder, uint64_t elements, uint64_t flops, uint64_t loaded,
                        uint64_t stored) {
    bp_stop_split(recorder, elements, flops, loaded, stored);
}

/* Return the recorder of a thread; what has none gets NULL, which the end of the call tells of. */
BP_EXPORTED bp_recorder *bp_thread_recorder(bp_recorder_table *table, uint64_t thread);
bp_recorder *bp_thread_recorder(bp_recorder_table *table, uint64_t thread) {
    return bp_recorder_of_thread(table, thread);
}
