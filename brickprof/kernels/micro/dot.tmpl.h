/* dot.tmpl.h: few vectors against many rows, both contiguous along k; included by ukr.tmpl.h.
 *
 * Each row is read once, front to back, which is what counts where the rows come from memory.
 * Sums are kept a lane each and added up at the end.
 */

/* Add neighbours: half as many vectors, of the sums of `low` and `high` halves of each pair. */
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
    if (sizeof(T) == 4) {
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
INLINE void F(dot_sums)(const int across, const int down, const int chains, const int chain,
                        const bp_dot *d, const V *r, ptrdiff_t p, V *acc) {
#pragma GCC unroll 8
    for (int i = 0; i < across; i++) {
        const V x = *(const V *)((const T *)d->x + i * d->ldx + p);
#pragma GCC unroll 8
        for (int j = 0; j < down; j++) FMA(acc[(i * down + j) * chains + chain], x, r[j]);
    }
}

INLINE void F(dot_step)(const int across, const int down, const int chains, const int chain,
                        const bp_dot *d, const T *const *row, ptrdiff_t p, V *acc) {
    V r[8];
#pragma GCC unroll 8
    for (int j = 0; j < down; j++) r[j] = *(const V *)(row[j] + p);
    F(dot_sums)(across, down, chains, chain, d, r, p, acc);
}

#ifdef SHIFT
/* The first steps, all but a few vectors of k, with aligned loads of the rows; returns how much of
 * k is done. Lanes hold what they would without, so that no sum depends on where the rows lie. */
INLINE ptrdiff_t F(dot_aligned)(const int across, const int down, const int chains,
                                const bp_dot *d, const T *const *row, V *acc) {
    F(shifted) s[8];
    ptrdiff_t p = 0;
#pragma GCC unroll 8
    for (int j = 0; j < down; j++) s[j] = F(shifted_from)(row[j]);
    for (; p + chains * LANES < d->k; p += chains * LANES) {
#pragma GCC unroll 4
        for (int c = 0; c < chains; c++) {
            V r[8];
#pragma GCC unroll 8
            for (int j = 0; j < down; j++) r[j] = F(shifted_next)(s + j, p + c * LANES);
            F(dot_sums)(across, down, chains, c, d, r, p + c * LANES, acc);
        }
        __asm__ volatile("" : : : "memory");
    }
    return p;
}
#endif

/* Sums of `across` vectors with `down` rows, of which the last few may be the same row; each sum in
 * so many chains that multiply-adds need not wait for one another. */
INLINE void F(dot_block)(const int across, const int down, const int chains, const bp_dot *d,
                         const T *const *row, T *sums) {
    const T *x = (const T *)d->x;
    const ptrdiff_t whole = d->k / LANES * LANES;
    const int tail = (int)(d->k - whole);
    ptrdiff_t p = 0;
    V acc[BP_MOST_SUMS];
#pragma GCC unroll 32
    for (int i = 0; i < BP_MOST_SUMS; i++) acc[i] = (V){0};
#ifdef SHIFT
    if (across <= SHIFT_DOTS && d->k >= SHIFT_VECTORS * LANES && F(any_unaligned)(row, down))
        p = F(dot_aligned)(across, down, chains, d, row, acc);
#endif
    for (; p + chains * LANES <= whole; p += chains * LANES) {
#pragma GCC unroll 4
        for (int c = 0; c < chains; c++)
            F(dot_step)(across, down, chains, c, d, row, p + c * LANES, acc);
        __asm__ volatile("" : : : "memory");
    }
    for (; p < whole; p += LANES) F(dot_step)(across, down, chains, 0, d, row, p, acc);
    if (tail) {
        const M(MASK) mask = MASK_OF(tail);
#pragma GCC unroll 8
        for (int i = 0; i < across; i++) {
            const V xi = MASK_LOAD(x + i * d->ldx + whole, mask);
#pragma GCC unroll 8
            for (int j = 0; j < down; j++)
                FMA(acc[(i * down + j) * chains], xi, MASK_LOAD(row[j] + whole, mask));
        }
    }
#pragma GCC unroll 32
    for (int i = 0; i < across * down; i++) {
        V sum = acc[i * chains];
#pragma GCC unroll 4
        for (int c = 1; c < chains; c++) sum += acc[i * chains + c];
        acc[i] = sum;
    }
#pragma GCC unroll 32
    for (int i = across * down; i < BP_MOST_SUMS; i++) acc[i] = (V){0};
#pragma GCC unroll 16
    for (int i = 0; i < across * down; i += LANES) {
        F(add_lanes)(acc + i);
        *(V *)(sums + i) = acc[i];
    }
}

INLINE void F(dot)(const int across, const int down, const int chains, const bp_dot *given) {
    const bp_dot local = *given, *d = &local;
    const T *rows = (const T *)d->rows;
    T *c = (T *)d->c;
    for (ptrdiff_t r = 0; r < d->count; r += down, c += down * d->cr) {
        const int here = d->count - r < down ? (int)(d->count - r) : down;
        const T *row[8];
        T sums[BP_MOST_SUMS];
#pragma GCC unroll 8
        for (int j = 0; j < down; j++) row[j] = rows + (r + (j < here ? j : here - 1)) * d->ldr;
        F(dot_block)(across, down, chains, d, row, sums);
        for (int i = 0; i < across; i++)
            for (int j = 0; j < here; j++) {
                T *to = c + i * d->cx + j * d->cr;
                *to = d->add ? *to + sums[i * down + j] : sums[i * down + j];
            }
    }
}

#define DOT(across, down, chains) \
    static void F(JOIN(dot, across))(const bp_dot *d) { F(dot)(across, down, chains, d); }
FOR_EACH_DOT(DOT)
#define DOT_ENTRY(across, down, chains) F(JOIN(dot, across)),
static const bp_dot_fn F(dots)[BP_MOST_DOTS + 1] = {NULL, FOR_EACH_DOT(DOT_ENTRY)};

#undef HALVE
#undef LOW_WORDS_OF
#undef HIGH_WORDS_OF
