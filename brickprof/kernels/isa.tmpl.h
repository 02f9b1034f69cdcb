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

/* Vectors a and b, their lanes picked by number; those of b count on from a's. */
#if defined(__clang__) || __GNUC__ >= 12
#define PICK(I, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(I, a, b, ...) __builtin_shuffle(a, b, (I){__VA_ARGS__})
#endif

typedef int32_t lanes4 __attribute__((vector_size(16)));
typedef int64_t lanes2 __attribute__((vector_size(16)));

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
#define TRANSPOSE(row, out)                                          \
    do {                                                             \
        const quad_f32 ab = PICK(lanes4, row[0], row[1], 0, 4, 1, 5); \
        const quad_f32 AB = PICK(lanes4, row[0], row[1], 2, 6, 3, 7); \
        const quad_f32 cd = PICK(lanes4, row[2], row[3], 0, 4, 1, 5); \
        const quad_f32 CD = PICK(lanes4, row[2], row[3], 2, 6, 3, 7); \
        out[0] = PICK(lanes4, ab, cd, 0, 1, 4, 5);                   \
        out[1] = PICK(lanes4, ab, cd, 2, 3, 6, 7);                   \
        out[2] = PICK(lanes4, AB, CD, 0, 1, 4, 5);                   \
        out[3] = PICK(lanes4, AB, CD, 2, 3, 6, 7);                   \
    } while (0)
#include "ukr.tmpl.h"
#undef T
#undef F
#undef TRANSPOSE
#define T double
#define F(name) JOIN(name, f64)
#define TRANSPOSE(row, out)                            \
    do {                                               \
        out[0] = PICK(lanes2, row[0], row[1], 0, 2);   \
        out[1] = PICK(lanes2, row[0], row[1], 1, 3);   \
    } while (0)
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
    softmax, negate, divide, all_finite,
};
