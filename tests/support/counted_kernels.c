/* Functions whose operations and bytes are known by hand, each called once with N elements. */

#include <immintrin.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 1000, EDGE = 24, LARGE = 1 << 17 };
#define OWN __attribute__((noinline, noclone, noipa)) 

static float a[N], b[N], c[EDGE * EDGE], d[EDGE * EDGE], e[EDGE * EDGE];
static double x[N], y[N];
static int i[N];

OWN float dot_float(void) { float s = 0; for (int k = 0; k < N; k++) s += a[k] * b[k]; return s; }
OWN double dot_double(void) { double s = 0; for (int k = 0; k < N; k++) s += x[k] * y[k]; return s; }
OWN void axpy(float t) { for (int k = 0; k < N; k++) b[k] += t * a[k]; }
OWN void stencil(void) { for (int k = 1; k < N - 1; k++) y[k] = (x[k - 1] + x[k] + x[k + 1]) * 0.25; }
OWN void root_and_quotient(void) { for (int k = 0; k < N; k++) y[k] = sqrt(x[k]) / 3.0; }
OWN void least(void) { for (int k = 0; k < N; k++) b[k] = a[k] < b[k] ? a[k] : b[k]; }
OWN void negate(void) { for (int k = 0; k < N; k++) b[k] = -a[k]; }
OWN void convert(void) { for (int k = 0; k < N; k++) x[k] = a[k]; }
OWN int integers(void) { int s = 0; for (int k = 0; k < N; k++) s += i[k] * 3 + (k ^ s); return s; }
OWN long double extended(void) { long double s = 0; for (int k = 0; k < N; k++) s += (long double)x[k] * 3; return s; }
OWN void matmul(void) {
    for (int r = 0; r < EDGE; r++)
        for (int k = 0; k < EDGE; k++)
            for (int j = 0; j < EDGE; j++) e[r * EDGE + j] += c[r * EDGE + k] * d[k * EDGE + j];
}
OWN double stream(const double *p) { double s = 0; for (int k = 0; k < LARGE; k++) s += p[k]; return s; }
OWN void updates(volatile int *p) { for (int k = 0; k < N; k++) __asm__ volatile("addl $1, %0" : "+m"(*p)); }
OWN void exchanges(volatile int *p) { for (int k = 0; k < N; k++) __asm__ volatile("lock xaddl %%eax, %0" : "+m"(*p) :: "eax"); }
OWN void copies(char *to, const char *from) {
    size_t n = N;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) :: "memory");
}
OWN void *in_a_thread(void *p) { (void)p; float s = 0; for (int k = 0; k < N; k++) s += a[k] * b[k]; return (void *)(long)s; }
OWN float before_and_after_fork(int n) { float s = 0; for (int k = 0; k < n; k++) s += a[k] * b[k]; return s; }

#ifdef __AVX2__
OWN float fused_vectors(void) {
    __m256 s = _mm256_setzero_ps();
    for (int k = 0; k < N; k += 8) s = _mm256_fmadd_ps(_mm256_loadu_ps(a + k), _mm256_loadu_ps(b + k), s);
    return s[0];
}
/* Three of eight elements are under the mask; the fused operation is the next instruction. */
OWN float masked(__m256i mask) {
    __m256 s = _mm256_setzero_ps();
    for (int k = 0; k < N; k += 8)
        __asm__ volatile("vmaskmovps (%1), %2, %%ymm7\n\tvfmadd231ps %%ymm7, %%ymm7, %0\n\t"
                         "vmaskmovps %%ymm7, %2, (%1)\n\tvaddss %%xmm0, %%xmm0, %%xmm7"
                         : "+x"(s) : "r"(a + k), "x"(mask) : "xmm7", "memory");
    return s[0];
}
OWN float gathered(void) {
    __m256 s = _mm256_setzero_ps();
    __m256i places = _mm256_set_epi32(0, 8, 16, 24, 32, 40, 48, 56), all = _mm256_set1_epi32(-1);
    for (int k = 0; k < 100; k++)
        s = _mm256_add_ps(s, _mm256_mask_i32gather_ps(s, a + k, places, _mm256_castsi256_ps(all), 4));
    return s[0];
}
OWN float horizontal(void) {
    __m128 s = _mm_setzero_ps();
    for (int k = 0; k < N; k += 4) s = _mm_add_ss(_mm_dp_ps(_mm_loadu_ps(a + k), s, 0x71), _mm_hadd_ps(s, s));
    return s[0];
}
#endif

/* mulss %xmm1, %xmm0; ret: code that is in no file. */
OWN float made_at_run_time(void) {
    static const unsigned char code[] = {0xf3, 0x0f, 0x59, 0xc1, 0xc3};
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    float s = 1;
    memcpy(page, code, sizeof(code));
    for (int k = 0; k < N; k++) s = ((float (*)(float, float))(void *)page)(s, 1.5f);
    return s;
}

int main(int count, char **arguments) {
    double *large = aligned_alloc(64, LARGE * sizeof(double));
    float sum = 0;
    volatile int cell = 0;
    pthread_t threads[2];
    for (int k = 0; k < N; k++) a[k] = b[k] = k, x[k] = y[k] = k, i[k] = k;
    for (int k = 0; k < EDGE * EDGE; k++) c[k] = d[k] = k;
    for (int k = 0; k < LARGE; k++) large[k] = k;
    sum += dot_float() + dot_double() + integers() + (float)extended() + (float)stream(large);
    axpy(2), stencil(), root_and_quotient(), least(), negate(), convert(), matmul();
    updates(&cell), exchanges(&cell), copies((char *)x, (const char *)y);
#ifdef __AVX2__
    sum += fused_vectors() + masked(_mm256_set_epi32(0, 0, 0, 0, 0, -1, -1, -1)) + gathered() + horizontal();
#endif
    sum += made_at_run_time();
    for (int k = 0; k < 2; k++) pthread_create(&threads[k], NULL, in_a_thread, NULL);
    for (int k = 0; k < 2; k++) pthread_join(threads[k], NULL);
    sum += before_and_after_fork(700);
    if (!fork()) { sum += before_and_after_fork(20); exit(sum == 0); }
    wait(NULL);
    sum += before_and_after_fork(3);
    printf("%s %d\n", count > 1 ? arguments[1] : "", sum != 0);
    return count > 2 ? 7 : 0;
}
