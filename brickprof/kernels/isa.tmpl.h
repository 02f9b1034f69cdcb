/* isa.tmpl.h: everything of one instruction set, from the templates. Needs
 *   ISA        its name,
 *   TARGET     the compiler's target for it, undefined for the baseline,
 *   SUPPORTED  an expression: does this CPU have it,
 *   VBYTES, MR, NV, CHAINS as of ukr.tmpl.h.
 */
#include <math.h>
#include <string.h>

#include "dispatch.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define PRAGMA(x) _Pragma(#x)

/* Keep a vector in a register, changed for all that the compiler knows, or merely used. */
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

#if defined(TARGET) && defined(__clang__)
#define TARGET_CLANG(t) PRAGMA(clang attribute push(__attribute__((target(t))), apply_to = function))
TARGET_CLANG(TARGET)
#elif defined(TARGET)
#define TARGET_GCC(t) PRAGMA(GCC target(t))
#pragma GCC push_options
TARGET_GCC(TARGET)
#endif

#define T float
#define F(name) JOIN(name, f32)
#include "ukr.tmpl.h"
#undef T
#undef F
#define T double
#define F(name) JOIN(name, f64)
#include "ukr.tmpl.h"
#undef T
#undef F
#include "softmax.tmpl.h"

#if defined(TARGET) && defined(__clang__)
#pragma clang attribute pop
#elif defined(TARGET)
#pragma GCC pop_options
#endif

static int supported(void) { return SUPPORTED; }

const bp_isa JOIN(bp_isa, ISA) = {
    TEXT(ISA), supported, 
    {MR, NV * (int)(VBYTES / sizeof(float)), packed_f32, rows_f32, pack_a_f32, pack_b_f32, peak_f32, load_f32},
    {MR, NV * (int)(VBYTES / sizeof(double)), packed_f64, rows_f64, pack_a_f64, pack_b_f64, peak_f64, load_f64},
    softmax, divide, all_finite,
};
