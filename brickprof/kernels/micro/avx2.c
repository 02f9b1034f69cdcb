/* AVX2 with FMA: 12 of 16 registers hold a 6 x 2-vector block of C. */
#if defined(__x86_64__)
#include <immintrin.h>

#define ISA avx2
#define TARGET "avx2,fma"
#define SUPPORTED (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define VBYTES 32
#define MR 6
#define NV 2
#define WIDE 2
#define CHAINS 12
#define FOR_EACH_WIDE(X) X(1) X(2)
#define FOR_EACH_NARROW(X) X(3) X(4) X(5) X(6)
#define MAX_DOTXF 4
#define FOR_EACH_DOTXF(X) \
    X(1, BP_MATVEC_ROWS, 4) X(2, 4, 1) X(3, 3, 1) X(4, 2, 1)

#define MASK_f32 __m256i
#define MASK_f64 __m256i
#define MASK_OF(n)                                                             \
    (sizeof(T_ACC) == 4 ? (__m256i)((__v8si){0, 1, 2, 3, 4, 5, 6, 7} < (int)(n))   \
                    : (__m256i)((__v4di){0, 1, 2, 3} < (long long)(n)))
#define LOAD_f32(p, mask) _mm256_maskload_ps(p, mask)
#define LOAD_f64(p, mask) _mm256_maskload_pd(p, mask)
#define STORE_f32(p, mask, v) _mm256_maskstore_ps(p, mask, (__m256)(v))
#define STORE_f64(p, mask, v) _mm256_maskstore_pd(p, mask, (__m256d)(v))
#define MASK_LOAD(p, mask) ((V)JOIN(LOAD, TYPE)(p, mask))
#define MASK_STORE(p, mask, v) JOIN(STORE, TYPE)(p, mask, v)
/* GCC prefers forms that overwrite a factor, and then spills sums. */
#define FMA_f32(c, a, b) __asm__("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(a), "x"(b))
#define FMA_f64(c, a, b) __asm__("vfmadd231pd %2, %1, %0" : "+x"(c) : "x"(a), "x"(b))
#define FMA(c, a, b) JOIN(FMA, TYPE)(c, a, b)
#define SQRT_f32(v) __asm__("vsqrtps %0, %0" : "+x"(v))
#define SQRT_f64(v) __asm__("vsqrtpd %0, %0" : "+x"(v))
#define SQRT(v) JOIN(SQRT, TYPE)(v)
#define STREAM(p, v) __asm__ volatile("vmovntps %1, %0" : "=m"(*(V *)(p)) : "x"(v))
#include "isa.tmpl.h"
#endif
