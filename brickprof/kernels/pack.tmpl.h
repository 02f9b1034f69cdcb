/* pack.tmpl.h: packing into panels, for any element type. Needs T, F, MR, NR as ukr.tmpl.h does.
 *
 * A panel holds `width` vectors depth-major, so that the micro-kernel reads it front to back. Both
 * orders of the source are copied along its cache lines: rows of the panel in blocks of ROWS that
 * cross all panels, columns through 16-byte transposes.
 */

#define ROWS 8
#define QUAD ((int)(16 / sizeof(T)))

typedef T F(quad) __attribute__((vector_size(16), aligned(sizeof(T)), may_alias));

/* dst[p * width + i] = from[i * between + p * along] for the first w vectors, zeros for the rest. */
static inline void F(pack_any)(int width, int w, ptrdiff_t depth, const T *from, ptrdiff_t between,
                               ptrdiff_t along, T *dst) {
    for (ptrdiff_t p = 0; p < depth; p++)
        for (int i = 0; i < width; i++)
            dst[p * width + i] = i < w ? from[i * between + p * along] : (T)0;
}

/* QUAD vectors that lie along the source's rows, QUAD deep, one 16-byte store for each depth. */
static inline __attribute__((always_inline)) void F(pack_quad)(int width, const T *from,
                                                               ptrdiff_t between, T *dst) {
    F(quad) row[QUAD], out[QUAD];
    for (int i = 0; i < QUAD; i++) row[i] = *(const F(quad) *)(from + i * between);
    TRANSPOSE(row, out);
    for (int p = 0; p < QUAD; p++) *(F(quad) *)(dst + p * width) = out[p];
}

/* A full panel from vectors whose depth is adjacent. */
static inline __attribute__((always_inline)) void F(pack_columns)(
    int width, ptrdiff_t depth, const T *from, ptrdiff_t between, T *dst) {
    const int quads = width / QUAD * QUAD;
    ptrdiff_t p = 0;
    for (; p + QUAD <= depth; p += QUAD) {
#pragma GCC unroll 16
        for (int i = 0; i < quads; i += QUAD)
            F(pack_quad)(width, from + i * between + p, between, dst + p * width + i);
#pragma GCC unroll 16
        for (int i = quads; i < width; i++)
#pragma GCC unroll 4
            for (int q = 0; q < QUAD; q++) dst[(p + q) * width + i] = from[i * between + p + q];
    }
    for (; p < depth; p++)
        for (int i = 0; i < width; i++) dst[p * width + i] = from[i * between + p];
}

/* All full panels from vectors that lie side by side. */
static inline __attribute__((always_inline)) void F(pack_rows)(
    int width, ptrdiff_t panels, ptrdiff_t depth, const T *src, ptrdiff_t along, T *dst) {
    for (ptrdiff_t p0 = 0; p0 < depth; p0 += ROWS) {
        const int rows = depth - p0 < ROWS ? (int)(depth - p0) : ROWS;
        for (ptrdiff_t v = 0; v < panels; v++) {
            const T *from = src + p0 * along + v * width;
            T *to = dst + (v * depth + p0) * width;
            for (int p = 0; p < rows; p++)
                for (int i = 0; i < width; i++) to[p * width + i] = from[p * along + i];
        }
    }
}

static inline __attribute__((always_inline)) void F(pack)(
    int width, ptrdiff_t count, ptrdiff_t depth, const T *src, ptrdiff_t between,
    ptrdiff_t along, T *dst) {
    const ptrdiff_t panels = count / width;
    if (between == 1) {
        F(pack_rows)(width, panels, depth, src, along, dst);
    } else {
        for (ptrdiff_t v = 0; v < panels; v++) {
            const T *from = src + v * width * between;
            T *to = dst + v * width * depth;
            if (along == 1) {
                F(pack_columns)(width, depth, from, between, to);
            } else {
                F(pack_any)(width, width, depth, from, between, along, to);
            }
        }
    }
    if (count % width != 0)
        F(pack_any)(width, (int)(count % width), depth, src + panels * width * between, between,
                    along, dst + panels * width * depth);
}

static void F(pack_a)(ptrdiff_t count, ptrdiff_t depth, const void *src, ptrdiff_t between,
                      ptrdiff_t along, void *dst) {
    F(pack)(MR, count, depth, (const T *)src, between, along, (T *)dst);
}

static void F(pack_b)(ptrdiff_t count, ptrdiff_t depth, const void *src, ptrdiff_t between,
                      ptrdiff_t along, void *dst) {
    F(pack)(NR, count, depth, (const T *)src, between, along, (T *)dst);
}

#undef ROWS
#undef QUAD
