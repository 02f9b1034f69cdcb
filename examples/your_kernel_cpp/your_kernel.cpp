// Develop a photograph: exposure, clipping and a tone curve, in three passes over it or in one.
#include <algorithm>
#include <cstddef>

#include <brickprof/tile.hpp>

namespace {

using brickprof::level;
using brickprof::tile;

void expose(const float *raw, float *out, std::size_t pixels, float black, float gain) {
    for (std::size_t i = 0; i < pixels; i++) out[i] = gain * (raw[i] - black);
}

void clip(float *out, std::size_t pixels) {
    for (std::size_t i = 0; i < pixels; i++) out[i] = std::min(std::max(out[i], 0.0f), 1.0f);
}

void curve(float *out, std::size_t pixels) {
    for (std::size_t i = 0; i < pixels; i++) out[i] = out[i] * out[i] * (3 - 2 * out[i]);
}

} // namespace

// What Python calls by ctypes. A recorder is what brickprof.recorder_address tells, null for none. A C++
// exception must not leave for Python: none is thrown here.
extern "C" {

// A tile for each step, which goes over the whole photograph.
void develop_in_steps(bp_recorder *recorder, const float *raw, float *out, std::size_t pixels,
                      float black, float gain) {
    const std::size_t bytes = pixels * sizeof(float);
    {
        tile step(recorder, level::macro, 0, 0);
        step.work_split(pixels, 2 * pixels, bytes, bytes); // elements, flops, loaded, stored
        expose(raw, out, pixels, black, gain);
    }
    {
        tile step(recorder, level::macro, 1, 0);
        step.work_split(pixels, 2 * pixels, bytes, bytes);
        clip(out, pixels);
    }
    {
        tile step(recorder, level::macro, 2, 0);
        step.work_split(pixels, 4 * pixels, bytes, bytes);
        curve(out, pixels);
    }
}

// All steps for a pixel while it is in a register.
void develop_fused(bp_recorder *recorder, const float *raw, float *out, std::size_t pixels,
                   float black, float gain) {
    const std::size_t bytes = pixels * sizeof(float);
    tile all(recorder, level::macro, 0, 0);
    all.work_split(pixels, 8 * pixels, bytes, bytes);
    for (std::size_t i = 0; i < pixels; i++) {
        const float light = std::min(std::max(gain * (raw[i] - black), 0.0f), 1.0f);
        out[i] = light * light * (3 - 2 * light);
    }
}

} // extern "C"
