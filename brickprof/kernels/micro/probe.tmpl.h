/* probe.tmpl.h: what roofs are measured with; included by ukr.tmpl.h. */

static uint64_t F(peak)(uint64_t steps) {
    V acc[CHAINS], by, plus;
    for (int j = 0; j < LANES; j++) by[j] = (T)0.5, plus[j] = (T)1;
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

/* One pass of four loads a turn: the loop of LIKWID's load benchmarks, called once a pass as there,
 * so that figures can be held side by side. Nothing is computed, the loads are merely kept. */
static uint64_t F(load)(const void *data, size_t bytes) {
    const size_t stride = 4 * VBYTES, turns = bytes / stride;
    const T *at = (const T *)data;
    for (size_t turn = 0; turn < turns; turn++) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const V v = *(const V *)(at + i * LANES);
            KEEP_VALUE(v);
        }
        at += 4 * LANES;
    }
    return turns * stride;
}

