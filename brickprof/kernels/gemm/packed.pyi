from numpy.typing import ArrayLike
from typing_extensions import disjoint_base

@disjoint_base
class PackedMatrix:
    """The right side of products, in the micro-kernel's micropanels; made by `pack`."""

    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, (k, n)."""
    @property
    def dtype(self) -> str:
        """``"float32"`` or ``"float64"``."""
    @property
    def isa(self) -> str:
        """Instruction set that it is packed for."""
    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes."""

def pack(b: ArrayLike, isa: str | None = None) -> PackedMatrix:
    """Pack the right side of products that is used many times, such as a layer's weights."""
