"""Train a small network on the two moons with NumPy alone."""

import numpy as np

STEPS, ROWS, HIDDEN = 200, 2000, 64

rng = np.random.default_rng(0)
angle = rng.uniform(0, np.pi, ROWS)
label = np.arange(ROWS) % 2
x = np.column_stack([np.cos(angle), np.sin(angle)])
x[label == 1] = [1, 0.5] - x[label == 1]
x += rng.normal(0, 0.1, x.shape)
y = label[:, None].astype(float)

w1, b1 = rng.normal(0, 1, (2, HIDDEN)), np.zeros(HIDDEN)
w2, b2 = rng.normal(0, 0.1, (HIDDEN, 1)), np.zeros(1)

for _ in range(STEPS):
    hidden = np.tanh(x @ w1 + b1)
    out = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    error = (out - y) / ROWS
    grad_w2 = hidden.T @ error
    grad_hidden = (error @ w2.T) * (1 - hidden**2)
    grad_w1 = x.T @ grad_hidden
    w2 -= 5 * grad_w2
    b2 -= 5 * error.sum(axis=0)
    w1 -= 5 * grad_w1
    b1 -= 5 * grad_hidden.sum(axis=0)

print(f"right: {np.mean((out > 0.5) == (y > 0.5)):.3f}")
