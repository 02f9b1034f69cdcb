"""Let heat spread on a plate, with a stencil that Numba compiles."""

import numba
import numpy as np

N, STEPS = 500, 200


@numba.njit
def step(old, new):
    for i in range(1, old.shape[0] - 1):
        for j in range(1, old.shape[1] - 1):
            new[i, j] = 0.25 * (old[i - 1, j] + old[i + 1, j] + old[i, j - 1] + old[i, j + 1])


plate = np.zeros((N, N))
plate[0] = 100
other = plate.copy()
for _ in range(STEPS):
    step(plate, other)
    plate, other = other, plate
print(f"mean: {plate.mean():.4f}")
