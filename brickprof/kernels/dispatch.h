/* dispatch.h: the kernels of every instruction set, with the block shapes that they need.
 *
 * One entry of the table holds an instruction set's functions and its register block together, so
 * that a kernel and the packing that it expects never part. Strides and counts are in elements.
 */
#ifndef BRICKPROF_DISPATCH_H
#define BRICKPROF_DISPATCH_H

#include <stddef.h>
#include <stdint.h>

/* The micro-kernel of one element type: C (mr x nr) = or += A (mr x k) B (k x nr). */
typedef struct bp_ukr {
    int mr, nr;

    /* A packed in columns of mr, B in rows of ldb >= nr. Writes the first m x n of C, whose rows
     * are ldc apart; adds to what is there if `add`. Reads A and B in full blocks. */
    void (*packed)(ptrdiff_t k, const void *a, const void *b, ptrdiff_t ldb, void *c,
                   ptrdiff_t ldc, int m, int n, int add);

    /* The same with A in mr rows that are lda apart. */
    void (*rows)(ptrdiff_t k, const void *a, ptrdiff_t lda, const void *b, ptrdiff_t ldb, void *c,
                 ptrdiff_t ldc, int m, int n, int add);

    /* Pack `count` vectors of `depth` elements into panels mr (or nr) wide, depth-major, the
     * last one filled with zeros: dst[p * width + i] = src[i * between + p * along]. */
    void (*pack_a)(ptrdiff_t count, ptrdiff_t depth, const void *src, ptrdiff_t between,
                   ptrdiff_t along, void *dst);
    void (*pack_b)(ptrdiff_t count, ptrdiff_t depth, const void *src, ptrdiff_t between,
                   ptrdiff_t along, void *dst);

    /* Probes: `steps` rounds of independent multiply-adds, and one pass of loads over some bytes.
     * Return the floating point operations and the bytes of it. */
    uint64_t (*peak)(uint64_t steps);
    uint64_t (*load)(const void *data, size_t bytes);
} bp_ukr;

/* Rows of one block of scores in an online softmax (M. Milakov, N. Gimelshein, "Online normalizer
 * calculation for softmax", 2018; T. Dao et al., "FlashAttention", 2022, section 3.1). */
typedef struct bp_softmax_block {
    float *scores;              /* rows x padded keys; become the weights, 0 where hidden */
    ptrdiff_t ld;               /* between rows; a multiple of nr */
    int rows, keys;
    ptrdiff_t visible;          /* keys that row 0 sees; each further row sees `step` more */
    int step;
    float scale;                /* of the scores, times log2(e); not negative */
    float *maximum, *sum;       /* running, by row; of scores not yet scaled */
    float *out;                 /* running output, rows x width, rescaled here */
    ptrdiff_t out_ld;
    int width;                  /* a multiple of nr */
} bp_softmax_block;

typedef struct bp_isa {
    const char *name;
    int (*supported)(void);
    bp_ukr f32, f64;
    void (*softmax)(const bp_softmax_block *block);
    void (*negate)(float *data, ptrdiff_t count);
    /* out[i] = acc[i] / sum for `width` elements. */
    void (*divide)(const float *acc, float sum, float *out, ptrdiff_t width);
    int (*all_finite)(const float *data, ptrdiff_t rows, ptrdiff_t ld, ptrdiff_t width);
} bp_isa;

extern const bp_isa bp_isa_avx512, bp_isa_avx2, bp_isa_neon, bp_isa_base;

/* The table, best first, NULL at its end: those compiled in, supported here or not. */
extern const bp_isa *const bp_isas[];

#endif
