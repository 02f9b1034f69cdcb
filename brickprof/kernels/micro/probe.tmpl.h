/* probe.tmpl.h: what roofs are measured with; included by gemm.tmpl.h. */

static uint64_t F(peak)(uint64_t steps) {
    V acc[CHAINS], by, plus;
    for (int j = 0; j < LANES; j++) by[j] = (T_ACC)0.5, plus[j] = (T_ACC)1;
    /* KEEP makes the chains differ for the compiler, which would otherwise compute one of them. */
#pragma GCC unroll 32
    for (int i = 0; i < CHAINS; i++) {
        acc[i] = plus;
        KEEP(acc[i]);
    }
    for (uint64_t s = 0; s < steps; s++) {
#pragma GCC unroll 32
        for (int i = 0; i < CHAINS; i++) acc[i] = acc[i] * by + plus;
        KEEP(by);
    }
#pragma GCC unroll 32
    for (int i = 0; i < CHAINS; i++) KEEP(acc[i]);
    return steps * 2 * CHAINS * LANES;
}

/* One pass of four loads an iteration: the loop of LIKWID's load benchmarks, called once a pass as there,
 * so that figures can be held side by side. Nothing is computed, the loads are merely kept. */
static uint64_t F(load)(const void *data, size_t bytes) {
    const size_t stride = 4 * VBYTES, iterations = bytes / stride;
    const T_ACC *at = (const T_ACC *)data;
    for (size_t i = 0; i < iterations; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            const V v = *(const V *)(at + j * LANES);
            KEEP_VALUE(v);
        }
        at += 4 * LANES;
    }
    return iterations * stride;
}

