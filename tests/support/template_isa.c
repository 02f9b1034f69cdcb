/* The kernels' template at any vector width, for no instruction set: the compiler splits vectors
 * that the machine lacks. Needs a shape.h with what isa.tmpl.h asks for, but for masks. */
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

static const bp_ukr *ukr_of(int doubles) { return doubles ? bp_isa_wide.f64 : bp_isa_wide.f32; }

int wide_mr(int doubles) { return ukr_of(doubles)->mr; }
int wide_nr(int doubles) { return ukr_of(doubles)->nr; }
int wide_lanes(int doubles) { return ukr_of(doubles)->lanes; }
int wide_wide(int doubles) { return ukr_of(doubles)->wide; }
int wide_dots(int doubles) { return ukr_of(doubles)->dots; }

int wide_has_tile(int doubles, int rows, int vectors, int by_rows) {
    return ukr_of(doubles)->tiles[rows][vectors - 1][by_rows] != NULL;
}

void wide_tile(int doubles, int rows, int vectors, int by_rows, const bp_tile *tile) {
    bp_run_tile(ukr_of(doubles), rows, vectors, by_rows, tile);
}

void wide_dot(int doubles, int across, const bp_dot *dot) {
    bp_run_dot(ukr_of(doubles), across, dot);
}

void wide_axpy(int doubles, const bp_axpy *sum) { ukr_of(doubles)->axpy(sum); }

void wide_pack(int doubles, ptrdiff_t width, ptrdiff_t count, ptrdiff_t depth, const void *src,
               ptrdiff_t between, ptrdiff_t along, void *dst) {
    ukr_of(doubles)->pack(width, count, depth, src, between, along, dst);
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
