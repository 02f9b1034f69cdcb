/* micro_kernels.h: the contract of the micro-kernels, and the table of instruction sets.
 *
 * One entry of the table holds an instruction set's functions and its register blocks together, so
 * that a kernel and the packing that it expects never part. Strides and counts are in elements.
 */
#ifndef BRICKPROF_MICRO_KERNELS_H
#define BRICKPROF_MICRO_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Element types, by the names of brickprof.core.dtypes. */
typedef enum bp_dtype {
    BP_FLOAT32,
    BP_FLOAT64,
    BP_FLOAT16,
    BP_BFLOAT16,
    BP_INT8,
    BP_DTYPES,
} bp_dtype;

enum { BP_MAX_ROWS = 14, BP_MAX_DOTXF = 8, BP_MAX_SUMS = 32 };
enum {
    BP_AXPYF_ROWS = 8,            /* rows of an axpyf that share a pass over the sum */
    BP_MATVEC_ROWS = 2,           /* rows of a dotxf of one vector that share a load of it */
};

/* Kinds of traffic and ceilings inside the core, by the names of brickprof.roofline.model. */
enum { BP_STORE, BP_COPY, BP_UPDATE, BP_DAXPY, BP_NT_STORE, BP_ZERO_STORE, BP_TRAFFICS };
enum {
    BP_SCALAR,
    BP_NO_FMA,
    BP_CHAIN,
    BP_SCALAR_CHAIN,
    BP_SCALAR_ADD_CHAIN,
    BP_HALF_WIDTH,
    BP_QUARTER_WIDTH,
    BP_DIVIDE,
    BP_SQRT,
    BP_CEILINGS,
};

/* One register tile: C (rows x n) = or += A (rows x k) B (k x n), where the function that is called
 * fixes the rows, the vectors of a row and the layout of A. A and B are of the storage type, C is of
 * the accumulation type. */
typedef struct bp_register_tile {
    ptrdiff_t k;
    const void *a;                /* by columns: a[i + p * lda]; by rows: a[i * lda + p] */
    ptrdiff_t lda;
    const void *b;                /* b[p * ldb + j] */
    ptrdiff_t ldb;
    ptrdiff_t prefetch_distance;  /* how far ahead of b to prefetch */
    void *c;                      /* c[i * ldc + j] */
    ptrdiff_t ldc;
    void *packed_copy;            /* where to leave B packed to full vectors, or NULL */
    int n;
    int accumulate;               /* add to C, or overwrite it */
    int mask_b;                   /* B ends where n does; otherwise it is padded to full vectors */
    int tiles;                    /* register tiles side by side, all of full width if more than 1 */
    ptrdiff_t b_step;             /* from one register tile's B to the next one's */
} bp_register_tile;

typedef void (*bp_register_tile_fn)(const bp_register_tile *tile);

/* Fused dot products (dotxf): c[x * c_vector_stride + r * c_row_stride] = or += the sum over p of
 * xs[x * ldx + p] * rows[r * ldr + p], for as many x as the function that is called is for. */
typedef struct bp_dotxf {
    ptrdiff_t k;
    const void *x;
    ptrdiff_t ldx;
    const void *rows;
    ptrdiff_t ldr, count;         /* count: of rows */
    void *c;
    ptrdiff_t c_vector_stride, c_row_stride;
    int accumulate;
} bp_dotxf;

typedef void (*bp_dotxf_fn)(const bp_dotxf *dotxf);

/* A fused sum of rows times factors (axpyf): c[j] = the sum over p of x[p * incx] * b[p * ldb + j]. */
typedef struct bp_axpyf {
    ptrdiff_t k;
    const void *x;
    ptrdiff_t incx;
    const void *b;
    ptrdiff_t ldb, n;
    void *c;
} bp_axpyf;

/* The micro-kernels of one element type. */
typedef struct bp_micro_kernels {
    int mr, nr, lanes;
    int wide_rows;                /* register tiles of 4 vectors have up to so many rows */
    int max_dotxf;                /* most vectors of a dotxf */

    /* By rows (1 to mr), vectors less one (0, 1, or 3 for up to wide_rows rows), and layout of A
     * (0 by columns, 1 by rows). */
    const bp_register_tile_fn (*register_tiles)[4][2];
    const bp_dotxf_fn *dotxf;
    void (*axpyf)(const bp_axpyf *axpyf);

    /* Pack `count` vectors of `depth` elements depth-major: dst[p * width + i] =
     * src[i * vector_stride + p * depth_stride]. What lies behind `count` in each width, and up to a
     * vector behind the end, is undefined. */
    void (*pack)(ptrdiff_t width, ptrdiff_t count, ptrdiff_t depth, const void *src,
                 ptrdiff_t vector_stride, ptrdiff_t depth_stride, void *dst);

    /* Probes: `steps` rounds of independent multiply-adds, one pass of loads over some bytes, one
     * pass of each kind of traffic, and rounds of each ceiling; NULL where the instruction set has
     * no such. Return the floating point operations, or the bytes loaded and stored. */
    uint64_t (*peak)(uint64_t steps);
    uint64_t (*load)(const void *data, size_t bytes);
    uint64_t (*traffic[BP_TRAFFICS])(void *data, size_t bytes);
    uint64_t (*ceilings[BP_CEILINGS])(uint64_t steps);
} bp_micro_kernels;

/* Rows of one block of scores in an online softmax (M. Milakov, N. Gimelshein, "Online normalizer
 * calculation for softmax", 2018; T. Dao et al., "FlashAttention", 2022, section 3.1). */
typedef struct bp_softmax_block {
    float *scores;                /* rows x padded keys; become the weights, 0 where hidden */
    ptrdiff_t ld;                 /* between rows; a multiple of nr */
    int rows, keys;
    ptrdiff_t visible;            /* keys that row 0 sees; each further row sees `step` more */
    int step;
    float scale;                  /* of the scores, times log2(e); not negative */
    float *maximum, *sum;         /* running, by row; of scores not yet scaled */
    float *out;                   /* running output, rows x width, rescaled here */
    ptrdiff_t out_ld;
    int width;                    /* a multiple of a vector's elements */
} bp_softmax_block;

typedef struct bp_isa {
    const char *name;
    int (*supported)(void);
    const bp_micro_kernels *micro[BP_DTYPES]; /* by storage type, NULL where there are none */

    /* float32 operations around the products. */
    void (*softmax)(const bp_softmax_block *block);
    void (*negate)(float *data, ptrdiff_t count);
    /* Probe: `steps` rounds of the exponentials of a softmax; returns their number. */
    uint64_t (*exponentials)(uint64_t steps);
    /* out[i] = acc[i] / sum for `width` elements. */
    void (*divide)(const float *acc, float sum, float *out, ptrdiff_t width);
    int (*all_finite)(const float *data, ptrdiff_t rows, ptrdiff_t ld, ptrdiff_t width);

    /* out = x / sqrt(mean of x^2 + eps) * weight (B. Zhang, R. Sennrich, "Root mean square layer
     * normalization", 2019). */
    void (*rms_norm)(const float *x, const float *weight, float *out, ptrdiff_t n, float eps);
    /* out = gate * sigmoid(gate) * up (N. Shazeer, "GLU variants improve transformer", 2020). */
    void (*swiglu)(const float *gate, const float *up, float *out, ptrdiff_t n);
    /* Rotate the pairs (x[j], x[half + j]) by an angle each; `out` may be x (J. Su et al.,
     * "RoFormer", 2021, section 3.4). */
    void (*rotate)(const float *x, const float *cosine, const float *sine, float *out,
                   ptrdiff_t half);
} bp_isa;

static inline void bp_run_register_tile(const bp_micro_kernels *micro, int rows, int vectors,
                                        int by_rows, const bp_register_tile *tile) {
    micro->register_tiles[rows][vectors - 1][by_rows](tile);
}

static inline void bp_run_dotxf(const bp_micro_kernels *micro, int vectors, const bp_dotxf *dotxf) {
    micro->dotxf[vectors](dotxf);
}

#endif
