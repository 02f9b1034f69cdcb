/* What every CPU of the architecture has: SSE2 on x86-64, 16 registers of 16 bytes. */
#define ISA base
#define SUPPORTED 1
#define VBYTES 16
#define MR 6
#define NV 2
#define CHAINS 12
#include "isa.tmpl.h"
