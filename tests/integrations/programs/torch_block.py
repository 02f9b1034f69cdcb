"""Train one block of a transformer to copy its input."""

import torch
import torch.nn.functional as F
from torch import nn

STEPS, BATCH, SEQ, DIM, HEADS = 5, 2, 32, 64, 4


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.qkv, self.proj = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.up, self.down = nn.Linear(DIM, 4 * DIM), nn.Linear(4 * DIM, DIM)

    def forward(self, x):
        shape = (BATCH, SEQ, HEADS, DIM // HEADS)
        q, k, v = (one.view(shape).transpose(1, 2) for one in self.qkv(self.norm1(x)).chunk(3, -1))
        weights = torch.softmax(q @ k.transpose(-2, -1) / (DIM // HEADS) ** 0.5, -1)
        x = x + self.proj((weights @ v).transpose(1, 2).reshape(x.shape))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


torch.manual_seed(0)
block = Block()
optimizer = torch.optim.SGD(block.parameters(), lr=0.1)
x = torch.randn(BATCH, SEQ, DIM)
for _ in range(STEPS):
    optimizer.zero_grad()
    loss = F.mse_loss(block(x), x)
    loss.backward()
    optimizer.step()
print(f"loss: {loss.item():.3f}")
