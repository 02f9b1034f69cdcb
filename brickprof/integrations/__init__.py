"""Other tools that brickprof works with, each imported only when it is used."""
