"""PyTorch: products, convolutions and attention as tiles, seen by a dispatch mode, backward too."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from brickprof.integrations._hooks import CallRecorder

_FOLDER = os.path.dirname(torch.__file__) + os.sep
_DTYPES = {
    torch.float64: "float64",
    torch.complex128: "float64",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
    torch.int8: "int8",
}


MAX_SIGNATURES = 10_000
"""Operations with different shapes whose flops are kept: PyTorch's formulas take some 10 µs."""


class TileMode(TorchDispatchMode):
    """Records the operations that PyTorch's own ``FlopCounterMode`` counts, with its flops.

    Parameters
    ----------
    recorder : CallRecorder
        What records them. A dispatch mode is of the thread that enters it.
    """

    def __init__(self, recorder: CallRecorder) -> None:
        super().__init__()
        self._recorder = recorder
        self._flops: dict[Any, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, as a tile if its flops are known."""
        given = kwargs or {}
        if func._overloadpacket not in flop_registry:
            return func(*args, **given)
        tensors = [one for one in (*args, *given.values()) if isinstance(one, torch.Tensor)]
        read = sum(map(_nbytes, tensors))
        dtype = "float32" if not tensors else _DTYPES.get(tensors[0].dtype, "float32")
        frame = _caller()
        code, line = (None, 0) if frame is None else (frame.f_code, frame.f_lineno)
        name, threads = func._overloadpacket.__name__, torch.get_num_threads()
        call = self._recorder.begin(code, line, name, dtype, read, threads)
        if call is None:
            return func(*args, **given)
        try:
            result = func(*args, **given)
        except BaseException:
            call.drop()
            raise
        call.stop()
        made = [one for one in _flat(result) if isinstance(one, torch.Tensor)]
        flops = 0  # of arguments that the formula does not know
        with suppress(Exception):
            flops = self._flops_of(func, args, given, result)
        call.end(sum(map(torch.numel, made)), flops, read, sum(map(_nbytes, made)))
        return result

    def _flops_of(self, func: Any, args: Any, given: Any, result: Any) -> int:
        """Return the flops of an operation by PyTorch's formula."""
        names = (tuple(given), tuple(map(_signature, given.values())))
        key = (func, tuple(map(_signature, args)), names)
        flops = self._flops.get(key)
        if flops is None:
            formula = flop_registry[func._overloadpacket]
            flops = max(int(formula(*args, **given, out_val=result)), 0)
            if len(self._flops) < MAX_SIGNATURES:
                self._flops[key] = flops
        return flops


def _signature(value: Any) -> Any:
    """Return what the flops of an operation depend on, of one of its arguments."""
    if isinstance(value, torch.Tensor):
        return value.shape
    return tuple(map(_signature, value)) if isinstance(value, list | tuple) else value


def _caller() -> FrameType | None:
    """Return the innermost frame outside of PyTorch."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_FOLDER):
        frame = frame.f_back
    return frame


def _nbytes(tensor: torch.Tensor) -> int:
    """Return the bytes of a tensor's elements, those that a broadcast repeats counted once."""
    shape = (length for length, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride)
    return math.prod(shape) * tensor.element_size()


def _flat(result: Any) -> tuple[Any, ...]:
    """Return what an operation returned as a tuple."""
    return tuple(result) if isinstance(result, tuple | list) else (result,)
