"""Checks on what plans hold, before C computes with it: for plans to make and plans handed in.

Frozen dataclasses hold what `dataclasses.replace` and `object.__setattr__` put there, so that
classes and ranges are checked whenever a value is copied into C.
"""

from brickprof.core.checks import checked_integer, short_repr
from brickprof.planning.blocks import MicroKernel

cdef enum:
    MAX_REGISTER_BLOCK = 1 << 15                    # products of two, times a vector, fit an int
    MAX_KNOWN_PLANS = 256

cdef dict known_plans = {}                          # by id: plans whose levels were held, and those


cdef Py_ssize_t checked_size(str owner, str name, object value, Py_ssize_t minimum,
                             Py_ssize_t maximum) except? -1:
    """Return an integer in [minimum, maximum]; an error names the owner's field."""
    cdef Py_ssize_t size
    if type(value) is int and minimum <= value <= maximum:
        size = value
        return size
    return checked_integer(f"{owner}.{name}", value, minimum, maximum)


cdef int take_micro(str name, object micro, bp_micro_kernels *shape) except -1:
    """Copy the register block of a MicroKernel."""
    if not isinstance(micro, MicroKernel):
        raise TypeError(f"{name} must be a MicroKernel, got {short_repr(micro)}")
    shape.mr = checked_size(name, "mr", micro.mr, 1, MAX_REGISTER_BLOCK)
    shape.nr = checked_size(name, "nr", micro.nr, 1, MAX_REGISTER_BLOCK)
    shape.lanes = checked_size(name, "lanes", micro.lanes, 1, MAX_REGISTER_BLOCK)
    shape.wide_rows = checked_size(name, "wide_rows", micro.wide_rows, 1, MAX_REGISTER_BLOCK)
    shape.max_dotxf = checked_size(name, "max_dotxf", micro.max_dotxf, 1, MAX_REGISTER_BLOCK)
    return 0


cdef int check_micro(object micro, const bp_isa *isa, int dtype) except -1:
    """Raise unless a plan's micro-kernel is that of an instruction set and dtype."""
    cdef const bp_micro_kernels *used = isa.micro[dtype]
    cdef bp_micro_kernels shape
    take_micro("plan.micro", micro, &shape)
    if (micro.isa != isa.name.decode() or shape.mr != used.mr or shape.nr != used.nr
            or shape.lanes != used.lanes or shape.wide_rows != used.wide_rows
            or shape.max_dotxf != used.max_dotxf):
        raise ValueError(f"plan must be for the micro-kernel that is used, got {micro}")
    return 0


cdef int check_decisions(str maker, object plan, tuple names, tuple made) except -1:
    """Raise unless the fields of these names are what the tiling gives."""
    for name, value in zip(names, made):
        held = getattr(plan, name)
        if type(held) is not type(value) or held != value:
            raise ValueError(f"plan must be as {maker} made it, with {name} {value!r}, got "
                             f"{short_repr(held)}: change blocks= there, and no field")
    return 0


cdef bint levels_are_known(object plan):
    """Tell whether this plan's levels were compared before, which takes longer than a small run."""
    known = known_plans.get(id(plan))
    # The plan is kept alive, so that no other one can have its id.
    return known is not None and known[0] is plan and known[1] is plan.levels


cdef int check_levels(str maker, object plan, tuple made) except -1:
    """Raise unless a plan's levels are what its tiling gives; remember the plan."""
    levels = plan.levels
    if type(levels) is not tuple or levels != made:
        raise ValueError(f"plan must be as {maker} made it, with its levels, got levels "
                         f"{short_repr(levels)}: change blocks= there, and no field")
    if len(known_plans) >= MAX_KNOWN_PLANS:
        known_plans.clear()
    known_plans[id(plan)] = plan, levels
    return 0
