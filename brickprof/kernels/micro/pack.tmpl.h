/* pack.tmpl.h: packing a panel, for any element type; included by ukr.tmpl.h.
 *
 * A panel holds `count` vectors depth-major, so that the micro-kernel reads it front to back:
 * dst[p * width + i] = src[i * between + p * along]. What lies behind `count` in its width is
 * undefined, and so are up to LANES elements behind its end.
 */

#define QUAD ((int)(16 / sizeof(T)))
#define AHEAD 6 /* lines to fetch ahead of those that are packed */

/* Turn LANES vectors: v[i][j] becomes v[j][i]. */
INLINE void F(turn)(units *v) {
#pragma GCC unroll 8
    for (int g = 0; g < LANES; g += QUAD) {
        if (QUAD == 4)
            turn_words(v + g);
        else
            turn_units(v + g);
    }
#pragma GCC unroll 4
    for (int q = 0; q < QUAD; q++) turn_lanes(v + q, QUAD);
}

/* Vectors whose depth is adjacent, some LANES of them: squares of LANES x LANES are turned. */
INLINE void F(pack_turned)(ptrdiff_t width, int count, ptrdiff_t depth, const T *src,
                           ptrdiff_t between, T *dst) {
    const T *row[LANES];
    ptrdiff_t p = 0;
    for (int i = 0; i < LANES; i++) row[i] = src + (i < count ? i : count - 1) * between;
    for (; p + LANES <= depth; p += LANES) {
        units square[LANES];
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) {
            square[i] = (units)*(const V *)(row[i] + p);
            __builtin_prefetch(row[i] + p + AHEAD * LINE);
        }
        F(turn)(square);
#pragma GCC unroll 16
        for (int j = 0; j < LANES; j++) *(V *)(dst + (p + j) * width) = (V)square[j];
    }
    for (; p < depth; p++)
        for (int i = 0; i < count; i++) dst[p * width + i] = row[i][p];
}

/* Vectors that lie side by side. */
INLINE void F(pack_copied)(ptrdiff_t width, ptrdiff_t count, ptrdiff_t depth, const T *src,
                           ptrdiff_t along, T *dst) {
    const ptrdiff_t whole = count / LANES * LANES;
    for (ptrdiff_t p = 0; p < depth; p++, src += along, dst += width) {
        for (ptrdiff_t i = 0; i < whole; i += LANES) {
            *(V *)(dst + i) = *(const V *)(src + i);
            __builtin_prefetch(src + i + AHEAD * LINE);
        }
        if (whole < count) {
            const M(MASK) mask = MASK_OF((int)(count - whole));
            *(V *)(dst + whole) = MASK_LOAD(src + whole, mask);
        }
    }
}

static void F(pack)(ptrdiff_t width, ptrdiff_t count, ptrdiff_t depth, const void *from,
                    ptrdiff_t between, ptrdiff_t along, void *to) {
    const T *src = (const T *)from;
    T *dst = (T *)to;
    if (along == 1 && count > 1) {
        /* The last group first: what it writes too far is written over. */
        for (ptrdiff_t i = (count - 1) / LANES * LANES; i >= 0; i -= LANES)
            F(pack_turned)(width, (int)(count - i < LANES ? count - i : LANES), depth,
                           src + i * between, between, dst + i);
    } else if (between == 1 && count > 1) {
        F(pack_copied)(width, count, depth, src, along, dst);
    } else {
        for (ptrdiff_t p = 0; p < depth; p++)
            for (ptrdiff_t i = 0; i < width; i++)
                dst[p * width + i] = i < count ? src[i * between + p * along] : (T)0;
    }
}

#undef QUAD
#undef AHEAD
