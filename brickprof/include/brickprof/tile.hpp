// For kernels in C++: a tile that stops at the end of its scope. See brickprof/tile.h.
#ifndef BRICKPROF_TILE_HPP
#define BRICKPROF_TILE_HPP

#include <cstdint>

#include "brickprof/tile.h"

namespace brickprof {

enum class level : int { macro = BP_MACRO, midi = BP_MIDI, micro = BP_MICRO };

// A tile from its construction to the end of its scope, also where an exception leaves that. It never
// throws, and with a recorder that is null, which is that of a profiler that is off, it does nothing.
class tile {
public:
    tile(bp_recorder *recorder, level at, std::uint64_t row, std::uint64_t col) noexcept
        : recorder_(recorder) {
        bp_start(recorder_, static_cast<int>(at), row, col);
    }

    tile(const tile &) = delete;
    tile &operator=(const tile &) = delete;

    // Declare the work that the tile does, at any time before its end.
    void work(std::uint64_t elements, std::uint64_t flops,
              std::uint64_t nbytes = BP_UNDECLARED) noexcept {
        elements_ = elements, flops_ = flops, nbytes_ = nbytes;
    }

    ~tile() { bp_stop(recorder_, elements_, flops_, nbytes_); }

private:
    bp_recorder *recorder_;
    std::uint64_t elements_ = 0, flops_ = 0, nbytes_ = BP_UNDECLARED;
};

} // namespace brickprof

#endif
