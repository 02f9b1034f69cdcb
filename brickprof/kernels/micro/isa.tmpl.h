/* isa.tmpl.h: everything of one instruction set, from the templates. Needs
 *   ISA        its name,
 *   TARGET     the compiler's target for it, undefined for the baseline,
 *   SUPPORTED  an expression: does this CPU have it,
 *   VBYTES, MR, NV, WIDE, CHAINS as of gemm.tmpl.h and probe.tmpl.h,
 *   FOR_EACH_WIDE(X), FOR_EACH_NARROW(X)  the heights 1 to WIDE and on to MR,
 *   MAX_DOTXF, FOR_EACH_DOTXF(X)  the most vectors of a dotxf and, for 1 to MAX_DOTXF of them, the
 *              rows that are taken at once and the chains of each sum,
 *   and, where it has them, masks, a multiply-add that takes its sum in place, and what
 *              realign.tmpl.h needs.
 */
#include <math.h>
#include <string.h>

#include "micro_kernels.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define PRAGMA(x) _Pragma(#x)

/* Keep a vector in a register: KEEP makes the compiler take it for changed, KEEP_VALUE for used. */
#if defined(__x86_64__)
#define KEEP(v) __asm__ volatile("" : "+v"(v))
#define KEEP_VALUE(v) __asm__ volatile("" : : "v"(v))
#elif defined(__aarch64__)
#define KEEP(v) __asm__ volatile("" : "+w"(v))
#define KEEP_VALUE(v) __asm__ volatile("" : : "w"(v))
#else
#define KEEP(v) __asm__ volatile("" : "+m"(v))
#define KEEP_VALUE(v) __asm__ volatile("" : : "m"(v))
#endif

/* Keep an address in a register: compilers would compute it anew in each iteration. */
#define KEEP_POINTER(p) __asm__("" : "+r"(p))

#define FOR_EACH_HEIGHT(X) FOR_EACH_WIDE(X) FOR_EACH_NARROW(X)

/* Without masks the part of a vector goes through memory. */
#ifndef MASK_LOAD
#define NO_MASKS
#define MASK_f32 int
#define MASK_f64 int
#define MASK_OF(n) (n)
#define MASK_LOAD(p, mask) F(load_part)(p, mask)
#define MASK_STORE(p, mask, v) F(store_part)(p, mask, v)
#endif
#ifndef FMA
#define FMA(c, a, b) ((c) += (a) * (b))
#endif

#include "shuffles.h"

#if defined(TARGET) && defined(__clang__)
#define TARGET_CLANG(t) PRAGMA(clang attribute push(__attribute__((target(t))), apply_to = function))
TARGET_CLANG(TARGET)
#elif defined(TARGET)
#define TARGET_GCC(t) PRAGMA(GCC target(t))
#pragma GCC push_options
TARGET_GCC(TARGET)
#endif

#define T_IN float
#define T_ACC float
#define TYPE f32
#include "gemm.tmpl.h"
#undef T_IN
#undef T_ACC
#undef TYPE
#define T_IN double
#define T_ACC double
#define TYPE f64
#include "gemm.tmpl.h"
#undef T_IN
#undef T_ACC
#undef TYPE
#include "softmax.tmpl.h"
#include "elementwise.tmpl.h"

#if defined(TARGET) && defined(__clang__)
#pragma clang attribute pop
#elif defined(TARGET)
#pragma GCC pop_options
#endif

static int supported(void) { return SUPPORTED; }

const bp_isa JOIN(bp_isa, ISA) = {
    TEXT(ISA), supported, {[BP_FLOAT32] = &micro_kernels_f32, [BP_FLOAT64] = &micro_kernels_f64},
    softmax, negate, exponentials, divide, all_finite, rms_norm, swiglu, rotate,
};
