# DuckDB 2.0.0 as scripts/install-deps.sh lays it out, or a folder of yours with include/duckdb.h and lib/libduckdb.so.
# The library of the Java driver carries its own file name as soname and is kept under it: what a program asks the
# loader for and what is installed beside it are the same name.
set(DUCKDB_ROOT "" CACHE PATH "DuckDB 2.0.0: a folder with include/duckdb.h and lib/libduckdb.so")
if(DEFINED ENV{DL_DEPS_DIR})
  set(_dl_deps $ENV{DL_DEPS_DIR})
else()
  set(_dl_deps /opt/datalakedb-deps)
endif()
# A build folder that was configured with an older DuckDB of install-deps.sh moves on to this one.
foreach(_dl_found DuckDB_INCLUDE_DIR DuckDB_LIBRARY)
  if("${${_dl_found}}" MATCHES "/duckdb-1[.]4[.]4/")
    unset(${_dl_found} CACHE)
  endif()
endforeach()
find_path(DuckDB_INCLUDE_DIR duckdb.h HINTS ${DUCKDB_ROOT}/include ${_dl_deps}/duckdb-2.0.0/include)
find_file(DuckDB_LIBRARY NAMES libduckdb.so libduckdb_java.so_linux_amd64
  HINTS ${DUCKDB_ROOT}/lib ${_dl_deps}/duckdb-2.0.0/lib)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(DuckDB REQUIRED_VARS DuckDB_LIBRARY DuckDB_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/install-deps.sh, or pass -DDUCKDB_ROOT=")
if(DuckDB_FOUND AND NOT TARGET DuckDB::DuckDB)
  add_library(DuckDB::DuckDB SHARED IMPORTED)
  set_target_properties(DuckDB::DuckDB PROPERTIES IMPORTED_LOCATION ${DuckDB_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${DuckDB_INCLUDE_DIR})
endif()
