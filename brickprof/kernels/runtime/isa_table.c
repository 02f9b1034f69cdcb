/* isa_table.c: the instruction sets that are compiled in. */
#include "kernels/runtime/isa_table.h"

#define ENTRY(name) extern const bp_isa bp_isa_##name;
#if defined(__x86_64__)
#define FOR_EACH_ISA(X) X(avx512) X(avx2) X(base)
#elif defined(__aarch64__)
#define FOR_EACH_ISA(X) X(neon) X(base)
#else
#define FOR_EACH_ISA(X) X(base)
#endif
FOR_EACH_ISA(ENTRY)

#define ADDRESS(name) &bp_isa_##name,
const bp_isa *const bp_isas[] = {FOR_EACH_ISA(ADDRESS) NULL};
