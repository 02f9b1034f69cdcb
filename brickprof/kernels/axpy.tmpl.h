/* axpy.tmpl.h: a sum of rows, each times a factor; included by ukr.tmpl.h.
 *
 * Rows are read front to back, a few side by side, so that the sum passes through L1 once for all of
 * them.
 */

/* c += or = the sum of `rows` rows times their factors. */
INLINE void F(axpy_rows)(const int rows, const bp_axpy *s, ptrdiff_t p, const int add) {
    const T *b = (const T *)s->b + p * s->ldb, *x = (const T *)s->x + p * s->along;
    T *c = (T *)s->c;
    const ptrdiff_t whole = s->n / LANES * LANES;
    V factor[4];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) factor[r] = x[r * s->along] - (V){0};
    for (ptrdiff_t j = 0; j < whole; j += LANES) {
        V sum[2] = {add ? *(V *)(c + j) : (V){0}, {0}};
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
            FMA(sum[r % 2], factor[r], *(const V *)(b + r * s->ldb + j));
        *(V *)(c + j) = sum[0] + sum[1];
    }
    if (whole < s->n) {
        const M(MASK) mask = MASK_OF((int)(s->n - whole));
        V sum[2] = {add ? MASK_LOAD(c + whole, mask) : (V){0}, {0}};
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
            FMA(sum[r % 2], factor[r], MASK_LOAD(b + r * s->ldb + whole, mask));
        MASK_STORE(c + whole, mask, sum[0] + sum[1]);
    }
}

static void F(axpy)(const bp_axpy *given) {
    const bp_axpy local = *given, *s = &local;
    ptrdiff_t p = 0;
    for (; p + 4 <= s->k; p += 4) {
        if (p)
            F(axpy_rows)(4, s, p, 1);
        else
            F(axpy_rows)(4, s, p, 0);
    }
    for (; p < s->k; p++) F(axpy_rows)(1, s, p, p > 0);
}
