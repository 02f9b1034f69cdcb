/* The kernels' templates at any vector width, for no instruction set: the compiler splits vectors that
 * the machine lacks. Needs a shape.h with what isa.tmpl.h asks for, but for masks. Besides the element
 * types that ship there is one whose storage is narrower than its sums. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shape.h"

/* The probes' inline assembly wants registers of the full width; without these they use memory. */
#undef __x86_64__
#undef __aarch64__

#define ISA wide
#define SUPPORTED 1
#include "isa.tmpl.h"

#define T_IN float
#define T_ACC double
#define TYPE f32_f64
#define WIDENS
#include "gemm.tmpl.h"

enum { MIXED = 2 };

static const bp_micro_kernels *kernels_of(int type) {
    return type == MIXED ? &micro_kernels_f32_f64 : bp_isa_wide.micro[type];
}

int wide_mr(int type) { return kernels_of(type)->mr; }
int wide_nr(int type) { return kernels_of(type)->nr; }
int wide_lanes(int type) { return kernels_of(type)->lanes; }
int wide_wide_rows(int type) { return kernels_of(type)->wide_rows; }
int wide_max_dotxf(int type) { return kernels_of(type)->max_dotxf; }

int wide_has_tile(int type, int rows, int vectors, int by_rows) {
    return kernels_of(type)->register_tiles[rows][vectors - 1][by_rows] != NULL;
}

void wide_tile(int type, int rows, int vectors, int by_rows, const bp_register_tile *tile) {
    bp_run_register_tile(kernels_of(type), rows, vectors, by_rows, tile);
}

void wide_dotxf(int type, int vectors, const bp_dotxf *dotxf) {
    bp_run_dotxf(kernels_of(type), vectors, dotxf);
}

void wide_axpyf(int type, const bp_axpyf *axpyf) { kernels_of(type)->axpyf(axpyf); }

void wide_pack(int type, ptrdiff_t width, ptrdiff_t count, ptrdiff_t depth, const void *src,
               ptrdiff_t vector_stride, ptrdiff_t depth_stride, void *dst) {
    kernels_of(type)->pack(width, count, depth, src, vector_stride, depth_stride, dst);
}

void wide_softmax(float *scores, ptrdiff_t ld, int rows, int keys, ptrdiff_t visible, int step,
                  float scale, float *maximum, float *sum, float *out, ptrdiff_t out_ld, int width) {
    const bp_softmax_block block = {
        .scores = scores, .ld = ld, .rows = rows, .keys = keys, .visible = visible, .step = step,
        .scale = scale, .maximum = maximum, .sum = sum, .out = out, .out_ld = out_ld, .width = width,
    };
    bp_isa_wide.softmax(&block);
}

void wide_negate(float *data, ptrdiff_t count) { bp_isa_wide.negate(data, count); }

void wide_divide(const float *acc, float sum, float *out, ptrdiff_t width) {
    bp_isa_wide.divide(acc, sum, out, width);
}

int wide_all_finite(const float *data, ptrdiff_t rows, ptrdiff_t ld, ptrdiff_t width) {
    return bp_isa_wide.all_finite(data, rows, ld, width);
}

void wide_rms_norm(const float *x, const float *weight, float *out, ptrdiff_t n, float eps) {
    bp_isa_wide.rms_norm(x, weight, out, n, eps);
}

void wide_swiglu(const float *gate, const float *up, float *out, ptrdiff_t n) {
    bp_isa_wide.swiglu(gate, up, out, n);
}

void wide_rotate(const float *x, const float *cosine, const float *sine, float *out,
                 ptrdiff_t half) {
    bp_isa_wide.rotate(x, cosine, sine, out, half);
}
