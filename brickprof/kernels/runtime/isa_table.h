/* isa_table.h: the instruction sets that are compiled in, best first, NULL at the end; the CPU need
 * not have them. */
#ifndef BRICKPROF_ISA_TABLE_H
#define BRICKPROF_ISA_TABLE_H

#include "kernels/micro/micro_kernels.h"

extern const bp_isa *const bp_isas[];

#endif
