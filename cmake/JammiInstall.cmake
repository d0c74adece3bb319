# libjammi.so, and what `cmake --install` puts down:
#
#   include/jammi/             the public headers
#   lib/libjammi.so            every folder of src/ that is a library, in one
#   lib/jammi/                 the Arrow and DuckDB libraries it was built with, found by run path
#   lib/jammi/include/arrow/   Arrow's headers: its types are what data is passed in
#   lib/libjammi_events.so     the event sinks alone, without Arrow and DuckDB
#   lib/cmake/Jammi/           find_package(Jammi) -> Jammi::jammi, Jammi::events
#   bin/jammi, bin/evsink      the command lines
#   bin/jammi-server           the server; lib/systemd/system/jammi-server.service starts it
#   share/doc/jammi/           licences; how the server is run
#
# `cmake --install BUILD --component events` puts down the sinks, their headers and evsink, and no more.
# The tree can be moved as a whole. A sanitizer build is for its tests only and installs nothing.
if(JAMMI_SANITIZE)
  return()
endif()

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(JAMMI_PRIVATE_DIR ${CMAKE_INSTALL_LIBDIR}/jammi)
set(JAMMI_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Jammi)

# The objects themselves, not the archives: nothing may be left out because nobody here calls it. The
# libraries are linked too, for what they need from outside.
get_property(_libraries GLOBAL PROPERTY JAMMI_LIBRARIES)
add_library(jammi_shared SHARED)
foreach(_library ${_libraries})
  target_sources(jammi_shared PRIVATE $<TARGET_OBJECTS:${_library}>)
  target_link_libraries(jammi_shared PRIVATE ${_library})
endforeach()
# Only namespace jammi is exported, so our SQLite is not mixed with the one of the user's program.
set(_exports ${CMAKE_CURRENT_LIST_DIR}/libjammi.map)
target_link_options(jammi_shared PRIVATE -Wl,--version-script=${_exports} -Wl,-z,defs)
set_target_properties(jammi_shared PROPERTIES
  OUTPUT_NAME jammi LINKER_LANGUAGE CXX LINK_DEPENDS ${_exports}
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} INSTALL_RPATH "$ORIGIN/jammi")

# The sinks with what lies below them, once more: who wants just those loads nothing else.
if(TARGET jammi_events)
  add_library(jammi_events_shared SHARED)
  foreach(_library jammi_base jammi_nats jammi_events)
    target_sources(jammi_events_shared PRIVATE $<TARGET_OBJECTS:${_library}>)
    target_link_libraries(jammi_events_shared PRIVATE ${_library})
  endforeach()
  target_link_options(jammi_events_shared PRIVATE -Wl,--version-script=${_exports} -Wl,-z,defs)
  set_target_properties(jammi_events_shared PROPERTIES
    OUTPUT_NAME jammi_events LINKER_LANGUAGE CXX LINK_DEPENDS ${_exports}
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  install(TARGETS jammi_events_shared evsink COMPONENT events
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(DIRECTORY include/jammi/events DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/jammi COMPONENT events)
  foreach(_header clock environment error result secret)
    install(FILES include/jammi/${_header}.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/jammi
            COMPONENT events)
  endforeach()
  install(FILES LICENSE THIRD_PARTY.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT events)
endif()

install(TARGETS jammi_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/jammi DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${JAMMI_DEPS_DIR}/arrow/include/arrow DESTINATION ${JAMMI_PRIVATE_DIR}/include
        FILES_MATCHING PATTERN "*.h")
foreach(_library Arrow::arrow Arrow::compute DuckDB::duckdb)
  get_target_property(_path ${_library} IMPORTED_LOCATION)
  install(PROGRAMS ${_path} DESTINATION ${JAMMI_PRIVATE_DIR})
  # JAMMI_FILE_arrow and so on: the name, for JammiConfig.cmake.in.
  string(REGEX REPLACE ".*::" "JAMMI_FILE_" _variable ${_library})
  cmake_path(GET _path FILENAME ${_variable})
endforeach()
if(TARGET jammi_remote)  # the command line alone reads Parquet
  get_target_property(_path Arrow::parquet IMPORTED_LOCATION)
  install(PROGRAMS ${_path} DESTINATION ${JAMMI_PRIVATE_DIR})
endif()
install(FILES LICENSE THIRD_PARTY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${JAMMI_DEPS_DIR}/arrow/LICENSE.txt ${JAMMI_DEPS_DIR}/arrow/NOTICE.txt
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/arrow)
install(FILES ${JAMMI_DEPS_DIR}/duckdb/lib/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR}/duckdb)

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/JammiConfig.cmake.in
  ${CMAKE_BINARY_DIR}/JammiConfig.cmake INSTALL_DESTINATION ${JAMMI_CMAKE_DIR}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR JAMMI_PRIVATE_DIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/JammiConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
foreach(_component Unspecified events)
  install(FILES ${CMAKE_BINARY_DIR}/JammiConfig.cmake ${CMAKE_BINARY_DIR}/JammiConfigVersion.cmake
          DESTINATION ${JAMMI_CMAKE_DIR} COMPONENT ${_component})
endforeach()

foreach(_program jammi_cli jammi_server_program)
  if(TARGET ${_program})
    set_target_properties(${_program} PROPERTIES INSTALL_RPATH "$ORIGIN/../${JAMMI_PRIVATE_DIR}")
    install(TARGETS ${_program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
if(TARGET jammi_server_program)
  install(FILES packaging/jammi-server.service DESTINATION lib/systemd/system)
  install(FILES docs/configuration.md docs/monitoring.md docs/operations.md docs/server.md
          DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()
