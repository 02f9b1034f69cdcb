/* axpy.tmpl.h: a sum of rows, each times a factor; included by ukr.tmpl.h.
 *
 * Rows are read front to back, a few side by side, so that the sum passes through L1 once for all of
 * them. Where they are wide, loads are of whole vectors of the first row: one that is as wide as a
 * cache line takes two lines otherwise.
 */

/* Part of a vector of sums at j. */
INLINE void F(axpy_part)(const int rows, const T *const *row, const V *factor, T *c, ptrdiff_t j,
                         int count, const int add) {
    const M(MASK) mask = MASK_OF(count);
    V sum[2] = {add ? MASK_LOAD(c + j, mask) : (V){0}, {0}};
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) FMA(sum[r % 2], factor[r], MASK_LOAD(row[r] + j, mask));
    MASK_STORE(c + j, mask, sum[0] + sum[1]);
}

/* c += or = the sum of `rows` rows times their factors. */
INLINE void F(axpy_rows)(const int rows, const bp_axpy *s, ptrdiff_t p, const int add) {
    const T *x = (const T *)s->x + p * s->along, *row[8];
    T *c = (T *)s->c;
    ptrdiff_t j = 0;
    V factor[8];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        factor[r] = x[r * s->along] - (V){0};
        row[r] = (const T *)s->b + (p + r) * s->ldb;
        KEEP_POINTER(row[r]);
    }
    if (s->n >= 8 * LANES) {
        j = -((intptr_t)row[0] / (int)sizeof(T)) & (LANES - 1);
        if (j) F(axpy_part)(rows, row, factor, c, 0, (int)j, add);
    }
    for (; j + LANES <= s->n; j += LANES) {
        V sum[2] = {add ? *(V *)(c + j) : (V){0}, {0}};
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) FMA(sum[r % 2], factor[r], *(const V *)(row[r] + j));
        *(V *)(c + j) = sum[0] + sum[1];
    }
    if (j < s->n) F(axpy_part)(rows, row, factor, c, j, (int)(s->n - j), add);
}

static void F(axpy)(const bp_axpy *given) {
    const bp_axpy local = *given, *s = &local;
    ptrdiff_t p = 0;
    for (; p + 8 <= s->k; p += 8) F(axpy_rows)(8, s, p, p > 0);
    switch (s->k - p) {
#define ROWS(n) case n: F(axpy_rows)(n, s, p, p > 0); break;
        ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7)
#undef ROWS
    }
}
