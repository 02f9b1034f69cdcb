/* NEON: 20 of 32 registers hold a 10 x 2-vector block of C. */
#if defined(__aarch64__)
#define ISA neon
#define SUPPORTED 1
#define VBYTES 16
#define MR 10
#define NV 2
#define WIDE 5
#define CHAINS 24
#define FOR_EACH_WIDE(X) X(1) X(2) X(3) X(4) X(5)
#define FOR_EACH_NARROW(X) X(6) X(7) X(8) X(9) X(10)
#define MAX_DOTXF 8
#define FOR_EACH_DOTXF(X) \
    X(1, BP_MATVEC_ROWS, 4) X(2, 4, 2) X(3, 4, 2) X(4, 4, 1) X(5, 4, 1) X(6, 4, 1) X(7, 3, 1) X(8, 3, 1)
#include "isa.tmpl.h"
#endif
