/* What every CPU of the architecture has: SSE2 on x86-64, 16 registers of 16 bytes. */
#define ISA base
#define SUPPORTED 1
#define VBYTES 16
#define MR 6
#define NV 2
#define WIDE 2
#define CHAINS 12
#define FOR_EACH_WIDE(X) X(1) X(2)
#define FOR_EACH_NARROW(X) X(3) X(4) X(5) X(6)
#define MAX_DOTXF 4
#define FOR_EACH_DOTXF(X) \
    X(1, BP_MATVEC_ROWS, 4) X(2, 4, 1) X(3, 3, 1) X(4, 2, 1)
#if defined(__x86_64__)
#define SQRT_f32(v) __asm__("sqrtps %0, %0" : "+x"(v))
#define SQRT_f64(v) __asm__("sqrtpd %0, %0" : "+x"(v))
#define SQRT(v) JOIN(SQRT, TYPE)(v)
#define STREAM(p, v) __asm__ volatile("movntps %1, %0" : "=m"(*(V *)(p)) : "x"(v))
#endif
#include "isa.tmpl.h"
