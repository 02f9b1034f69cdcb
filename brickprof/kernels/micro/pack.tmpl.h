/* pack.tmpl.h: packing a micropanel, for any element type; included by gemm.tmpl.h.
 *
 * A micropanel holds `count` vectors depth-major, so that the micro-kernel reads it front to back:
 * dst[p * width + i] = src[i * vector_stride + p * depth_stride]. What lies behind `count` in its
 * width is undefined, and so are up to LANES elements behind its end.
 */

#ifndef WIDENS
#define QUAD ((int)(16 / sizeof(T_IN)))
#define PREFETCH_LINES 6 /* cache lines ahead of those that are packed */

/* Transpose a square of LANES vectors. */
INLINE void F(transpose)(units *v) {
#pragma GCC unroll 8
    for (int g = 0; g < LANES; g += QUAD) {
        if (QUAD == 4)
            transpose_words(v + g);
        else
            transpose_units(v + g);
    }
#pragma GCC unroll 4
    for (int q = 0; q < QUAD; q++) transpose_lanes(v + q, QUAD);
}

/* Vectors whose depth is adjacent, some LANES of them: squares of LANES x LANES are transposed. */
INLINE void F(pack_transposed)(ptrdiff_t width, int count, ptrdiff_t depth, const T_IN *src,
                               ptrdiff_t vector_stride, T_IN *dst) {
    const T_IN *row[LANES];
    ptrdiff_t p = 0;
    for (int i = 0; i < LANES; i++) row[i] = src + (i < count ? i : count - 1) * vector_stride;
    for (; p + LANES <= depth; p += LANES) {
        units square[LANES];
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) {
            square[i] = (units)*(const V *)(row[i] + p);
            __builtin_prefetch(row[i] + p + PREFETCH_LINES * LINE);
        }
        F(transpose)(square);
#pragma GCC unroll 16
        for (int j = 0; j < LANES; j++) *(V *)(dst + (p + j) * width) = (V)square[j];
    }
    for (; p < depth; p++)
        for (int i = 0; i < count; i++) dst[p * width + i] = row[i][p];
}

/* Vectors that lie side by side. */
INLINE void F(pack_copied)(ptrdiff_t width, ptrdiff_t count, ptrdiff_t depth, const T_IN *src,
                           ptrdiff_t depth_stride, T_IN *dst) {
    const ptrdiff_t whole = count / LANES * LANES;
    for (ptrdiff_t p = 0; p < depth; p++, src += depth_stride, dst += width) {
        for (ptrdiff_t i = 0; i < whole; i += LANES) {
            *(V *)(dst + i) = *(const V *)(src + i);
            __builtin_prefetch(src + i + PREFETCH_LINES * LINE);
        }
        if (whole < count) {
            const M(MASK) mask = MASK_OF((int)(count - whole));
            *(V *)(dst + whole) = MASK_LOAD(src + whole, mask);
        }
    }
}
#undef QUAD
#undef PREFETCH_LINES
#endif

/* Vectors of any strides, padded with zeros. */
INLINE void F(pack_elements)(ptrdiff_t width, ptrdiff_t count, ptrdiff_t depth, const T_IN *src,
                             ptrdiff_t vector_stride, ptrdiff_t depth_stride, T_IN *dst) {
    for (ptrdiff_t p = 0; p < depth; p++)
        for (ptrdiff_t i = 0; i < width; i++)
            dst[p * width + i] =
                i < count ? src[i * vector_stride + p * depth_stride] : (T_IN)0;
}

static void F(pack)(ptrdiff_t width, ptrdiff_t count, ptrdiff_t depth, const void *from,
                    ptrdiff_t vector_stride, ptrdiff_t depth_stride, void *to) {
    const T_IN *src = (const T_IN *)from;
    T_IN *dst = (T_IN *)to;
#ifndef WIDENS
    if (depth_stride == 1 && count > 1) {
        /* The last group first: what it writes too far is written over. */
        for (ptrdiff_t i = (count - 1) / LANES * LANES; i >= 0; i -= LANES)
            F(pack_transposed)(width, (int)(count - i < LANES ? count - i : LANES), depth,
                               src + i * vector_stride, vector_stride, dst + i);
        return;
    }
    if (vector_stride == 1 && count > 1) {
        F(pack_copied)(width, count, depth, src, depth_stride, dst);
        return;
    }
#endif
    F(pack_elements)(width, count, depth, src, vector_stride, depth_stride, dst);
}
