/* shift.tmpl.h: a row of any alignment, read by aligned loads; included by ukr.tmpl.h where the
 * instruction set shifts two vectors by a number of elements that it learns at run time.
 *
 * A load as wide as a cache line takes two lines unless it is aligned, and then cannot keep up with
 * L3 or memory. A line's bytes beyond the row's ends may be loaded; nothing comes of them.
 */

typedef struct F(shifted) {
    const T *from;
    V held;
    words by;
} F(shifted);

INLINE int F(any_unaligned)(const T *const *row, const int rows) {
    uintptr_t together = 0;
#pragma GCC unroll 8
    for (int j = 0; j < rows; j++) together |= (uintptr_t)row[j];
    return together % VBYTES != 0;
}

INLINE F(shifted) F(shifted_from)(const T *row) {
    const ptrdiff_t before = (ptrdiff_t)((uintptr_t)row / sizeof(T)) % LANES;
    F(shifted) s = {row - before, {0}, SHIFT_BY(before)};
    ALIGNED_LOAD(s.held, s.from);
    return s;
}

/* The vector at p of the row; all before must have been taken, and p + LANES be in the row. */
INLINE V F(shifted_next)(F(shifted) *s, ptrdiff_t p) {
    V next, here;
    ALIGNED_LOAD(next, s->from + p + LANES);
    here = SHIFT(s->held, next, s->by);
    s->held = next;
    return here;
}
