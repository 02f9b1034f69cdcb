/* gemm.tmpl.h: the one micro-kernel body, for any element type and vector width.
 *
 * Included once for each element type of an instruction set, with
 *   T_IN      the storage type of A and B,
 *   T_ACC     the type of C and of sums; WIDENS is defined where it differs from T_IN,
 *   TYPE      the suffix of names, such as f32,
 *   VBYTES    the width of a vector register in bytes,
 *   MR, NV    the register block: MR rows of NV vectors of C are held in registers,
 *   WIDE      the most rows for which 4 vectors a row fit,
 * and MASK, MASK_OF, MASK_LOAD, MASK_STORE and FMA of isa.tmpl.h.
 *
 * The block is that of a GotoBLAS micro-kernel (K. Goto, R. van de Geijn, "Anatomy of
 * high-performance matrix multiplication", ACM TOMS 34(3), 2008; F. Van Zee, R. van de Geijn,
 * "BLIS", ACM TOMS 41(3), 2015): a rank-1 update of C in registers for each step of k. Every
 * height up to MR is compiled, so that an edge is as fast as its share; the last vector of a row
 * is masked.
 */

#define F(name) JOIN(name, TYPE)
#define V F(vector)
#define M(name) JOIN(name, TYPE)
#define LANES ((int)(VBYTES / sizeof(T_ACC)))
#define LINE ((int)(64 / sizeof(T_IN)))
#define NR (NV * LANES)
#define UNROLL 4
#define INLINE static inline __attribute__((always_inline))

typedef T_ACC V __attribute__((vector_size(VBYTES), aligned(sizeof(T_ACC)), may_alias));

/* V_IN holds LANES stored elements, which WIDEN turns into a V. Where storage is narrower than sums
 * the part of a vector goes element by element: the masks of an instruction set are those of V. */
#ifdef WIDENS
#define V_IN F(stored_vector)
typedef T_IN V_IN __attribute__((vector_size(VBYTES / sizeof(T_ACC) * sizeof(T_IN)),
                                 aligned(sizeof(T_IN)), may_alias));
#define WIDEN(v) __builtin_convertvector(v, V)
#define PART int
#define PART_OF(n) (n)
#define PART_LOAD_IN(p, part) F(load_part_in)(p, part)
#define PART_LOAD(p, part) F(load_part)(p, part)
#define PART_STORE(p, part, v) F(store_part)(p, part, v)
#define FUSED(c, a, b) ((c) += (a) * (b))
#else
#define V_IN V
#define WIDEN(v) (v)
#define PART M(MASK)
#define PART_OF(n) MASK_OF(n)
#define PART_LOAD_IN(p, part) MASK_LOAD(p, part)
#define PART_LOAD(p, part) MASK_LOAD(p, part)
#define PART_STORE(p, part, v) MASK_STORE(p, part, v)
#define FUSED(c, a, b) FMA(c, a, b)
#endif

#if defined(NO_MASKS) || defined(WIDENS)
/* The first n elements of a vector; the others are 0. */
static inline V F(load_part)(const T_ACC *from, int n) {
    T_ACC all[LANES] = {0};
    memcpy(all, from, (size_t)n * sizeof(T_ACC));
    return *(V *)all;
}

static inline void F(store_part)(T_ACC *to, int n, V v) { memcpy(to, &v, (size_t)n * sizeof(T_ACC)); }
#endif
#ifdef WIDENS
static inline V_IN F(load_part_in)(const T_IN *from, int n) {
    T_IN all[LANES] = {0};
    memcpy(all, from, (size_t)n * sizeof(T_IN));
    return *(V_IN *)all;
}
#endif

/* How a pass goes over B: B_PADDED takes full vectors, which B is padded to; B_MASKED takes B where it
 * is, its edge masked; B_COPIED also leaves a packed copy for the passes to come. */
enum { F(B_PADDED), F(B_MASKED), F(B_COPIED) };

/* Where a micro-kernel is in A, B and the copy of B. Rows of A are reached from every third one,
 * which takes fewer registers than one pointer each. */
typedef struct F(cursor) {
    const char *a[(MR + 2) / 3];
    const T_IN *b;
    T_IN *copy;
    const T_ACC *c;
    int rows_to_prefetch;
} F(cursor);

/* One step of k: a rank-1 update of C in registers. */
INLINE void F(step)(const int mr, const int nv, const int by_rows, const int pass,
                    const bp_register_tile *t, const F(cursor) *at, ptrdiff_t p, PART part, V *acc) {
    const ptrdiff_t lda = t->lda * (ptrdiff_t)sizeof(T_IN);
    V_IN b[4];
#pragma GCC unroll 4
    for (int j = 0; j < nv; j++)
        b[j] = pass != F(B_PADDED) && j == nv - 1 ? PART_LOAD_IN(at->b + j * LANES, part)
                                                  : *(const V_IN *)(at->b + j * LANES);
    if (pass == F(B_COPIED)) {
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) *(V_IN *)(at->copy + j * LANES) = b[j];
    }
#pragma GCC unroll 4
    for (int j = 0; j < nv * LANES; j += LINE)
        __builtin_prefetch(at->b + t->prefetch_distance + j);
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++) {
        const char *from = by_rows ? at->a[i / 3] + i % 3 * lda : at->a[0] + i * (int)sizeof(T_IN);
        const V a = (T_ACC) * (const T_IN *)(from + p * (ptrdiff_t)sizeof(T_IN)) - (V){0};
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) FUSED(acc[i * nv + j], a, WIDEN(b[j]));
    }
}

/* Move on by some steps of k. */
INLINE void F(advance)(const int mr, const int by_rows, const bp_register_tile *t, F(cursor) *at,
                       int steps) {
    const ptrdiff_t by = (by_rows ? steps : steps * t->lda) * (ptrdiff_t)sizeof(T_IN);
    const int pointers = by_rows ? (mr + 2) / 3 : 1;
#pragma GCC unroll 8
    for (int g = 0; g < pointers; g++) at->a[g] += by;
}

/* Prefetch one row of C: all at once they would hold up the loads of A and B. */
INLINE void F(prefetch_row)(const int nv, const bp_register_tile *t, F(cursor) *at) {
#pragma GCC unroll 4
    for (int j = 0; j < nv * LANES; j += LINE) __builtin_prefetch(at->c + j, 1, 2);
    __builtin_prefetch(at->c + t->n - 1, 1, 2);
    if (--at->rows_to_prefetch > 0) at->c += t->ldc;
}

/* All steps of k. */
INLINE void F(body)(const int mr, const int nv, const int by_rows, const int pass,
                    const bp_register_tile *t, PART part, V *acc) {
    F(cursor) at;
    ptrdiff_t p = 0;
#pragma GCC unroll 8
    for (int g = 0; g < (MR + 2) / 3; g++)
        at.a[g] = (const char *)t->a + (by_rows ? 3 * g * t->lda * (ptrdiff_t)sizeof(T_IN) : 0);
    at.b = (const T_IN *)t->b;
    at.copy = (T_IN *)t->packed_copy;
    at.c = (const T_ACC *)t->c;
    at.rows_to_prefetch = mr;
    for (; p + UNROLL <= t->k; p += UNROLL) {
        F(prefetch_row)(nv, t, &at);
#pragma GCC unroll 8
        for (int u = 0; u < UNROLL; u++) {
            F(step)(mr, nv, by_rows, pass, t, &at, by_rows ? u : 0, part, acc);
            if (!by_rows) F(advance)(mr, 0, t, &at, 1);
            at.b += t->ldb;
            if (pass == F(B_COPIED)) at.copy += nv * LANES;
        }
        if (by_rows) F(advance)(mr, 1, t, &at, UNROLL);
        /* Keeps the compiler from loading ahead, for which there are no registers left. */
        __asm__ volatile("" : : : "memory");
    }
    for (; p < t->k; p++) {
        F(step)(mr, nv, by_rows, pass, t, &at, 0, part, acc);
        F(advance)(mr, by_rows, t, &at, 1);
        at.b += t->ldb;
        if (pass == F(B_COPIED)) at.copy += nv * LANES;
        __asm__ volatile("" : : : "memory");
    }
}

/* C = or += A B for mr rows and nv vectors, the last of which may be cut short. */
INLINE void F(register_tile)(const int mr, const int nv, const int by_rows,
                             const bp_register_tile *t) {
    const int tail = t->n - (nv - 1) * LANES;
    const PART part = PART_OF(tail);
    V acc[MR * NV > 4 * WIDE ? MR * NV : 4 * WIDE];
#pragma GCC unroll 64
    for (int x = 0; x < mr * nv; x++) acc[x] = (V){0};
    if (t->packed_copy != NULL)
        F(body)(mr, nv, by_rows, F(B_COPIED), t, part, acc);
    else if (t->mask_b)
        F(body)(mr, nv, by_rows, F(B_MASKED), t, part, acc);
    else
        F(body)(mr, nv, by_rows, F(B_PADDED), t, part, acc);
    /* All loads go before the stores: rows of C may be a multiple of 4096 bytes apart (4K aliasing:
     * false store-to-load dependence). */
    if (t->accumulate) {
#pragma GCC unroll 16
        for (int i = 0; i < mr; i++) {
            const T_ACC *c = (const T_ACC *)t->c + i * t->ldc;
#pragma GCC unroll 4
            for (int j = 0; j < nv; j++)
                acc[i * nv + j] += j == nv - 1 && tail < LANES
                                       ? PART_LOAD(c + j * LANES, part)
                                       : *(const V *)(c + j * LANES);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++) {
        T_ACC *c = (T_ACC *)t->c + i * t->ldc;
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            if (j == nv - 1 && tail < LANES)
                PART_STORE(c + j * LANES, part, acc[i * nv + j]);
            else
                *(V *)(c + j * LANES) = acc[i * nv + j];
        }
    }
}

/* Register tiles side by side: a call for each would cost as much as a few steps of k. */
INLINE void F(register_tiles_of)(const int mr, const int nv, const int by_rows,
                                 const bp_register_tile *given) {
    bp_register_tile t = *given;
    for (int left = t.tiles;;) {
        F(register_tile)(mr, nv, by_rows, &t);
        if (--left <= 0) return;
        t.b = (const T_IN *)t.b + t.b_step;
        t.c = (T_ACC *)t.c + nv * LANES;
    }
}

/* The functions, by height and vectors. */
#define TILE_(mr, nv)                                                            \
    static void F(JOIN(JOIN(tile_columns, mr), nv))(const bp_register_tile *t) { \
        F(register_tiles_of)(mr, nv, 0, t);                                      \
    }                                                                            \
    static void F(JOIN(JOIN(tile_rows, mr), nv))(const bp_register_tile *t) {    \
        F(register_tiles_of)(mr, nv, 1, t);                                      \
    }
#define TILES(mr) TILE_(mr, 1) TILE_(mr, 2)
#define ENTRY(mr, nv) {F(JOIN(JOIN(tile_columns, mr), nv)), F(JOIN(JOIN(tile_rows, mr), nv))}
#define NARROW_ENTRIES(mr) {ENTRY(mr, 1), ENTRY(mr, 2), {0}, {0}}
#define WIDE_ENTRIES(mr) {ENTRY(mr, 1), ENTRY(mr, 2), {0}, ENTRY(mr, 4)}

FOR_EACH_HEIGHT(TILES)
#define WIDE_TILE(mr) TILE_(mr, 4)
FOR_EACH_WIDE(WIDE_TILE)

static const bp_register_tile_fn F(register_tiles)[BP_MAX_ROWS + 1][4][2] = {
    {{0}},
#define COMMA_WIDE(mr) WIDE_ENTRIES(mr),
#define COMMA_NARROW(mr) NARROW_ENTRIES(mr),
    FOR_EACH_WIDE(COMMA_WIDE) FOR_EACH_NARROW(COMMA_NARROW)
};

#include "pack.tmpl.h"
#if defined(FUNNEL_SHIFT) && !defined(WIDENS)
#define REALIGNS
#include "realign.tmpl.h"
#endif
#include "dotxf.tmpl.h"
#include "axpyf.tmpl.h"
#include "probe.tmpl.h"

static const bp_micro_kernels F(micro_kernels) = {
    MR, NR, LANES, WIDE, MAX_DOTXF, F(register_tiles), F(dotxfs), F(axpyf), F(pack), PROBES,
};

#undef F
#undef V
#undef V_IN
#undef WIDEN
#undef PART
#undef PART_OF
#undef PART_LOAD_IN
#undef PART_LOAD
#undef PART_STORE
#undef FUSED
#undef REALIGNS
#undef MULTIPLY_ADDS
#undef OPERATIONS
#undef KEEP_NOT
#undef MULTIPLY_THEN_ADD
#undef ADD_PRODUCT
#undef DIVIDE
#undef HALF_WIDTH
#undef QUARTER_WIDTH
#undef SQUARE_ROOTS
#undef NT_STORES
#undef PROBES
#undef M
#undef LANES
#undef LINE
#undef NR
#undef UNROLL
#undef INLINE
#undef TILE_
#undef TILES
#undef ENTRY
#undef NARROW_ENTRIES
#undef WIDE_ENTRIES
#undef WIDE_TILE
#undef COMMA_WIDE
#undef COMMA_NARROW
#undef DOTXF
#undef DOTXF_ENTRY
