/* NEON: 20 of 32 registers hold a 10 x 2-vector block of C. */
#if defined(__aarch64__)
#define ISA neon
#define SUPPORTED 1
#define VBYTES 16
#define MR 10
#define NV 2
#define CHAINS 24
#include "isa.tmpl.h"
#endif
