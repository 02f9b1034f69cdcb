/* dotxf.tmpl.h: fused dot products, few vectors against many rows, both contiguous along k; included
 * by gemm.tmpl.h.
 *
 * Each row is read once, front to back, which is what counts where the rows come from memory.
 * Each lane keeps a sum of its own; lanes are added up at the end.
 */

/* Add pairs of vectors: half as many, of the sums of the `low` and `high` halves of each pair. */
#define HALVE(low, high, count)                                                            \
    for (int i = 0; i < (count); i++) {                                                    \
        const units a = (units)v[2 * i], b = (units)v[2 * i + 1];                          \
        v[i] = (V)low(a, b) + (V)high(a, b);                                               \
    }
#define LOW_WORDS_OF(a, b) LOW_WORDS((words)(a), (words)(b))
#define HIGH_WORDS_OF(a, b) HIGH_WORDS((words)(a), (words)(b))

/* Add up the lanes of LANES vectors: the sum of v[i] is left in lane i of v[0]. */
INLINE void F(add_lanes)(V *v) {
    int left = LANES / 2;
    if (sizeof(T_ACC) == 4) {
#pragma GCC unroll 8
        HALVE(LOW_WORDS_OF, HIGH_WORDS_OF, left)
        left /= 2;
    }
#pragma GCC unroll 4
    HALVE(LOW_UNITS, HIGH_UNITS, left)
    if (LANE_COUNT >= 2) {
#pragma GCC unroll 2
        HALVE(LOW_LANES, HIGH_LANES, left / 2)
    }
    if (LANE_COUNT == 4) {
        HALVE(LOW_HALVES, HIGH_HALVES, 1)
    }
}

/* One vector of k, of which the rows' elements are loaded. */
INLINE void F(dotxf_sums)(const int vectors, const int rows, const int chains, const int chain,
                          const bp_dotxf *d, const V *r, ptrdiff_t p, V *acc) {
#pragma GCC unroll 8
    for (int i = 0; i < vectors; i++) {
        const V x = WIDEN(*(const V_IN *)((const T_IN *)d->x + i * d->ldx + p));
#pragma GCC unroll 8
        for (int j = 0; j < rows; j++) FUSED(acc[(i * rows + j) * chains + chain], x, r[j]);
    }
}

INLINE void F(dotxf_step)(const int vectors, const int rows, const int chains, const int chain,
                          const bp_dotxf *d, const T_IN *const *row, ptrdiff_t p, V *acc) {
    V r[8];
#pragma GCC unroll 8
    for (int j = 0; j < rows; j++) r[j] = WIDEN(*(const V_IN *)(row[j] + p));
    F(dotxf_sums)(vectors, rows, chains, chain, d, r, p, acc);
}

#ifdef REALIGNS
/* The first steps, all but a few vectors of k, with aligned loads of the rows; returns how much of
 * k is done. Lanes hold what they would without, so that no sum depends on where the rows lie. */
INLINE ptrdiff_t F(dotxf_realigned)(const int vectors, const int rows, const int chains,
                                    const bp_dotxf *d, const T_IN *const *row, V *acc) {
    F(realigned) s[8];
    ptrdiff_t p = 0;
#pragma GCC unroll 8
    for (int j = 0; j < rows; j++) s[j] = F(realigned_from)(row[j]);
    for (; p + chains * LANES < d->k; p += chains * LANES) {
#pragma GCC unroll 4
        for (int c = 0; c < chains; c++) {
            V r[8];
#pragma GCC unroll 8
            for (int j = 0; j < rows; j++) r[j] = F(realigned_next)(s + j, p + c * LANES);
            F(dotxf_sums)(vectors, rows, chains, c, d, r, p + c * LANES, acc);
        }
        __asm__ volatile("" : : : "memory");
    }
    return p;
}
#endif

/* Sums of `vectors` vectors with `rows` rows, of which the last few may be the same row; each sum in
 * so many chains that multiply-adds need not wait for one another. */
INLINE void F(dotxf_block)(const int vectors, const int rows, const int chains, const bp_dotxf *d,
                           const T_IN *const *row, T_ACC *sums) {
    const T_IN *x = (const T_IN *)d->x;
    const ptrdiff_t whole = d->k / LANES * LANES;
    const int tail = (int)(d->k - whole);
    ptrdiff_t p = 0;
    V acc[BP_MAX_SUMS];
#pragma GCC unroll 32
    for (int i = 0; i < BP_MAX_SUMS; i++) acc[i] = (V){0};
#ifdef REALIGNS
    if (vectors <= REALIGN_DOTXF && d->k >= REALIGN_VECTORS * LANES && F(any_unaligned)(row, rows))
        p = F(dotxf_realigned)(vectors, rows, chains, d, row, acc);
#endif
    for (; p + chains * LANES <= whole; p += chains * LANES) {
#pragma GCC unroll 4
        for (int c = 0; c < chains; c++)
            F(dotxf_step)(vectors, rows, chains, c, d, row, p + c * LANES, acc);
        __asm__ volatile("" : : : "memory");
    }
    for (; p < whole; p += LANES) F(dotxf_step)(vectors, rows, chains, 0, d, row, p, acc);
    if (tail) {
        const PART part = PART_OF(tail);
#pragma GCC unroll 8
        for (int i = 0; i < vectors; i++) {
            const V xi = WIDEN(PART_LOAD_IN(x + i * d->ldx + whole, part));
#pragma GCC unroll 8
            for (int j = 0; j < rows; j++)
                FUSED(acc[(i * rows + j) * chains], xi,
                      WIDEN(PART_LOAD_IN(row[j] + whole, part)));
        }
    }
#pragma GCC unroll 32
    for (int i = 0; i < vectors * rows; i++) {
        V sum = acc[i * chains];
#pragma GCC unroll 4
        for (int c = 1; c < chains; c++) sum += acc[i * chains + c];
        acc[i] = sum;
    }
#pragma GCC unroll 32
    for (int i = vectors * rows; i < BP_MAX_SUMS; i++) acc[i] = (V){0};
#pragma GCC unroll 16
    for (int i = 0; i < vectors * rows; i += LANES) {
        F(add_lanes)(acc + i);
        *(V *)(sums + i) = acc[i];
    }
}

INLINE void F(dotxf)(const int vectors, const int rows, const int chains, const bp_dotxf *given) {
    const bp_dotxf local = *given, *d = &local;
    const T_IN *first = (const T_IN *)d->rows;
    T_ACC *c = (T_ACC *)d->c;
    for (ptrdiff_t r = 0; r < d->count; r += rows, c += rows * d->c_row_stride) {
        const int here = d->count - r < rows ? (int)(d->count - r) : rows;
        const T_IN *row[8];
        T_ACC sums[BP_MAX_SUMS];
#pragma GCC unroll 8
        for (int j = 0; j < rows; j++) row[j] = first + (r + (j < here ? j : here - 1)) * d->ldr;
        F(dotxf_block)(vectors, rows, chains, d, row, sums);
        for (int i = 0; i < vectors; i++)
            for (int j = 0; j < here; j++) {
                T_ACC *to = c + i * d->c_vector_stride + j * d->c_row_stride;
                *to = d->accumulate ? *to + sums[i * rows + j] : sums[i * rows + j];
            }
    }
}

#define DOTXF(vectors, rows, chains) \
    static void F(JOIN(dotxf, vectors))(const bp_dotxf *d) { F(dotxf)(vectors, rows, chains, d); }
FOR_EACH_DOTXF(DOTXF)
#define DOTXF_ENTRY(vectors, rows, chains) F(JOIN(dotxf, vectors)),
static const bp_dotxf_fn F(dotxfs)[BP_MAX_DOTXF + 1] = {NULL, FOR_EACH_DOTXF(DOTXF_ENTRY)};

#undef HALVE
#undef LOW_WORDS_OF
#undef HIGH_WORDS_OF
