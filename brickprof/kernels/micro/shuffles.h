/* shuffles.h: shuffles of two vectors of VBYTES bytes, in terms that GCC and Clang share.
 *
 * A unit is 64 bits, a lane 128. LOW_WORDS, HIGH_WORDS, LOW_UNITS and HIGH_UNITS interleave the low or
 * high halves of each lane of a and b; LOW_LANES and HIGH_LANES take every other lane, LOW_HALVES and
 * HIGH_HALVES half of the lanes, of a and then of b.
 */
#if defined(__clang__) || __GNUC__ >= 12
#define PICK(I, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(I, a, b, ...) __builtin_shuffle(a, b, (I){__VA_ARGS__})
#endif

typedef int32_t words __attribute__((vector_size(VBYTES)));
typedef int64_t units __attribute__((vector_size(VBYTES)));

#if VBYTES == 64
#define LOW_WORDS(a, b) \
    PICK(words, a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH_WORDS(a, b) \
    PICK(words, a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW_UNITS(a, b) PICK(units, a, b, 0, 8, 2, 10, 4, 12, 6, 14)
#define HIGH_UNITS(a, b) PICK(units, a, b, 1, 9, 3, 11, 5, 13, 7, 15)
#define LOW_LANES(a, b) PICK(units, a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_LANES(a, b) PICK(units, a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define LOW_HALVES(a, b) PICK(units, a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH_HALVES(a, b) PICK(units, a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#elif VBYTES == 32
#define LOW_WORDS(a, b) PICK(words, a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH_WORDS(a, b) PICK(words, a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_UNITS(a, b) PICK(units, a, b, 0, 4, 2, 6)
#define HIGH_UNITS(a, b) PICK(units, a, b, 1, 5, 3, 7)
#define LOW_LANES(a, b) PICK(units, a, b, 0, 1, 4, 5)
#define HIGH_LANES(a, b) PICK(units, a, b, 2, 3, 6, 7)
#define LOW_HALVES(a, b) (a)
#define HIGH_HALVES(a, b) (b)
#else
#define LOW_WORDS(a, b) PICK(words, a, b, 0, 4, 1, 5)
#define HIGH_WORDS(a, b) PICK(words, a, b, 2, 6, 3, 7)
#define LOW_UNITS(a, b) PICK(units, a, b, 0, 2)
#define HIGH_UNITS(a, b) PICK(units, a, b, 1, 3)
#define LOW_LANES(a, b) (a)
#define HIGH_LANES(a, b) (b)
#define LOW_HALVES(a, b) (a)
#define HIGH_HALVES(a, b) (b)
#endif

#define LANE_COUNT (VBYTES / 16)

/* Transpose 4 x 4 words, or 2 x 2 units, within each lane: v[i] then holds column i of the rows. */
static inline __attribute__((always_inline)) void transpose_words(units *v) {
    const words r0 = (words)v[0], r1 = (words)v[1], r2 = (words)v[2], r3 = (words)v[3];
    const units low01 = (units)LOW_WORDS(r0, r1), low23 = (units)LOW_WORDS(r2, r3);
    const units high01 = (units)HIGH_WORDS(r0, r1), high23 = (units)HIGH_WORDS(r2, r3);
    v[0] = LOW_UNITS(low01, low23);
    v[1] = HIGH_UNITS(low01, low23);
    v[2] = LOW_UNITS(high01, high23);
    v[3] = HIGH_UNITS(high01, high23);
}

static inline __attribute__((always_inline)) void transpose_units(units *v) {
    const units r0 = v[0], r1 = v[1];
    v[0] = LOW_UNITS(r0, r1);
    v[1] = HIGH_UNITS(r0, r1);
}

/* Transpose the lanes of LANE_COUNT vectors that are `stride` from each other. */
static inline __attribute__((always_inline)) void transpose_lanes(units *v, const int stride) {
    if (LANE_COUNT == 4) {
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            const units low = v[i * stride], high = v[(i + 2) * stride];
            v[i * stride] = LOW_HALVES(low, high);
            v[(i + 2) * stride] = HIGH_HALVES(low, high);
        }
    }
#pragma GCC unroll 2
    for (int i = 0; i + 1 < LANE_COUNT; i += 2) {
        const units low = v[i * stride], high = v[(i + 1) * stride];
        v[i * stride] = LOW_LANES(low, high);
        v[(i + 1) * stride] = HIGH_LANES(low, high);
    }
}
