"""Numba's types of recorders and tile levels, and the calls of libbrickprof.so that it compiles."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_constant
from numba.core.typeconv import Conversion
from numba.core.typing.typeof import Purpose
from numba.extending import (
    NativeValue,
    intrinsic,
    lower_cast,
    models,
    overload_attribute,
    register_model,
    typeof_impl,
    unbox,
)

from brickprof.core.levels import TileLevel
from brickprof.profiler.shared_library import get_shared_library

LIBRARY = ctypes.CDLL(get_shared_library())
_WIDE = ctypes.c_uint64
_PARAMETERS: dict[str, tuple[Any, ...]] = {
    "bp_start_tile": (ctypes.c_void_p, ctypes.c_int32, _WIDE, _WIDE),
    "bp_stop_tile": (ctypes.c_void_p, _WIDE, _WIDE, _WIDE),
    "bp_stop_tile_split": (ctypes.c_void_p, _WIDE, _WIDE, _WIDE, _WIDE),
    "bp_thread_recorder": (ctypes.c_void_p, _WIDE),
}
for _name, _parameters in _PARAMETERS.items():
    _function = getattr(LIBRARY, _name)
    _function.argtypes, _function.restype = _parameters, None
    # Before a function that comes from Numba's cache, which only knows the names, is loaded.
    llvmlite.binding.add_symbol(_name, ctypes.cast(_function, ctypes.c_void_p).value)
LIBRARY.bp_thread_recorder.restype = ctypes.c_void_p


class RecordersType(types.Type):
    """Type of the recorders of all threads: a pointer to their table. None can be returned."""


class RecorderType(types.Type):
    """Type of a recorder: a pointer that may be NULL. None can be returned."""


RECORDERS = RecordersType(name="brickprof.Recorders")
RECORDER = RecorderType(name="brickprof.Recorder")
for _kind in RecordersType, RecorderType:
    register_model(_kind)(models.OpaqueModel)


@unbox(RecordersType)
@unbox(RecorderType)
def _unbox(kind: Any, value: Any, c: Any) -> NativeValue:
    """Take the address out of a Python object, which its caller keeps alive."""
    pointer = cgutils.alloca_once_value(c.builder, ir.Constant(cgutils.voidptr_t, None))
    address = c.pyapi.object_getattr_string(value, "address")
    with c.builder.if_then(cgutils.is_not_null(c.builder, address)):
        c.builder.store(c.pyapi.long_as_voidptr(address), pointer)
        c.pyapi.decref(address)
    failed = cgutils.is_not_null(c.builder, c.pyapi.err_occurred())
    return NativeValue(c.builder.load(pointer), is_error=failed)


def _call(name: str, *numbers: Any) -> tuple[Any, Any]:
    """Return the signature and code of a call of the library, made unless the recorder is NULL."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = [context.get_value_type(kind) for kind in signature.args]
        kind = ir.FunctionType(ir.VoidType(), kinds)
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        with builder.if_then(cgutils.is_not_null(builder, args[0])):
            builder.call(function, args)
        return context.get_dummy_value()

    return types.void(RECORDER, *numbers), codegen


@intrinsic
def start_tile(typing: Any, recorder: Any, level: Any, row: Any, col: Any) -> Any:
    return _call("bp_start_tile", types.int32, types.int64, types.int64)


@intrinsic
def stop_tile(typing: Any, recorder: Any, elements: Any, flops: Any, nbytes: Any) -> Any:
    return _call("bp_stop_tile", types.int64, types.int64, types.int64)


@intrinsic
def stop_tile_split(
    typing: Any, recorder: Any, elements: Any, flops: Any, loaded: Any, stored: Any
) -> Any:
    return _call("bp_stop_tile_split", types.int64, types.int64, types.int64, types.int64)


def _count(builder: Any, table: Any) -> tuple[Any, Any]:
    """Return a table as words and the first of them, the number of its recorders."""
    words = builder.bitcast(table, cgutils.intp_t.as_pointer())
    return words, builder.load(words)


@intrinsic
def recorder_count(typing: Any, recs: Any) -> Any:
    """Return the number of recorders in a table."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _count(builder, args[0])[1]

    return types.intp(RECORDERS), codegen


@intrinsic
def thread_recorder(typing: Any, recs: Any, thread: Any) -> Any:
    """Take a recorder out of a table, in place where there is one: `bp_recorder_of_thread`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        table, thread = args
        words, count = _count(builder, table)
        found = cgutils.alloca_once(builder, cgutils.voidptr_t)
        inside = builder.icmp_unsigned("<", thread, count)
        with builder.if_else(inside, likely=True) as (then, otherwise):
            with then:
                place = cgutils.gep(builder, words, 1)
                pointers = builder.bitcast(place, cgutils.voidptr_t.as_pointer().as_pointer())
                recorder = cgutils.gep(builder, builder.load(pointers), thread)
                builder.store(builder.load(recorder), found)
            with otherwise:
                kind = ir.FunctionType(cgutils.voidptr_t, [cgutils.voidptr_t, cgutils.intp_t])
                name = "bp_thread_recorder"
                function = cgutils.get_or_insert_function(builder.module, kind, name)
                builder.store(builder.call(function, args), found)
        return builder.load(found)

    return RECORDER(RECORDERS, types.intp), codegen


class LevelType(types.Type):
    """Type of a `TileLevel` that a compiled function names; one that it is given is an integer."""

    def can_convert_to(self, typing: Any, other: Any) -> Any:
        """Let it pass wherever an integer does."""
        return Conversion.safe if isinstance(other, types.Integer) else None


class _LevelsType(types.Dummy):
    """Type of `TileLevel` itself, whose members a compiled function names."""


_LEVEL = LevelType(name="brickprof.TileLevel.member")
_LEVELS = _LevelsType(name="brickprof.TileLevel")
register_model(_LevelsType)(models.OpaqueModel)


@register_model(LevelType)
class _LevelModel(models.PrimitiveModel):
    """A level is a number in compiled code."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, cgutils.intp_t)


@typeof_impl.register(TileLevel)
def _typeof_level(value: TileLevel, c: Any) -> Any:
    return _LEVEL if c.purpose is Purpose.constant else types.intp


@typeof_impl.register(type(TileLevel))
def _typeof_levels(value: type[TileLevel], c: Any) -> Any:
    return _LEVELS


@lower_constant(LevelType)
def _constant_level(context: Any, builder: Any, kind: Any, value: TileLevel) -> Any:
    return ir.Constant(cgutils.intp_t, int(value))


@lower_cast(LevelType, types.Integer)
def _cast_level(context: Any, builder: Any, given: Any, wanted: Any, value: Any) -> Any:
    return context.cast(builder, value, types.intp, wanted)


def _add_member(name: str, level: TileLevel) -> None:
    """Let compiled code name a member of `TileLevel`."""

    @overload_attribute(_LevelsType, name)
    def member(levels: Any) -> Callable[[Any], Any]:
        def constant(levels: Any) -> Any:
            return level

        return constant


for _member in TileLevel:
    _add_member(_member.name, _member)
    _add_member(_member.label, _member)
