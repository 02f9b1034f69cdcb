/* softmax.tmpl.h: one block of an online softmax; float32, any vector width. See micro_kernels.h. */

#define LANES ((int)(VBYTES / sizeof(float)))
#define CHAIN 4 /* vectors in flight where a loop would wait for its own result */

typedef float V __attribute__((vector_size(VBYTES), aligned(sizeof(float)), may_alias));
typedef int32_t I __attribute__((vector_size(VBYTES), aligned(sizeof(float)), may_alias));
typedef uint32_t U __attribute__((vector_size(VBYTES), aligned(sizeof(float)), may_alias));

static inline V splat(float x) { return x - (V){0}; }

static inline V larger(V a, V b) {
    const I a_wins = a > b;
    return (V)(((I)a & a_wins) | ((I)b & ~a_wins));
}

/* 2**x for x <= 0 or NaN, flushed to 0 under 2**-126. The power is split at the nearest integer by
 * adding 1.5 * 2**23, which leaves it in the low bits; the rest is a polynomial fitted for least
 * relative error (2e-9 before rounding). */
static inline V exp2_of(V x) {
    const float shift = 12582912.0f;
    const V shifted = x + shift;
    const V r = x - (shifted - shift);
    const V power = (V)(((U)shifted << 23) + 0x3f800000u); /* unsigned: it wraps around */
    V y = splat(0x1.41d332p-13f);
    y = y * r + 0x1.5f456ap-10f;
    y = y * r + 0x1.3b2dbcp-7f;
    y = y * r + 0x1.c6aed4p-5f;
    y = y * r + 0x1.ebfbdap-3f;
    y = y * r + 0x1.62e430p-1f;
    y = y * r + 1.0f;
    return (V)((I)(y * power) & ~(I)(x < -126.0f));
}

static inline float largest_of(V v) {
    float most = v[0];
    for (int i = 1; i < LANES; i++) most = v[i] > most ? v[i] : most;
    return most;
}

static inline float sum_of(V v) {
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += v[i];
    return sum;
}

/* Hide a row's scores from `visible` on, and return the largest of the others. */
static inline float hide_and_find_largest(float *s, ptrdiff_t visible, ptrdiff_t padded) {
    V most[CHAIN];
    ptrdiff_t j = 0;
    for (int c = 0; c < CHAIN; c++) most[c] = splat(-INFINITY);
    for (; j + CHAIN * LANES <= visible; j += CHAIN * LANES)
        for (int c = 0; c < CHAIN; c++) most[c] = larger(*(V *)(s + j + c * LANES), most[c]);
    for (; j + LANES <= visible; j += LANES) most[0] = larger(*(V *)(s + j), most[0]);
    for (int c = 1; c < CHAIN; c++) most[0] = larger(most[c], most[0]);
    float m = largest_of(most[0]);
    for (; j < visible; j++) m = s[j] > m ? s[j] : m;
    for (; j < padded; j++) s[j] = -INFINITY;
    return m;
}

static void softmax(const bp_softmax_block *b) {
    const ptrdiff_t padded = (b->keys + LANES - 1) / LANES * LANES;
    for (int r = 0; r < b->rows; r++) {
        float *s = b->scores + r * b->ld, *out = b->out + r * b->out_ld, scale = b->scale;
        ptrdiff_t visible = b->visible + r * (ptrdiff_t)b->step;
        visible = visible < 0 ? 0 : visible > b->keys ? b->keys : visible;
        if (visible == 0) {
            memset(s, 0, (size_t)padded * sizeof *s);
            continue;
        }
        if (scale == 0.0f) {
            /* Zero times the -inf of a hidden key, or of no maximum yet, would be NaN. */
            for (ptrdiff_t j = 0; j < visible; j++) s[j] *= scale;
            scale = 1.0f;
        }
        const float here = hide_and_find_largest(s, visible, padded);
        const float before = b->maximum[r], most = here > before ? here : before;
        /* Where all scores are -inf, subtracting their maximum would make NaN of them. */
        const float offset = most == -INFINITY ? 0.0f : most;
        const float rescale = exp2_of(splat((before - offset) * scale))[0];
        V sum = {0};
        for (ptrdiff_t j = 0; j < padded; j += LANES) {
            const V p = exp2_of((*(V *)(s + j) - offset) * scale);
            *(V *)(s + j) = p;
            sum += p;
        }
        b->maximum[r] = most;
        b->sum[r] = b->sum[r] * rescale + sum_of(sum);
        if (rescale != 1.0f)
            for (int j = 0; j < b->width; j += LANES) *(V *)(out + j) *= rescale;
    }
}

/* Rounds of independent exponentials, the ceiling of a kernel that is made of them. */
static uint64_t exponentials(uint64_t steps) {
    V x[CHAIN], y;
    for (int c = 0; c < CHAIN; c++) x[c] = splat(-0.5f);
    for (uint64_t s = 0; s < steps; s++)
#pragma GCC unroll 4
        for (int c = 0; c < CHAIN; c++) {
            KEEP(x[c]);
            y = exp2_of(x[c] * 0x1.715476p+0f);
            KEEP_VALUE(y);
        }
    return steps * CHAIN * LANES;
}

static void negate(float *data, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) data[i] = -data[i];
}

static void divide(const float *acc, float sum, float *out, ptrdiff_t width) {
    for (ptrdiff_t j = 0; j < width; j++) out[j] = acc[j] / sum;
}

static int all_finite(const float *data, ptrdiff_t rows, ptrdiff_t ld, ptrdiff_t width) {
    float zero = 0;
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = 0; j < width; j++) zero += data[i * ld + j] * 0.0f;
    return zero == 0.0f;
}

#undef LANES
#undef CHAIN
