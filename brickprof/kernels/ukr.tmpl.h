/* ukr.tmpl.h: the one micro-kernel body, for any element type and vector width.
 *
 * Included once for each element type of an instruction set, with
 *   T         the element type,
 *   F(name)   the name of a function for that type and instruction set,
 *   VBYTES    the width of a vector register in bytes,
 *   MR, NV    the register block: MR rows of NV vectors of C are held in registers,
 *   CHAINS    independent multiply-adds that the peak probe keeps in flight.
 *
 * The block is that of a GotoBLAS micro-kernel (K. Goto, R. van de Geijn, "Anatomy of
 * high-performance matrix multiplication", ACM TOMS 34(3), 2008; F. Van Zee, R. van de Geijn,
 * "BLIS", ACM TOMS 41(3), 2015): a rank-1 update of C in registers for each step of k.
 */

#define V F(vector)
#define LANES ((int)(VBYTES / sizeof(T)))
#define NR (NV * LANES)
#define UNROLL 2

typedef T V __attribute__((vector_size(VBYTES), aligned(sizeof(T)), may_alias));

/* One step of k: a rank-1 update of C in registers, from A's element i at a[i * row]. */
static inline __attribute__((always_inline)) void F(step)(const T *a, ptrdiff_t row, const T *b,
                                                          V *acc) {
    V bv[NV];
    for (int j = 0; j < NV; j++) bv[j] = *(const V *)(b + j * LANES);
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++) {
        const T ai = a[i * row];
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++) acc[i * NV + j] += ai * bv[j];
    }
    /* Keeps the compiler from loading ahead, for which there are no registers left. */
    __asm__ volatile("" : : : "memory");
}

/* All steps of k, from A's element (i, p) at a[i * row + p * along]. */
static inline __attribute__((always_inline)) void F(body)(
    ptrdiff_t k, const T *a, ptrdiff_t row, ptrdiff_t along, const T *b, ptrdiff_t ldb, V *acc) {
    ptrdiff_t p = 0;
    for (; p + UNROLL <= k; p += UNROLL) {
#pragma GCC unroll 8
        for (int u = 0; u < UNROLL; u++) F(step)(a + u * along, row, b + u * ldb, acc);
        a += UNROLL * along;
        b += UNROLL * ldb;
    }
    for (; p < k; p++) {
        F(step)(a, row, b, acc);
        a += along;
        b += ldb;
    }
}

/* The part of a block that lies inside C. */
static __attribute__((noinline)) void F(store_edge)(const V *acc, T *c, ptrdiff_t ldc, int m,
                                                     int n, int add) {
    const T *block = (const T *)acc;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            c[i * ldc + j] = add ? c[i * ldc + j] + block[i * NR + j] : block[i * NR + j];
}

static inline __attribute__((always_inline)) void F(tile)(
    ptrdiff_t k, const T *a, ptrdiff_t row, ptrdiff_t along, const T *b, ptrdiff_t ldb, T *c,
    ptrdiff_t ldc, int m, int n, int add) {
    V acc[MR * NV];
    for (int i = 0; i < m; i++) {
        __builtin_prefetch(c + i * ldc, 1);
        __builtin_prefetch(c + i * ldc + NR - 1, 1);
    }
#pragma GCC unroll 64
    for (int x = 0; x < MR * NV; x++) acc[x] = (V){0};
    F(body)(k, a, row, along, b, ldb, acc);
    if (__builtin_expect(m == MR && n == NR, 1)) {
        if (add) {
#pragma GCC unroll 16
            for (int i = 0; i < MR; i++)
#pragma GCC unroll 4
                for (int j = 0; j < NV; j++) *(V *)(c + i * ldc + j * LANES) += acc[i * NV + j];
        } else {
#pragma GCC unroll 16
            for (int i = 0; i < MR; i++)
#pragma GCC unroll 4
                for (int j = 0; j < NV; j++) *(V *)(c + i * ldc + j * LANES) = acc[i * NV + j];
        }
    } else {
        V block[MR * NV];
#pragma GCC unroll 64
        for (int x = 0; x < MR * NV; x++) block[x] = acc[x];
        F(store_edge)(block, c, ldc, m, n, add);
    }
}

static void F(packed)(ptrdiff_t k, const void *a, const void *b, ptrdiff_t ldb, void *c,
                      ptrdiff_t ldc, int m, int n, int add) {
    F(tile)(k, (const T *)a, 1, MR, (const T *)b, ldb, (T *)c, ldc, m, n, add);
}

static void F(rows)(ptrdiff_t k, const void *a, ptrdiff_t lda, const void *b, ptrdiff_t ldb,
                    void *c, ptrdiff_t ldc, int m, int n, int add) {
    F(tile)(k, (const T *)a, lda, 1, (const T *)b, ldb, (T *)c, ldc, m, n, add);
}

#include "pack.tmpl.h"

static uint64_t F(peak)(uint64_t steps) {
    V acc[CHAINS], by, plus;
    for (int j = 0; j < LANES; j++) by[j] = (T)0.5, plus[j] = (T)1;
    /* KEEP makes the chains differ for the compiler, which would otherwise compute one of them. */
#pragma GCC unroll 32
    for (int i = 0; i < CHAINS; i++) {
        acc[i] = plus;
        KEEP(acc[i]);
    }
    for (uint64_t s = 0; s < steps; s++) {
#pragma GCC unroll 32
        for (int i = 0; i < CHAINS; i++) acc[i] = acc[i] * by + plus;
        KEEP(by);
    }
#pragma GCC unroll 32
    for (int i = 0; i < CHAINS; i++) KEEP(acc[i]);
    return steps * 2 * CHAINS * LANES;
}

/* One pass of four loads a turn: the loop of LIKWID's load benchmarks, called once a pass as there,
 * so that figures can be held side by side. Nothing is computed, the loads are merely kept. */
static uint64_t F(load)(const void *data, size_t bytes) {
    const size_t stride = 4 * VBYTES, turns = bytes / stride;
    const T *at = (const T *)data;
    for (size_t turn = 0; turn < turns; turn++) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const V v = *(const V *)(at + i * LANES);
            KEEP_VALUE(v);
        }
        at += 4 * LANES;
    }
    return turns * stride;
}

#undef V
#undef LANES
#undef NR
#undef UNROLL
