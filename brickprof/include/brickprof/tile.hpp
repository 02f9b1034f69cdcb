// For kernels in C++: a tile that stops at the end of its scope. See brickprof/tile.h.
#ifndef BRICKPROF_TILE_HPP
#define BRICKPROF_TILE_HPP

#include <cstdint>
#include <type_traits>

#include "brickprof/tile.h"

// A tile that is no variable ends where it began; C++20 has a warning for that.
#if __cplusplus >= 201703L && defined(__has_cpp_attribute)
#if __has_cpp_attribute(nodiscard) >= 201907L
#define BRICKPROF_NODISCARD [[nodiscard]]
#endif
#endif
#ifndef BRICKPROF_NODISCARD
#define BRICKPROF_NODISCARD
#endif

namespace brickprof {

enum class level : int { macro = BP_MACRO, midi = BP_MIDI, micro = BP_MICRO };

// A number of rows, elements, flops or bytes, of any type of whole numbers, signed or not: loops count
// in int, std::size_t and std::ptrdiff_t. Floating point is refused.
class count {
public:
    template <typename T, typename std::enable_if<std::is_convertible<T, std::uint64_t>::value &&
                                                      !std::is_floating_point<T>::value,
                                                  int>::type = 0>
    BP_HOT constexpr count(T value) noexcept : value_(static_cast<std::uint64_t>(value)) {}

    BP_HOT constexpr operator std::uint64_t() const noexcept { return value_; }

private:
    std::uint64_t value_;
};

// A tile from its construction to the end of its scope, also where an exception leaves that. It never
// throws, and with a recorder that is null, which is that of a profiler that is off, it does nothing.
// Negative numbers are misuse, which the profiler raises as TileNestingError when the recorder is handed
// back, and are taken for 0; but -1 is BP_UNDECLARED as the bytes of work.
//
// It can be neither copied nor moved: tiles of a thread end in the reverse order of their starts, as
// scopes do, and a recorder is one thread's. Each thread of a team makes tiles with its own recorder.
class tile {
public:
    BRICKPROF_NODISCARD BP_HOT tile(bp_recorder *recorder, level at, count row, count col) noexcept
        : recorder_(recorder) {
        const bool wrong = negative(std::uint64_t{row} | std::uint64_t{col});
        bp_start(recorder_, static_cast<int>(at), wrong ? count(0) : row, wrong ? count(0) : col);
    }

    tile(const tile &) = delete;
    tile &operator=(const tile &) = delete;

    BP_HOT ~tile() { stop(); }

    // Declare the work that the tile does, at any time before its end. nbytes are those between the
    // level's cache and the core.
    BP_HOT void work(count elements, count flops, count nbytes = BP_UNDECLARED) noexcept {
        elements_ = elements, flops_ = flops, nbytes_ = nbytes, split_ = false;
    }

    // The same with the bytes that are loaded and those that are stored, which are both known.
    BP_HOT void work_split(count elements, count flops, count loaded, count stored) noexcept {
        elements_ = elements, flops_ = flops, nbytes_ = loaded, stored_ = stored, split_ = true;
    }

    // Stop the tile before the end of its scope, which then does nothing.
    BP_HOT void stop() noexcept {
        if (split_)
            bp_stop_split(recorder_, elements_, flops_, nbytes_, stored_);
        else if (negative(elements_ | flops_ | (nbytes_ == BP_UNDECLARED ? 0 : nbytes_)))
            bp_stop(recorder_, 0, 0, 0);
        else
            bp_stop(recorder_, elements_, flops_, nbytes_);
        recorder_ = nullptr;
    }

private:
    // Tell whether one of the numbers whose bits these are was negative, and note it.
    BP_HOT bool negative(std::uint64_t bits) noexcept {
        if (BP_LIKELY(!(bits >> 63))) return false;
        bp_note_negative(recorder_);
        return true;
    }

    bp_recorder *recorder_;
    std::uint64_t elements_ = 0, flops_ = 0, nbytes_ = BP_UNDECLARED, stored_ = 0;
    bool split_ = false;
};

} // namespace brickprof

#undef BRICKPROF_NODISCARD
#endif
