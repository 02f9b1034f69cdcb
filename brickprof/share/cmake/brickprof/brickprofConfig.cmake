# Gives brickprof::tile, an interface target for brickprof/tile.h and brickprof/tile.hpp. There is
# nothing to link: tiles are recorded by inline functions and the compiler's own atomics. Paths are
# told from where this file is, so that a wheel, an editable install and a moved folder all work.

get_filename_component(brickprof_INCLUDE_DIR "${CMAKE_CURRENT_LIST_DIR}/../../../include" ABSOLUTE)

if(NOT TARGET brickprof::tile)
  add_library(brickprof::tile INTERFACE IMPORTED)
  set_target_properties(brickprof::tile PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${brickprof_INCLUDE_DIR}"
    INTERFACE_COMPILE_FEATURES "c_std_99;cxx_std_11")
endif()
