# Tells find_package(brickprof VERSION) whether this version will do: the same major version, which
# only grows, and no older one. The version is read where Python reads it.

file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../../../_version.py" _brickprof_line REGEX "^__version__")
string(REGEX MATCH "[0-9]+(\\.[0-9]+)*" PACKAGE_VERSION "${_brickprof_line}")
string(REGEX MATCH "^[0-9]+" _brickprof_major "${PACKAGE_VERSION}")
unset(_brickprof_line)

set(PACKAGE_VERSION_COMPATIBLE FALSE)
if(PACKAGE_FIND_VERSION_RANGE)
  if(PACKAGE_FIND_VERSION_RANGE_MAX STREQUAL "INCLUDE")
    set(_brickprof_below VERSION_LESS_EQUAL)
  else()
    set(_brickprof_below VERSION_LESS)
  endif()
  if(PACKAGE_VERSION VERSION_GREATER_EQUAL PACKAGE_FIND_VERSION_MIN
      AND PACKAGE_VERSION ${_brickprof_below} PACKAGE_FIND_VERSION_MAX)
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
  endif()
  unset(_brickprof_below)
elseif(PACKAGE_VERSION VERSION_GREATER_EQUAL PACKAGE_FIND_VERSION
    AND _brickprof_major EQUAL PACKAGE_FIND_VERSION_MAJOR)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
  if(PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
  endif()
endif()
unset(_brickprof_major)

# brickprof/tile.h needs unsigned __int128.
if(CMAKE_SIZEOF_VOID_P AND NOT CMAKE_SIZEOF_VOID_P EQUAL 8)
  set(PACKAGE_VERSION_UNSUITABLE TRUE)
endif()
