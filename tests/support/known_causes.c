/* known_causes.c: small kernels with one known bottleneck each. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define SCALAR __attribute__((noinline, optimize("no-tree-vectorize", "no-tree-slp-vectorize")))
#define APART __attribute__((noinline, optimize("fp-contract=off")))
#define KEEP_MEMORY __asm__ volatile("" ::: "memory")
typedef float vector __attribute__((vector_size(64), aligned(4)));

SCALAR void scalar(const float *x, float *y, long n, long repeats) {
    for (long r = 0; r < repeats; r++) {
        for (long i = 0; i < n; i++) {
            float v = x[i], p = 0.5f;
            for (int d = 0; d < 8; d++) p = p * v + 0.25f;
            y[i] = p;
        }
        KEEP_MEMORY;
    }
}

SCALAR float one_accumulator(const float *x, const float *y, long n, long repeats) {
    float s = 0;
    for (long r = 0; r < repeats; r++)
        for (long i = 0; i < n; i++) s += x[i] * y[i];
    return s;
}

float one_vector_accumulator(const float *x, const float *y, long n, long repeats) {
    vector s = {0};
    for (long r = 0; r < repeats; r++)
        for (long i = 0; i + 16 <= n; i += 16) s += *(const vector *)(x + i) * *(const vector *)(y + i);
    return s[0];
}

APART void no_fma(const float *x, float *y, long n, long repeats) {
    for (long r = 0; r < repeats; r++) {
        for (long i = 0; i < n; i++) {
            float v = x[i], p = 0.5f;
            for (int d = 0; d < 8; d++) p = p * v + 0.25f;
            y[i] = p;
        }
        KEEP_MEMORY;
    }
}

void division(const float *x, float *y, long n, long repeats) {
    for (long r = 0; r < repeats; r++) {
        for (long i = 0; i < n; i++) y[i] = 1.5f / x[i];
        KEEP_MEMORY;
    }
}

void exponential(const float *x, float *y, long n, long repeats) {
    for (long r = 0; r < repeats; r++) {
        for (long i = 0; i < n; i++) y[i] = expf(x[i]);
        KEEP_MEMORY;
    }
}

SCALAR long branches(const int *x, long n, long repeats) {
    long s = 0;
    for (long r = 0; r < repeats; r++)
        for (long i = 0; i < n; i++) {
            if (x[i] & 1) {
                s += x[i];
                KEEP_MEMORY;
            } else {
                s -= 3;
                KEEP_MEMORY;
            }
        }
    return s;
}

const void *chase(const void **at, long loads) {
    for (long i = 0; i < loads; i++) at = (const void **)*at;
    return at;
}

float columns(const float *x, long rows, long columns) {
    float s = 0;
    for (long j = 0; j < columns; j++)
        for (long i = 0; i < rows; i++) s += x[i * columns + j];
    return s;
}

void gather(const float *x, const int *index, float *y, long n) {
    for (long i = 0; i < n; i++) y[i] += x[index[i]];
}

void update(float *y, long n, long repeats) {
    for (long r = 0; r < repeats; r++) {
        for (long i = 0; i < n; i++) y[i] *= 0.5f;
        KEEP_MEMORY;
    }
}

void fill(float *y, long n, long repeats, float value) {
    for (long r = 0; r < repeats; r++) {
        for (long i = 0; i < n; i++) y[i] = value;
        KEEP_MEMORY;
    }
}

void copy(const float *x, float *y, long n, long repeats) {
    for (long r = 0; r < repeats; r++) {
        for (long i = 0; i < n; i += 16) *(vector *)(y + i) = *(const vector *)(x + i);
        KEEP_MEMORY;
    }
}

void triad(const float *x, const float *y, float *z, long n) {
    for (long i = 0; i < n; i++) z[i] = x[i] + 3.0f * y[i];
}

float passes(const float *x, long n, long repeats) {
    vector s[8] = {{0}};
    for (long r = 0; r < repeats; r++)
        for (long i = 0; i + 128 <= n; i += 128)
            for (int j = 0; j < 8; j++) s[j] += *(const vector *)(x + i + 16 * j);
    return s[0][0] + s[1][1] + s[2][2] + s[3][3] + s[4][4] + s[5][5] + s[6][6] + s[7][7];
}

void healthy(long repeats, float *out) {
    vector s[24], by = {0}, plus = {0};
    by += 0.5f, plus += 1.0f;
    for (int j = 0; j < 24; j++) s[j] = plus;
    for (long r = 0; r < repeats; r++) {
#pragma GCC unroll 24
        for (int j = 0; j < 24; j++) s[j] = s[j] * by + plus;
        __asm__ volatile("" : "+v"(by));
    }
    for (int j = 0; j < 24; j++) *out += s[j][0];
}

void shared_counter(volatile int64_t *counter, long n) {
    for (long i = 0; i < n; i++) *counter += 1;
}
