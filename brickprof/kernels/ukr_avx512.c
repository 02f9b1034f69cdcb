/* AVX-512: 28 of 32 registers hold a 14 x 2-vector block of C. */
#if defined(__x86_64__)
#define ISA avx512
#define TARGET "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"
#define SUPPORTED                                                                         \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&           \
     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&          \
     __builtin_cpu_supports("fma"))
#define VBYTES 64
#define MR 14
#define NV 2
#define CHAINS 24
#include "isa.tmpl.h"
#endif
