/* NEON: 24 of 32 registers hold a 12 x 2-vector block of C. */
#if defined(__aarch64__)
#define ISA neon
#define SUPPORTED 1
#define VBYTES 16
#define MR 12
#define NV 2
#define CHAINS 24
#include "isa.tmpl.h"
#endif
