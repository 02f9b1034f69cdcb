/* elementwise.tmpl.h: norms, gates and rotary embeddings of single vectors; float32, any vector
 * width. Needs exp2_of, splat and sum_of of softmax.tmpl.h. See micro_kernels.h. */

#define LANES ((int)(VBYTES / sizeof(float)))
#define CHAIN 4

static void rms_norm(const float *x, const float *weight, float *out, ptrdiff_t n, float eps) {
    V squares[CHAIN] = {{0}};
    ptrdiff_t j = 0;
    for (; j + CHAIN * LANES <= n; j += CHAIN * LANES)
        for (int c = 0; c < CHAIN; c++) {
            const V v = *(const V *)(x + j + c * LANES);
            squares[c] += v * v;
        }
    float sum = sum_of((squares[0] + squares[1]) + (squares[2] + squares[3]));
    for (; j < n; j++) sum += x[j] * x[j];
    const float scale = 1.0f / sqrtf(sum / (float)n + eps);
    for (j = 0; j + LANES <= n; j += LANES)
        *(V *)(out + j) = *(const V *)(x + j) * scale * *(const V *)(weight + j);
    for (; j < n; j++) out[j] = x[j] * scale * weight[j];
}

/* gate / (1 + exp(-gate)) * up, with the exponential of what is not positive. */
static inline V swiglu_of(V gate, V up) {
    const I negative = gate < 0.0f;
    const V size = (V)((I)gate & 0x7fffffff);
    const V e = exp2_of(size * -0x1.715476p+0f);
    const V above = (V)(((I)e & negative) | ((I)splat(1.0f) & ~negative));
    return gate * above / (1.0f + e) * up;
}

static void swiglu(const float *gate, const float *up, float *out, ptrdiff_t n) {
    ptrdiff_t j = 0;
    for (; j + LANES <= n; j += LANES)
        *(V *)(out + j) = swiglu_of(*(const V *)(gate + j), *(const V *)(up + j));
    if (j < n) {
        const size_t left = (size_t)(n - j) * sizeof(float);
        V g = {0}, u = {0};
        memcpy(&g, gate + j, left);
        memcpy(&u, up + j, left);
        g = swiglu_of(g, u);
        memcpy(out + j, &g, left);
    }
}

static void rotate(const float *x, const float *cosine, const float *sine, float *out,
                   ptrdiff_t half) {
    ptrdiff_t j = 0;
    for (; j + LANES <= half; j += LANES) {
        const V a = *(const V *)(x + j), b = *(const V *)(x + half + j);
        const V c = *(const V *)(cosine + j), s = *(const V *)(sine + j);
        *(V *)(out + j) = a * c - b * s;
        *(V *)(out + half + j) = b * c + a * s;
    }
    for (; j < half; j++) {
        const float a = x[j], b = x[half + j];
        out[j] = a * cosine[j] - b * sine[j];
        out[half + j] = b * cosine[j] + a * sine[j];
    }
}

#undef LANES
#undef CHAIN
