/* realign.tmpl.h: a row of any alignment, read by aligned loads; included by gemm.tmpl.h where the
 * instruction set has a funnel shift of two vectors by a number of elements known only at run time:
 *   ALIGNED_LOAD(v, p)        load an aligned vector,
 *   FUNNEL_COUNT(n)           the count n as FUNNEL_SHIFT takes it,
 *   FUNNEL_SHIFT(a, b, count) elements count to count + LANES - 1 of a and then b,
 *   REALIGN_DOTXF, REALIGN_VECTORS  it pays for up to so many vectors of a dotxf, of at least so many
 *                             vector registers each.
 *
 * A load as wide as a cache line takes two lines unless it is aligned, and then cannot keep up with
 * L3 or memory. A line's bytes beyond the row's ends may be loaded; nothing comes of them.
 */

typedef struct F(realigned) {
    const T_IN *from;
    V held;
    words count;
} F(realigned);

INLINE int F(any_unaligned)(const T_IN *const *row, const int rows) {
    uintptr_t together = 0;
#pragma GCC unroll 8
    for (int j = 0; j < rows; j++) together |= (uintptr_t)row[j];
    return together % VBYTES != 0;
}

INLINE F(realigned) F(realigned_from)(const T_IN *row) {
    const ptrdiff_t before = (ptrdiff_t)((uintptr_t)row / sizeof(T_IN)) % LANES;
    F(realigned) s = {row - before, {0}, FUNNEL_COUNT(before)};
    ALIGNED_LOAD(s.held, s.from);
    return s;
}

/* The vector at p of the row; all before must have been taken, and p + LANES be in the row. */
INLINE V F(realigned_next)(F(realigned) *s, ptrdiff_t p) {
    V next, here;
    ALIGNED_LOAD(next, s->from + p + LANES);
    here = FUNNEL_SHIFT(s->held, next, s->count);
    s->held = next;
    return here;
}
