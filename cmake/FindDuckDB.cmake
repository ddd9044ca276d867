# DuckDB 1.4.4 as scripts/install-deps.sh lays it out: ${DUCKDB_ROOT}/include/duckdb.h, ${DUCKDB_ROOT}/lib/libduckdb.so
set(DUCKDB_ROOT "" CACHE PATH "DuckDB 1.4.4: a folder with include/duckdb.h and lib/libduckdb.so")
if(DEFINED ENV{DL_DEPS_DIR})
  set(_dl_deps $ENV{DL_DEPS_DIR})
else()
  set(_dl_deps /opt/datalakedb-deps)
endif()
find_path(DuckDB_INCLUDE_DIR duckdb.h HINTS ${DUCKDB_ROOT}/include ${_dl_deps}/duckdb-1.4.4/include)
find_library(DuckDB_LIBRARY duckdb HINTS ${DUCKDB_ROOT}/lib ${_dl_deps}/duckdb-1.4.4/lib)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(DuckDB REQUIRED_VARS DuckDB_LIBRARY DuckDB_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/install-deps.sh, or pass -DDUCKDB_ROOT=")
if(DuckDB_FOUND AND NOT TARGET DuckDB::DuckDB)
  add_library(DuckDB::DuckDB SHARED IMPORTED)
  set_target_properties(DuckDB::DuckDB PROPERTIES IMPORTED_LOCATION ${DuckDB_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${DuckDB_INCLUDE_DIR} IMPORTED_NO_SONAME TRUE)
endif()
