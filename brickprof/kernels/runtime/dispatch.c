/* dispatch.c: the table of instruction sets. */
#include "dispatch.h"

const bp_isa *const bp_isas[] = {
#if defined(__x86_64__)
    &bp_isa_avx512,
    &bp_isa_avx2,
#elif defined(__aarch64__)
    &bp_isa_neon,
#endif
    &bp_isa_base,
    NULL,
};
