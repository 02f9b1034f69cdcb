/* AVX-512: 28 of 32 registers hold a 14 x 2-vector block of C. */
#if defined(__x86_64__)
#include <immintrin.h>

#define ISA avx512
#define TARGET "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"
#define SUPPORTED                                                                         \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&           \
     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&          \
     __builtin_cpu_supports("fma"))
#define VBYTES 64
#define MR 14
#define NV 2
#define WIDE 6
#define CHAINS 24
#define FOR_EACH_WIDE(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define FOR_EACH_NARROW(X) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define MAX_DOTXF 8
#define FOR_EACH_DOTXF(X) \
    X(1, BP_MATVEC_ROWS, 4) X(2, 4, 2) X(3, 4, 2) X(4, 4, 1) X(5, 4, 1) X(6, 4, 1) X(7, 3, 1) X(8, 3, 1)

#define MASK_f32 __mmask16
#define MASK_f64 __mmask8
#define MASK_OF(n) ((M(MASK))((1u << (n)) - 1))
#define LOAD_f32(p, mask) _mm512_maskz_loadu_ps(mask, p)
#define LOAD_f64(p, mask) _mm512_maskz_loadu_pd(mask, p)
#define STORE_f32(p, mask, v) _mm512_mask_storeu_ps(p, mask, (__m512)(v))
#define STORE_f64(p, mask, v) _mm512_mask_storeu_pd(p, mask, (__m512d)(v))
#define MASK_LOAD(p, mask) ((V)JOIN(LOAD, TYPE)(p, mask))
#define MASK_STORE(p, mask, v) JOIN(STORE, TYPE)(p, mask, v)
/* GCC prefers forms that overwrite a factor, and then spills sums. */
#define FMA_f32(c, a, b) __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b))
#define FMA_f64(c, a, b) __asm__("vfmadd231pd %2, %1, %0" : "+v"(c) : "v"(a), "v"(b))
#define FMA(c, a, b) JOIN(FMA, TYPE)(c, a, b)

/* In assembly, since a sanitizer would report the rest of the line as out of bounds. */
#define ALIGNED_LOAD(v, p) __asm__("vmovaps %1, %0" : "=v"(v) : "m"(*(const V *)(p)))
#define FUNNEL_COUNT_f32(n) ((words)_mm512_add_epi32(_mm512_set1_epi32((int)(n)), COUNT_WORDS))
#define FUNNEL_COUNT_f64(n) ((words)_mm512_add_epi64(_mm512_set1_epi64(n), COUNT_UNITS))
#define COUNT_WORDS _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define COUNT_UNITS _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0)
#define FUNNEL_SHIFT_f32(a, b, by) _mm512_permutex2var_ps((__m512)(a), (__m512i)(by), (__m512)(b))
#define FUNNEL_SHIFT_f64(a, b, by) _mm512_permutex2var_pd((__m512d)(a), (__m512i)(by), (__m512d)(b))
#define FUNNEL_COUNT(n) JOIN(FUNNEL_COUNT, TYPE)(n)
#define FUNNEL_SHIFT(a, b, by) ((V)JOIN(FUNNEL_SHIFT, TYPE)(a, b, by))
#define REALIGN_DOTXF 4
#define REALIGN_VECTORS 8
#define SQRT_f32(v) __asm__("vsqrtps %0, %0" : "+v"(v))
#define SQRT_f64(v) __asm__("vsqrtpd %0, %0" : "+v"(v))
#define SQRT(v) JOIN(SQRT, TYPE)(v)
#define STREAM(p, v) __asm__ volatile("vmovntps %1, %0" : "=m"(*(V *)(p)) : "v"(v))
#include "isa.tmpl.h"
#endif
