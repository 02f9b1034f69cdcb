/* The kernels' template at any vector width, for no instruction set: the compiler splits vectors
 * that the machine lacks. Needs VBYTES, MR, NV and CHAINS; see isa.tmpl.h. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The probes' inline assembly wants registers of the full width; without these they use memory. */
#undef __x86_64__
#undef __aarch64__

#define ISA wide
#define SUPPORTED 1
#include "isa.tmpl.h"

static const bp_ukr *ukr_of(int doubles) { return doubles ? &bp_isa_wide.f64 : &bp_isa_wide.f32; }

int wide_mr(int doubles) { return ukr_of(doubles)->mr; }
int wide_nr(int doubles) { return ukr_of(doubles)->nr; }

void wide_packed(int doubles, ptrdiff_t k, const void *a, const void *b, ptrdiff_t ldb, void *c,
                 ptrdiff_t ldc, int m, int n, int add) {
    ukr_of(doubles)->packed(k, a, b, ldb, c, ldc, m, n, add);
}

void wide_rows(int doubles, ptrdiff_t k, const void *a, ptrdiff_t lda, const void *b,
               ptrdiff_t ldb, void *c, ptrdiff_t ldc, int m, int n, int add) {
    ukr_of(doubles)->rows(k, a, lda, b, ldb, c, ldc, m, n, add);
}

void wide_pack(int doubles, int is_b, ptrdiff_t count, ptrdiff_t depth, const void *src,
               ptrdiff_t between, ptrdiff_t along, void *dst) {
    const bp_ukr *ukr = ukr_of(doubles);
    (is_b ? ukr->pack_b : ukr->pack_a)(count, depth, src, between, along, dst);
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
