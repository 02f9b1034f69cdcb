/* dispatch.h: the kernels of every instruction set, with the block shapes that they need.
 *
 * One entry of the table holds an instruction set's functions and its register block together, so
 * that a kernel and the packing that it expects never part. Strides and counts are in elements.
 */
#ifndef BRICKPROF_DISPATCH_H
#define BRICKPROF_DISPATCH_H

#include <stddef.h>
#include <stdint.h>

enum { BP_MOST_ROWS = 14, BP_MOST_DOTS = 8, BP_MOST_SUMS = 32 };

/* One register tile: C (rows x n) = or += A (rows x k) B (k x n), where the function that is called
 * fixes the rows, the vectors of a row and the layout of A. */
typedef struct bp_tile {
    ptrdiff_t k;
    const void *a;              /* by columns: a[i + p * lda]; by rows: a[i * lda + p] */
    ptrdiff_t lda;
    const void *b;              /* b[p * ldb + j] */
    ptrdiff_t ldb, ahead;       /* ahead: how far to fetch */
    void *c;                    /* c[i * ldc + j] */
    ptrdiff_t ldc;
    void *keep;                 /* where to leave a copy of B in full vectors, or NULL */
    int n;
    int add;                    /* add to C, or write it */
    int in_place;               /* B ends where n does; otherwise it is padded to full vectors */
    int strips;                 /* so many tiles side by side, all but a single one of full width */
    ptrdiff_t b_step;           /* from one tile's B to the next one's */
} bp_tile;

typedef void (*bp_tile_fn)(const bp_tile *tile);

/* Dot products: c[x * cx + r * cr] = or += sum over p of xs[x * ldx + p] * rows[r * ldr + p], for
 * as many x as the function that is called is for. */
typedef struct bp_dot {
    ptrdiff_t k;
    const void *x;
    ptrdiff_t ldx;
    const void *rows;
    ptrdiff_t ldr, count;       /* of rows */
    void *c;
    ptrdiff_t cx, cr;
    int add;
} bp_dot;

typedef void (*bp_dot_fn)(const bp_dot *dot);

/* A sum of rows times factors: c[j] = sum over p of x[p * along] * b[p * ldb + j]. */
typedef struct bp_axpy {
    ptrdiff_t k;
    const void *x;
    ptrdiff_t along;
    const void *b;
    ptrdiff_t ldb, n;
    void *c;
} bp_axpy;

/* The kernels of one element type. */
typedef struct bp_ukr {
    int mr, nr, lanes;
    int wide;                   /* tiles of 4 vectors have up to so many rows */
    int dots;                   /* dot products are taken for up to so many vectors */

    /* By rows (1 to mr), vectors less one (0, 1, or 3 for up to `wide` rows), and layout of A
     * (0 by columns, 1 by rows). */
    const bp_tile_fn (*tiles)[4][2];
    const bp_dot_fn *dot;
    void (*axpy)(const bp_axpy *sum);

    /* Pack `count` vectors of `depth` elements depth-major: dst[p * width + i] = src[i * between +
     * p * along]. What lies behind `count` in each width, and up to a vector behind the end, is
     * undefined. */
    void (*pack)(ptrdiff_t width, ptrdiff_t count, ptrdiff_t depth, const void *src,
                 ptrdiff_t between, ptrdiff_t along, void *dst);

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
    int width;                  /* a multiple of a vector's elements */
} bp_softmax_block;

typedef struct bp_isa {
    const char *name;
    int (*supported)(void);
    const bp_ukr *f32, *f64;
    void (*softmax)(const bp_softmax_block *block);
    void (*negate)(float *data, ptrdiff_t count);
    /* out[i] = acc[i] / sum for `width` elements. */
    void (*divide)(const float *acc, float sum, float *out, ptrdiff_t width);
    int (*all_finite)(const float *data, ptrdiff_t rows, ptrdiff_t ld, ptrdiff_t width);

    /* out = x / sqrt(mean of x^2 + eps) * weight (B. Zhang, R. Sennrich, "Root mean square layer
     * normalization", 2019). */
    void (*rms_norm)(const float *x, const float *weight, float *out, ptrdiff_t n, float eps);
    /* out = gate * sigmoid(gate) * up (N. Shazeer, "GLU variants improve transformer", 2020). */
    void (*swiglu)(const float *gate, const float *up, float *out, ptrdiff_t n);
    /* Turn the pairs (x[j], x[half + j]) by an angle each; `out` may be x (J. Su et al.,
     * "RoFormer", 2021, section 3.4). */
    void (*rotate)(const float *x, const float *cosine, const float *sine, float *out,
                   ptrdiff_t half);
} bp_isa;

static inline void bp_run_tile(const bp_ukr *ukr, int rows, int vectors, int by_rows,
                               const bp_tile *tile) {
    ukr->tiles[rows][vectors - 1][by_rows](tile);
}

static inline void bp_run_dot(const bp_ukr *ukr, int across, const bp_dot *dot) {
    ukr->dot[across](dot);
}

extern const bp_isa bp_isa_avx512, bp_isa_avx2, bp_isa_neon, bp_isa_base;

/* The table, best first, NULL at its end: those compiled in, supported here or not. */
extern const bp_isa *const bp_isas[];

#endif
