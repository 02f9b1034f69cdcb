/* timer_truth.c: the same work with tiles around its parts (r is a recorder) and without (r is NULL). */
#include "brickprof/tile.h"

void jacobi(bp_recorder *r, const double *a, double *b, long n, long height, long width) {
    bp_start(r, BP_MACRO, 0, 0);
    for (long i = 1; i + height < n; i += height)
        for (long j = 1; j + width < n; j += width) {
            bp_start(r, BP_MICRO, (uint64_t)i, (uint64_t)j);
            for (long y = i; y < i + height; y++)
                for (long x = j; x < j + width; x++)
                    b[y * n + x] = 0.25 * (a[(y - 1) * n + x] + a[(y + 1) * n + x] +
                                           a[y * n + x - 1] + a[y * n + x + 1]);
            bp_stop(r, (uint64_t)(height * width), (uint64_t)(4 * height * width),
                    (uint64_t)(40 * height * width));
        }
    bp_stop(r, 1, 1, 1);
}

void daxpy(bp_recorder *r, const double *x, double *y, long n, long tiles) {
    bp_start(r, BP_MACRO, 0, 0);
    for (long k = 0; k < tiles; k++) {
        bp_start(r, BP_MICRO, 0, (uint64_t)k);
        for (long i = 0; i < n; i++) y[i] += 1.5 * x[i];
        __asm__ volatile("" ::: "memory");
        bp_stop(r, (uint64_t)n, (uint64_t)(2 * n), (uint64_t)(24 * n));
    }
    bp_stop(r, 1, 1, 1);
}

double chain(bp_recorder *r, long n, long tiles) {
    double sum = 1;
    bp_start(r, BP_MACRO, 0, 0);
    for (long k = 0; k < tiles; k++) {
        bp_start(r, BP_MICRO, 0, (uint64_t)k);
        for (long i = 0; i < n; i++) {
            sum = sum * 0.5 + 1.0;
            __asm__ volatile("" : "+x"(sum));
        }
        bp_stop(r, (uint64_t)n, (uint64_t)(2 * n), (uint64_t)(8 * n));
    }
    bp_stop(r, 1, 1, 1);
    return sum;
}
