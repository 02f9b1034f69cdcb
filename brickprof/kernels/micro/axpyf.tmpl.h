/* axpyf.tmpl.h: a fused sum of rows, each times a factor; included by gemm.tmpl.h.
 *
 * Rows are read front to back, a few side by side, so that the sum passes through L1 once for all of
 * them. Where they are wide, vectors begin where those of the first row are aligned: a load
 * as wide as a cache line takes two lines otherwise.
 */

/* Part of a vector of sums at j. */
INLINE void F(axpyf_part)(const int rows, const T_IN *const *row, const V *factor, T_ACC *c,
                          ptrdiff_t j, int count, const int accumulate) {
    const PART part = PART_OF(count);
    V sum[2] = {accumulate ? PART_LOAD(c + j, part) : (V){0}, {0}};
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
        FUSED(sum[r % 2], factor[r], WIDEN(PART_LOAD_IN(row[r] + j, part)));
    PART_STORE(c + j, part, sum[0] + sum[1]);
}

/* c += or = the sum of `rows` rows times their factors. */
INLINE void F(axpyf_rows)(const int rows, const bp_axpyf *s, ptrdiff_t p, const int accumulate) {
    const T_IN *x = (const T_IN *)s->x + p * s->incx, *row[BP_AXPYF_ROWS];
    T_ACC *c = (T_ACC *)s->c;
    ptrdiff_t j = 0;
    V factor[BP_AXPYF_ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        factor[r] = (T_ACC)x[r * s->incx] - (V){0};
        row[r] = (const T_IN *)s->b + (p + r) * s->ldb;
        KEEP_POINTER(row[r]);
    }
    if (s->n >= 8 * LANES) {
        j = -((intptr_t)row[0] / (int)sizeof(T_IN)) & (LANES - 1);
        if (j) F(axpyf_part)(rows, row, factor, c, 0, (int)j, accumulate);
    }
    for (; j + LANES <= s->n; j += LANES) {
        V sum[2] = {accumulate ? *(V *)(c + j) : (V){0}, {0}};
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
            FUSED(sum[r % 2], factor[r], WIDEN(*(const V_IN *)(row[r] + j)));
        *(V *)(c + j) = sum[0] + sum[1];
    }
    if (j < s->n) F(axpyf_part)(rows, row, factor, c, j, (int)(s->n - j), accumulate);
}

static void F(axpyf)(const bp_axpyf *given) {
    const bp_axpyf local = *given, *s = &local;
    ptrdiff_t p = 0;
    for (; p + BP_AXPYF_ROWS <= s->k; p += BP_AXPYF_ROWS)
        F(axpyf_rows)(BP_AXPYF_ROWS, s, p, p > 0);
    switch (s->k - p) {
#define ROWS(n) case n: F(axpyf_rows)(n, s, p, p > 0); break;
        ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7)
#undef ROWS
    }
}
