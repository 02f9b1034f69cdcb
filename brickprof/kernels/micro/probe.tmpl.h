/* probe.tmpl.h: what roofs are measured with; included by gemm.tmpl.h. */

/* Rounds of multiply-adds in independent chains of a vector or scalar type; returns their flops. KEEP
 * makes the chains differ for the compiler, which would otherwise compute one of them, and in each
 * round keeps scalars from being joined to vectors. */
#define MULTIPLY_ADDS(name, T, lanes, chains, KEEP_ROUND)                                  \
    static uint64_t F(name)(uint64_t steps) {                                              \
        T acc[chains], by = {0}, plus = {0};                                               \
        by += (T_ACC)0.5, plus += (T_ACC)1;                                                \
        _Pragma("GCC unroll 32") for (int i = 0; i < (chains); i++) {                      \
            acc[i] = plus;                                                                 \
            KEEP(acc[i]);                                                                  \
        }                                                                                  \
        for (uint64_t s = 0; s < steps; s++) {                                             \
            _Pragma("GCC unroll 32") for (int i = 0; i < (chains); i++) {                  \
                acc[i] = acc[i] * by + plus;                                               \
                KEEP_ROUND(acc[i]);                                                        \
            }                                                                              \
            KEEP(by);                                                                      \
        }                                                                                  \
        _Pragma("GCC unroll 32") for (int i = 0; i < (chains); i++) KEEP(acc[i]);          \
        return steps * 2 * (chains) * (lanes);                                             \
    }
#define KEEP_NOT(v) ((void)0)

MULTIPLY_ADDS(peak, V, LANES, CHAINS, KEEP_NOT)
MULTIPLY_ADDS(scalar, T_ACC, 1, 12, KEEP)
MULTIPLY_ADDS(chain, V, LANES, 1, KEEP)
MULTIPLY_ADDS(scalar_chain, T_ACC, 1, 1, KEEP)
#if VBYTES >= 32
typedef T_ACC F(half_vector) __attribute__((vector_size(VBYTES / 2)));
MULTIPLY_ADDS(half_width, F(half_vector), LANES / 2, 12, KEEP_NOT)
#define HALF_WIDTH F(half_width)
#else
#define HALF_WIDTH NULL
#endif
#if VBYTES >= 64
typedef T_ACC F(quarter_vector) __attribute__((vector_size(VBYTES / 4)));
MULTIPLY_ADDS(quarter_width, F(quarter_vector), LANES / 4, 12, KEEP_NOT)
#define QUARTER_WIDTH F(quarter_width)
#else
#define QUARTER_WIDTH NULL
#endif

/* Rounds of another operation in independent chains. */
#define OPERATIONS(name, T, chains, flops, OPERATION)                                      \
    static uint64_t F(name)(uint64_t steps) {                                              \
        T acc[chains], by = {0}, plus = {0};                                               \
        by += (T_ACC)0.5, plus += (T_ACC)1;                                                \
        _Pragma("GCC unroll 16") for (int i = 0; i < (chains); i++) {                      \
            acc[i] = plus;                                                                 \
            KEEP(acc[i]);                                                                  \
        }                                                                                  \
        for (uint64_t s = 0; s < steps; s++) {                                             \
            _Pragma("GCC unroll 16") for (int i = 0; i < (chains); i++) {                  \
                OPERATION(acc[i]);                                                         \
            }                                                                              \
            KEEP(by);                                                                      \
            KEEP(plus);                                                                    \
        }                                                                                  \
        _Pragma("GCC unroll 16") for (int i = 0; i < (chains); i++) KEEP(acc[i]);          \
        return steps * (flops) * (chains);                                                 \
    }
/* A product that is kept cannot be fused with the sum. */
#define MULTIPLY_THEN_ADD(x) (x) = (x) * by, F(keep)(&(x)), (x) = (x) + plus
#define ADD_PRODUCT(x) F(add_product)(&(x), by, plus)
#define DIVIDE(x) (x) = by / (x)

static inline __attribute__((always_inline)) void F(keep)(V *v) { KEEP(*v); }

/* The product is independent of the sum, which alone is waited for. */
static inline __attribute__((always_inline)) void F(add_product)(T_ACC *sum, T_ACC a, T_ACC b) {
    T_ACC product = a * b;
    KEEP(product);
    *sum += product;
    KEEP(*sum);
}

OPERATIONS(no_fma, V, 12, 2 * LANES, MULTIPLY_THEN_ADD)
OPERATIONS(scalar_add_chain, T_ACC, 1, 2, ADD_PRODUCT)
OPERATIONS(divide_chains, V, 12, LANES, DIVIDE)
#ifdef SQRT
OPERATIONS(sqrt_chains, V, 12, LANES, SQRT)
#define SQUARE_ROOTS F(sqrt_chains)
#else
#define SQUARE_ROOTS NULL
#endif

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

/* One pass of stores, copies from the first half to the second, updates in place, or y += a x with
 * x the first half and y the second; four vectors an iteration, as above. A value that is kept is
 * unknown to the compiler, which would otherwise call memset or memcpy. Return the bytes loaded and
 * stored. */
static uint64_t F(store)(void *data, size_t bytes) {
    const size_t stride = 4 * VBYTES, iterations = bytes / stride;
    T_ACC *at = (T_ACC *)data;
    V v = {0};
    v += (T_ACC)1;
    KEEP(v);
    for (size_t i = 0; i < iterations; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) *(V *)(at + j * LANES) = v;
        at += 4 * LANES;
    }
    return iterations * stride;
}

static uint64_t F(copy)(void *data, size_t bytes) {
    const size_t stride = 4 * VBYTES, iterations = bytes / 2 / stride;
    const T_ACC *from = (const T_ACC *)data;
    T_ACC *to = (T_ACC *)data + iterations * 4 * LANES;
    for (size_t i = 0; i < iterations; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            V v = *(const V *)(from + j * LANES);
            KEEP(v);
            *(V *)(to + j * LANES) = v;
        }
        from += 4 * LANES, to += 4 * LANES;
    }
    return iterations * stride * 2;
}

static uint64_t F(update)(void *data, size_t bytes) {
    const size_t stride = 4 * VBYTES, iterations = bytes / stride;
    T_ACC *at = (T_ACC *)data;
    for (size_t i = 0; i < iterations; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            V v = *(const V *)(at + j * LANES);
            KEEP(v);
            *(V *)(at + j * LANES) = v;
        }
        at += 4 * LANES;
    }
    return iterations * stride * 2;
}

static uint64_t F(daxpy)(void *data, size_t bytes) {
    const size_t stride = 4 * VBYTES, iterations = bytes / 2 / stride;
    const T_ACC *x = (const T_ACC *)data;
    T_ACC *y = (T_ACC *)data + iterations * 4 * LANES;
    V a = {0};
    KEEP(a);
    for (size_t i = 0; i < iterations; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            V v = *(const V *)(y + j * LANES);
            FMA(v, a, *(const V *)(x + j * LANES));
            *(V *)(y + j * LANES) = v;
        }
        x += 4 * LANES, y += 4 * LANES;
    }
    return iterations * stride * 3;
}

/* Non-temporal stores go to memory past the caches; `data` is aligned to a vector. */
#ifdef STREAM
static inline uint64_t F(stream)(void *data, size_t bytes, T_ACC value) {
    const size_t stride = 4 * VBYTES, iterations = bytes / stride;
    T_ACC *at = (T_ACC *)data;
    V v = {0};
    v += value;
    KEEP(v);
    for (size_t i = 0; i < iterations; i++) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) STREAM(at + j * LANES, v);
        at += 4 * LANES;
    }
    __builtin_ia32_sfence();
    return iterations * stride;
}

static uint64_t F(nt_store)(void *data, size_t bytes) { return F(stream)(data, bytes, 1); }

/* Some machines store zeros at twice the rate of other values. */
static uint64_t F(zero_store)(void *data, size_t bytes) { return F(stream)(data, bytes, 0); }
#define NT_STORES F(nt_store), F(zero_store)
#else
#define NT_STORES NULL, NULL
#endif

#define PROBES                                                                             \
    F(peak), F(load), {F(store), F(copy), F(update), F(daxpy), NT_STORES},                  \
    {F(scalar), F(no_fma), F(chain), F(scalar_chain), F(scalar_add_chain), HALF_WIDTH,     \
     QUARTER_WIDTH, F(divide_chains), SQUARE_ROOTS}
