# `cpack -G DEB` in a release build: programs, DuckDB beside them, configuration in /etc/datalakedb, systemd units.
# docs/operating/install.md tells how to use the package.
if(NOT TARGET master OR NOT TARGET slave OR NOT TARGET data-lake-client)
  return()
endif()
include(GNUInstallDirs)
set(DL_PRIVATE_DIR lib/datalakedb)

# "master" and "slave" are too general for /usr/bin.
install(TARGETS master slave RUNTIME DESTINATION ${DL_PRIVATE_DIR} COMPONENT datalakedb)
install(TARGETS data-lake-client RUNTIME DESTINATION bin COMPONENT datalakedb)
set_target_properties(master slave PROPERTIES INSTALL_RPATH "$ORIGIN")
set_target_properties(data-lake-client PROPERTIES INSTALL_RPATH "$ORIGIN/../${DL_PRIVATE_DIR}")
install(FILES ${DuckDB_LIBRARY} DESTINATION ${DL_PRIVATE_DIR} COMPONENT datalakedb
        PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)

# The configuration of the sources with the package's paths.
foreach(name master slave)
  if(EXISTS ${CMAKE_SOURCE_DIR}/packaging/${name}_config.properties)
    install(FILES packaging/${name}_config.properties DESTINATION /etc/datalakedb COMPONENT datalakedb)
  endif()
  install(FILES packaging/systemd/datalakedb-${name}.service DESTINATION lib/systemd/system COMPONENT datalakedb)
endforeach()
install(FILES packaging/systemd/datalakedb.sysusers DESTINATION lib/sysusers.d RENAME datalakedb.conf COMPONENT datalakedb)
install(FILES README.md CHANGELOG.md DESTINATION share/doc/datalakedb COMPONENT datalakedb)
install(DIRECTORY docs/ DESTINATION share/doc/datalakedb/docs COMPONENT datalakedb FILES_MATCHING PATTERN "*.md")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME datalakedb)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The DataLakeDB project")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Partitioned log, keyed table and analytic SQL store in one")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL datalakedb)
set(CPACK_DEB_COMPONENT_INSTALL OFF)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
get_filename_component(_duckdb_dir ${DuckDB_LIBRARY} DIRECTORY)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${_duckdb_dir})
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/debian/postinst ${CMAKE_SOURCE_DIR}/packaging/debian/prerm
    ${CMAKE_SOURCE_DIR}/packaging/debian/postrm ${CMAKE_SOURCE_DIR}/packaging/debian/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
