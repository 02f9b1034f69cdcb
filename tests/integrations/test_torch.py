"""Operations of PyTorch are recorded with the flops that its own counter finds."""

from __future__ import annotations

from typing import Any

import pytest

import brickprof as bp
from brickprof.core.levels import TileLevel

torch = pytest.importorskip("torch")


def mlp() -> Any:
    """Return a step of training of a small network."""
    net = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    return lambda: net(torch.ones(32, 64)).sum().backward()


def convolutions() -> Any:
    """Return a forward and backward pass of convolutions."""
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 4, 3, stride=2))
    return lambda: net(torch.ones(2, 3, 20, 20)).sum().backward()


def attention() -> Any:
    """Return a transformer's layer, forward and backward."""
    layer = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, dropout=0.0)
    return lambda: layer(torch.ones(2, 16, 32)).sum().backward()


@pytest.mark.parametrize("model", [mlp, convolutions, attention])
def test_flops_are_those_of_the_flop_counter(model: Any) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    step = model()
    with FlopCounterMode(display=False) as counter:
        step()
    with bp.auto_instrument(bp.BrickProfiler(clock="manual")) as prof:
        step()
    recorded = sum(prof.tile_stats(level).flops for level in TileLevel)
    assert recorded == counter.get_total_flops() > 0


def test_results_errors_and_names() -> None:
    a = torch.ones(20, 20)
    with bp.auto_instrument() as prof:
        assert torch.equal(a @ a, torch.full((20, 20), 20.0))
        with pytest.raises(RuntimeError):
            a @ torch.ones(3, 3)
    (brick,) = {tile.brick for tile in prof.recording().tiles}
    assert brick is not None
    assert "test_torch.py:" in brick and brick.endswith(" mm")
    info = prof.recording().brick_info(brick)
    assert info.threads_inside == torch.get_num_threads()
    with bp.auto_instrument() as after:
        pass
    a @ a
    assert after.recording().tiles == ()
