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
#include "isa.tmpl.h"
