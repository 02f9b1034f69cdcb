/* low_precision.h: probes of the peaks of element types that kernels do not take. */
#ifndef BRICKPROF_LOW_PRECISION_H
#define BRICKPROF_LOW_PRECISION_H

#include "micro_kernels.h"

/* Does `steps` rounds of independent multiply-adds and returns their operations. */
typedef uint64_t (*bp_peak_fn)(uint64_t steps);

/* Return the probe of an element type, or NULL where this processor, or the compiler of this file,
 * has no instructions of the named instruction set that multiply in it. */
bp_peak_fn bp_low_precision_peak(const char *isa, bp_dtype dtype);

#endif
