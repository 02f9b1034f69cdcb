/* AVX2 with FMA: 12 of 16 registers hold a 6 x 2-vector block of C. */
#if defined(__x86_64__)
#define ISA avx2
#define TARGET "avx2,fma"
#define SUPPORTED (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define VBYTES 32
#define MR 6
#define NV 2
#define CHAINS 12
#include "isa.tmpl.h"
#endif
