"""Solve Poisson's equation on a square with conjugate gradients."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import cg

N = 120

line = sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(N, N))
same = sparse.eye_array(N)
square = sparse.csr_array(sparse.kron(line, same) + sparse.kron(same, line))
right = np.ones(N * N) / (N + 1) ** 2

steps = []
solution, failed = cg(square, right, rtol=1e-8, callback=steps.append)
print(f"failed: {failed}, steps: {len(steps)}, middle: {solution[N * N // 2 + N // 2]:.5f}")
