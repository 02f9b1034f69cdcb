/* Peaks of float16, bfloat16 and int8: extensions that a processor may have beside its vectors. Clang
 * keeps no vector of bfloat16 in a register for inline assembly, and 14 has no float16: it has none. */
#include "low_precision.h"

#include <string.h>

#if defined(__x86_64__) && !defined(__clang__) && __GNUC__ >= 12
#include <cpuid.h>
#include <immintrin.h>

/* An accumulator that the compiler can neither leave out nor join with another. */
#define KEEP(v) __asm__ volatile("" : "+v"(v))

/* Rounds of one instruction in independent chains, which hide a latency of half as many cycles on two
 * ports; `operations` are those of an instruction. */
#define PEAK(name, isa, VECTOR, FACTOR, INSTRUCTION, chains, operations)                   \
    __attribute__((target(isa))) static uint64_t name(uint64_t steps) {                    \
        VECTOR acc[chains], zero = {0};                                                    \
        FACTOR by = {0};                                                                   \
        KEEP(by);                                                                          \
        _Pragma("GCC unroll 20") for (int i = 0; i < (chains); i++) {                      \
            acc[i] = zero;                                                                 \
            KEEP(acc[i]);                                                                  \
        }                                                                                  \
        for (uint64_t step = 0; step < steps; step++) {                                    \
            _Pragma("GCC unroll 20") for (int i = 0; i < (chains); i++) {                  \
                acc[i] = INSTRUCTION(acc[i], by, by);                                      \
                KEEP(acc[i]);                                                              \
            }                                                                              \
        }                                                                                  \
        return steps * (chains) * (operations);                                            \
    }

/* Of the operations one half multiply and one half add: 32-bit sums of 2 products of bfloat16 or of
 * 4 of int8, as many as lanes; products of float16 are added to float16. */
#define FMA_F16(acc, a, b) _mm512_fmadd_ph(a, b, acc)
PEAK(float16_avx512, "avx512fp16", __m512h, __m512h, FMA_F16, 20, 2 * 32)
PEAK(bfloat16_avx512, "avx512bf16", __m512, __m512bh, _mm512_dpbf16_ps, 20, 2 * 2 * 16)
PEAK(int8_avx512, "avx512vnni", __m512i, __m512i, _mm512_dpbusd_epi32, 20, 2 * 4 * 16)
PEAK(int8_avx2, "avxvnni", __m256i, __m256i, _mm256_dpbusd_avx_epi32, 12, 2 * 4 * 8)

/* Bits of CPUID leaf 7: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2A. */
static int bp_has(unsigned subleaf, unsigned which, unsigned bit) {
    unsigned registers[4] = {0};
    if (!__get_cpuid_count(7, subleaf, &registers[0], &registers[1], &registers[2], &registers[3]))
        return 0;
    return registers[which] >> bit & 1;
}

enum { EAX, EBX, ECX, EDX };

bp_peak_fn bp_low_precision_peak(const char *isa, bp_dtype dtype) {
    if (strcmp(isa, "avx512") == 0) {
        if (dtype == BP_FLOAT16 && bp_has(0, EDX, 23)) return float16_avx512;
        if (dtype == BP_BFLOAT16 && bp_has(1, EAX, 5)) return bfloat16_avx512;
        if (dtype == BP_INT8 && bp_has(0, ECX, 11)) return int8_avx512;
    }
    if (strcmp(isa, "avx2") == 0 && dtype == BP_INT8 && bp_has(1, EAX, 4)) return int8_avx2;
    return NULL;
}
#else
bp_peak_fn bp_low_precision_peak(const char *isa, bp_dtype dtype) {
    (void)isa, (void)dtype;
    return NULL;
}
#endif
