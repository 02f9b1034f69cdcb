"""PyTorch: products, convolutions and attention as tiles, seen by a dispatch mode, backward too."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import thread as futures
from contextlib import contextmanager, suppress
from functools import partial, wraps
from typing import Any

import torch
from torch._C import (
    _get_dispatch_stack_at,
    _len_torch_dispatch_stack,
    _pop_torch_dispatch_stack,
    _push_on_torch_dispatch_stack,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import (
    flop_registry,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

from brickprof.integrations._hooks import CallRecorder
from brickprof.integrations._operations import Library, OperationRecorder, torch_dispatch

_FOLDER = os.path.dirname(torch.__file__) + os.sep
_DTYPES = {
    torch.float64: "float64",
    torch.complex128: "float64",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
    torch.int8: "int8",
}


_COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd
_BACKENDS = ("CPU", "CUDA", "Meta", "CompositeExplicitAutograd")
"""Kernels that dense tensors would be given to before one that is made of other operations."""


def _of_elements(place: int) -> Callable[..., int]:
    """Return the formula of two operations for each element of an argument."""
    return lambda *args, out_val=None, **kwargs: 2 * int(args[place].numel())


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Return the operations of attention on a processor, which PyTorch's own counter leaves out."""
    return int(sdpa_flop_count(query.shape, key.shape, value.shape))


def _attention_backward(grad: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_backward_flop_count(grad.shape, query.shape, key.shape, value.shape))


_FORMULAS: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    torch.ops.aten.mv: _of_elements(0),
    torch.ops.aten.addmv: _of_elements(1),
    torch.ops.aten.dot: _of_elements(0),
    torch.ops.aten.vdot: _of_elements(0),
}
"""Products with vectors, and attention on a processor, which PyTorch's own counter leaves out."""


class TileMode(OperationRecorder, TorchDispatchMode):
    """Records the operations that PyTorch's own ``FlopCounterMode`` counts, and with its flops.

    Parameters
    ----------
    library : Library
        What is known of PyTorch, for the modes of all threads.
    """

    def __init__(self, library: Library) -> None:
        OperationRecorder.__init__(self, library)
        TorchDispatchMode.__init__(self)

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """Leave `torch.compile` as it is: what compiled code calls is seen when it runs."""
        return True


# Not in the class, whose base would wrap it in a function of Python.
TileMode.__torch_dispatch__ = torch_dispatch  # type: ignore[method-assign]


class EveryThread:
    """A mode in each thread: that which begins, those that start later, and tasks of thread pools.

    Parameters
    ----------
    recorder : CallRecorder
        What records operations.
    """

    def __init__(self, recorder: CallRecorder) -> None:
        self._library = Library(
            recorder,
            torch.Tensor,
            _FOLDER,
            _described,
            _work_of,
            _operands_of,
            _push_on_torch_dispatch_stack,
            _pop_torch_dispatch_stack,
            _is_plain,
        )
        self._here = threading.local()
        self._undo: list[Callable[[], object]] = []

    def begin(self) -> None:
        """See the operations of this thread and of those that begin."""
        self._enter()
        # Threads run through the one, and tasks of pools, whose threads may be older, the other.
        for holder, name in ((threading.Thread, "_bootstrap_inner"), (futures._WorkItem, "run")):
            function = getattr(holder, name, None)
            if function is not None:
                self._undo.append(partial(setattr, holder, name, function))
                setattr(holder, name, self._seen(function))

    def end(self) -> None:
        """Put everything back. Threads that still run pass operations on, and record none."""
        while self._undo:
            self._undo.pop()()
        self._leave()

    def _seen(self, function: Any) -> Any:
        """Return a function that sees the operations of its thread until it returns."""

        @wraps(function)
        def seen(*args: Any, **kwargs: Any) -> Any:
            with self._mode():
                return function(*args, **kwargs)

        return seen

    @contextmanager
    def _mode(self) -> Iterator[None]:
        """See the operations of this thread."""
        entered = self._enter()
        try:
            yield
        finally:
            if entered:
                self._leave()

    def _enter(self) -> bool:
        """Put a mode on this thread's stack, if none of ours is there."""
        if getattr(self._here, "mode", None) is not None:
            return False
        self._here.mode = TileMode(self._library)
        # Not by its with statement, whose flags are those of all threads.
        _push_on_torch_dispatch_stack(self._here.mode)
        return True

    def _leave(self) -> None:
        """Take the mode off this thread's stack, from below others that are still there."""
        mode = getattr(self._here, "mode", None)
        self._here.mode = None
        stack = [_get_dispatch_stack_at(i) for i in range(_len_torch_dispatch_stack())]
        if not any(one is mode for one in stack):
            return
        above = []
        while (top := _pop_torch_dispatch_stack(None)) is not mode:
            above.append(top)
        for one in reversed(above):
            _push_on_torch_dispatch_stack(one)


def _described(func: Any) -> tuple[Any, str, bool, Any]:
    """Return what runs an operation, its name, whether it is recorded, and what runs its parts.

    Operations that are made of others, such as ``linear``, reach a mode in ``inference_mode``:
    autograd takes them apart else. What runs their parts is the code that would run anyway.
    """
    packet = getattr(func, "_overloadpacket", None)
    name = getattr(packet, "__name__", str(func))
    if packet is None or type(func) is not torch._ops.OpOverload:
        return func, name, False, None
    is_known = packet in flop_registry or packet in _FORMULAS
    has_kernel = partial(torch._C._dispatch_has_kernel_for_dispatch_key, func.name())
    is_made_of_others = has_kernel(_COMPOSITE) and not any(map(has_kernel, _BACKENDS))
    parts = partial(func._op_dk, _COMPOSITE) if is_made_of_others else None
    # An overload's own function costs a call of Python code less.
    return func._op, name, is_known, parts


def _is_plain(args: Any) -> bool:
    """Tell whether there are dense tensors of PyTorch's own classes alone among arguments."""
    return all(
        type(one) in (torch.Tensor, torch.nn.Parameter)
        and one.layout is torch.strided
        and not one.is_nested
        for one in _tensors(args)
    )


def _operands_of(args: Any, kwargs: Any) -> tuple[str, int, int] | None:
    """Return the element type, the bytes and the threads of an operation; None of meta tensors."""
    tensors = _tensors((*args, *kwargs.values()))
    if any(one.is_meta for one in tensors):
        return None
    dtype = "float32" if not tensors else _DTYPES.get(tensors[0].dtype, "float32")
    return dtype, sum(map(_nbytes, tensors)), torch.get_num_threads()


def _work_of(func: Any, args: Any, kwargs: Any, result: Any) -> tuple[int, int, int, int]:
    """Return elements, flops by PyTorch's formula, and loaded and stored bytes of an operation."""
    made = _tensors(result if isinstance(result, tuple | list) else (result,))
    flops = 0  # of arguments that the formula does not know
    with suppress(Exception):
        packet = func._overloadpacket
        formula = _FORMULAS[packet] if packet in _FORMULAS else flop_registry[packet]
        flops = max(int(formula(*args, **kwargs, out_val=result)), 0) * _real_operations(made)
    read = sum(map(_nbytes, _tensors((*args, *kwargs.values()))))
    return sum(map(torch.numel, made)), flops, read, sum(map(_nbytes, made))


def _real_operations(made: list[torch.Tensor]) -> int:
    """Return the real operations for each of a formula: four of complex numbers."""
    if any(one.is_complex() for one in made):
        return 4
    return int(any(one.is_floating_point() for one in made))


def _tensors(values: Any) -> list[torch.Tensor]:
    """Return the tensors among some values."""
    return [one for one in values if isinstance(one, torch.Tensor)]


def _nbytes(tensor: torch.Tensor) -> int:
    """Return the bytes of a tensor's elements, those that a broadcast repeats counted once."""
    shape = (length for length, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride)
    return math.prod(shape) * tensor.element_size()
