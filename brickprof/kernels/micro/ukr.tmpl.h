/* ukr.tmpl.h: the one micro-kernel body, for any element type and vector width.
 *
 * Included once for each element type of an instruction set, with
 *   T         the element type, and TYPE its name, f32 or f64,
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
#define LANES ((int)(VBYTES / sizeof(T)))
#define LINE ((int)(64 / sizeof(T)))
#define NR (NV * LANES)
#define UNROLL 4
#define INLINE static inline __attribute__((always_inline))

typedef T V __attribute__((vector_size(VBYTES), aligned(sizeof(T)), may_alias));

#ifdef NO_MASKS
/* The first n elements of a vector; the others are 0. */
static V F(load_part)(const T *from, int n) {
    T all[LANES] = {0};
    memcpy(all, from, (size_t)n * sizeof(T));
    return *(V *)all;
}

static void F(store_part)(T *to, int n, V v) { memcpy(to, &v, (size_t)n * sizeof(T)); }
#endif

/* How a pass goes over B: NEAR takes full vectors of what is near; FIRST takes B where it is,
 * its edge masked; COPY also leaves a packed copy for the passes to come. */
enum { F(NEAR), F(FIRST), F(COPY) };

/* Where a micro-kernel is in A, B and the copy of B. Rows of A are reached from every third one,
 * which takes fewer registers than one pointer each. */
typedef struct F(place) {
    const char *a[(MR + 2) / 3];
    const T *b;
    T *kept;
    const T *c;
    int rows_to_fetch;
} F(place);

/* One step of k: a rank-1 update of C in registers. */
INLINE void F(step)(const int mr, const int nv, const int by_rows, const int pass,
                    const bp_tile *t, const F(place) *at, ptrdiff_t along, M(MASK) mask, V *acc) {
    const ptrdiff_t lda = t->lda * (ptrdiff_t)sizeof(T);
    V b[4];
#pragma GCC unroll 4
    for (int j = 0; j < nv; j++)
        b[j] = pass != F(NEAR) && j == nv - 1 ? MASK_LOAD(at->b + j * LANES, mask)
                                               : *(const V *)(at->b + j * LANES);
    if (pass == F(COPY)) {
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) *(V *)(at->kept + j * LANES) = b[j];
    }
#pragma GCC unroll 4
    for (int j = 0; j < nv * LANES; j += LINE) __builtin_prefetch(at->b + t->ahead + j);
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++) {
        const char *from = by_rows ? at->a[i / 3] + i % 3 * lda : at->a[0] + i * (int)sizeof(T);
        const V a = *(const T *)(from + along * (ptrdiff_t)sizeof(T)) - (V){0};
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) FMA(acc[i * nv + j], a, b[j]);
    }
}

/* Move on by some steps of k. */
INLINE void F(advance)(const int mr, const int by_rows, const bp_tile *t, F(place) *at, int steps) {
    const ptrdiff_t by = (by_rows ? steps : steps * t->lda) * (ptrdiff_t)sizeof(T);
    const int pointers = by_rows ? (mr + 2) / 3 : 1;
#pragma GCC unroll 8
    for (int g = 0; g < pointers; g++) at->a[g] += by;
}

/* Fetch one row of C: all at once they would hold up the loads of A and B. */
INLINE void F(fetch_row)(const int nv, const bp_tile *t, F(place) *at) {
#pragma GCC unroll 4
    for (int j = 0; j < nv * LANES; j += LINE) __builtin_prefetch(at->c + j, 1, 2);
    __builtin_prefetch(at->c + t->n - 1, 1, 2);
    if (--at->rows_to_fetch > 0) at->c += t->ldc;
}

/* All steps of k. */
INLINE void F(body)(const int mr, const int nv, const int by_rows, const int pass,
                    const bp_tile *t, M(MASK) mask, V *acc) {
    F(place) at;
    ptrdiff_t p = 0;
#pragma GCC unroll 8
    for (int g = 0; g < (MR + 2) / 3; g++)
        at.a[g] = (const char *)t->a + (by_rows ? 3 * g * t->lda * (ptrdiff_t)sizeof(T) : 0);
    at.b = (const T *)t->b;
    at.kept = (T *)t->keep;
    at.c = (const T *)t->c;
    at.rows_to_fetch = mr;
    for (; p + UNROLL <= t->k; p += UNROLL) {
        F(fetch_row)(nv, t, &at);
#pragma GCC unroll 8
        for (int u = 0; u < UNROLL; u++) {
            F(step)(mr, nv, by_rows, pass, t, &at, by_rows ? u : 0, mask, acc);
            if (!by_rows) F(advance)(mr, 0, t, &at, 1);
            at.b += t->ldb;
            if (pass == F(COPY)) at.kept += nv * LANES;
        }
        if (by_rows) F(advance)(mr, 1, t, &at, UNROLL);
        /* Keeps the compiler from loading ahead, for which there are no registers left. */
        __asm__ volatile("" : : : "memory");
    }
    for (; p < t->k; p++) {
        F(step)(mr, nv, by_rows, pass, t, &at, 0, mask, acc);
        F(advance)(mr, by_rows, t, &at, 1);
        at.b += t->ldb;
        if (pass == F(COPY)) at.kept += nv * LANES;
        __asm__ volatile("" : : : "memory");
    }
}

/* C = or += A B for mr rows and nv vectors, the last of which may be cut short. */
INLINE void F(tile)(const int mr, const int nv, const int by_rows, const bp_tile *t) {
    const int tail = t->n - (nv - 1) * LANES;
    const M(MASK) mask = MASK_OF(tail);
    V acc[MR * NV > 4 * WIDE ? MR * NV : 4 * WIDE];
#pragma GCC unroll 64
    for (int x = 0; x < mr * nv; x++) acc[x] = (V){0};
    if (t->keep != NULL)
        F(body)(mr, nv, by_rows, F(COPY), t, mask, acc);
    else if (t->in_place)
        F(body)(mr, nv, by_rows, F(FIRST), t, mask, acc);
    else
        F(body)(mr, nv, by_rows, F(NEAR), t, mask, acc);
    /* All loads go before the stores: rows of C may be a multiple of 4096 bytes apart, and a load
     * waits for a store before it whose address agrees in the low 12 bits. */
    if (t->add) {
#pragma GCC unroll 16
        for (int i = 0; i < mr; i++) {
            const T *c = (const T *)t->c + i * t->ldc;
#pragma GCC unroll 4
            for (int j = 0; j < nv; j++)
                acc[i * nv + j] += j == nv - 1 && tail < LANES
                                       ? MASK_LOAD(c + j * LANES, mask)
                                       : *(const V *)(c + j * LANES);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++) {
        T *c = (T *)t->c + i * t->ldc;
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            if (j == nv - 1 && tail < LANES)
                MASK_STORE(c + j * LANES, mask, acc[i * nv + j]);
            else
                *(V *)(c + j * LANES) = acc[i * nv + j];
        }
    }
}

/* Tiles side by side: a call for each would cost as much as a few steps of k. */
INLINE void F(tiles_of)(const int mr, const int nv, const int by_rows, const bp_tile *given) {
    bp_tile t = *given;
    for (int left = t.strips;;) {
        F(tile)(mr, nv, by_rows, &t);
        if (--left <= 0) return;
        t.b = (const T *)t.b + t.b_step;
        t.c = (T *)t.c + nv * LANES;
    }
}

/* The functions, by height and vectors. */
#define TILE_(mr, nv)                                                   \
    static void F(JOIN(JOIN(tile_columns, mr), nv))(const bp_tile *t) { \
        F(tiles_of)(mr, nv, 0, t);                                      \
    }                                                                   \
    static void F(JOIN(JOIN(tile_rows, mr), nv))(const bp_tile *t) {    \
        F(tiles_of)(mr, nv, 1, t);                                      \
    }
#define TILES(mr) TILE_(mr, 1) TILE_(mr, 2)
#define ENTRY(mr, nv) {F(JOIN(JOIN(tile_columns, mr), nv)), F(JOIN(JOIN(tile_rows, mr), nv))}
#define NARROW_ENTRIES(mr) {ENTRY(mr, 1), ENTRY(mr, 2), {0}, {0}}
#define WIDE_ENTRIES(mr) {ENTRY(mr, 1), ENTRY(mr, 2), {0}, ENTRY(mr, 4)}

FOR_EACH_HEIGHT(TILES)
#define WIDE_TILE(mr) TILE_(mr, 4)
FOR_EACH_WIDE(WIDE_TILE)

static const bp_tile_fn F(tiles)[BP_MOST_ROWS + 1][4][2] = {
    {{0}},
#define COMMA_WIDE(mr) WIDE_ENTRIES(mr),
#define COMMA_NARROW(mr) NARROW_ENTRIES(mr),
    FOR_EACH_WIDE(COMMA_WIDE) FOR_EACH_NARROW(COMMA_NARROW)
};

#include "pack.tmpl.h"
#ifdef SHIFT
#include "shift.tmpl.h"
#endif
#include "dot.tmpl.h"
#include "axpy.tmpl.h"
#include "probe.tmpl.h"

static const bp_ukr F(ukr) = {
    MR, NR, LANES, WIDE, DOTS, F(tiles), F(dots), F(axpy), F(pack), F(peak), F(load),
};

#undef F
#undef V
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
#undef DOT
#undef DOT_ENTRY
