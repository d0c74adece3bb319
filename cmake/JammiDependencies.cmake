# Imported targets for what scripts/setup provides. Versions and digests: scripts/dependencies.txt.
# .complete names the list that the folder was made from; a build against another list's libraries would
# compile, and fail in ways that are hard to explain.
set(_list ${PROJECT_SOURCE_DIR}/scripts/dependencies.txt)
set(_complete ${JAMMI_DEPS_DIR}/.complete)
if(NOT EXISTS ${_complete})
  message(FATAL_ERROR "The dependencies are not in ${JAMMI_DEPS_DIR}. Run scripts/setup first.")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${_list} ${_complete})
file(SHA256 ${_list} _wanted)
file(STRINGS ${_complete} _have LIMIT_COUNT 1)
if(NOT _have STREQUAL _wanted)
  message(FATAL_ERROR "${JAMMI_DEPS_DIR} does not hold what scripts/dependencies.txt asks for. Run scripts/setup.")
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
if(JAMMI_POSTGRES)
  find_package(PostgreSQL REQUIRED)  # libpq
endif()
if(JAMMI_NATS)
  # Debian's package for CMake names a static library that Debian does not have.
  find_path(JAMMI_NATS_INCLUDE nats/nats.h REQUIRED)
  find_library(JAMMI_NATS_LIBRARY nats REQUIRED)
  add_library(NATS::nats UNKNOWN IMPORTED)
  set_target_properties(NATS::nats PROPERTIES
    IMPORTED_LOCATION ${JAMMI_NATS_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${JAMMI_NATS_INCLUDE})
endif()
if(JAMMI_SERVER)
  find_package(Protobuf REQUIRED)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(GRPC REQUIRED IMPORTED_TARGET GLOBAL grpc++)
  add_library(gRPC::grpc ALIAS PkgConfig::GRPC)
  find_library(JAMMI_GRPC_REFLECTION grpc++_reflection REQUIRED)
  # Debian's package for CMake wants what only its other parts need.
  find_library(JAMMI_PROMETHEUS prometheus-cpp-core REQUIRED)
  add_library(Prometheus::core UNKNOWN IMPORTED)
  set_target_properties(Prometheus::core PROPERTIES IMPORTED_LOCATION ${JAMMI_PROMETHEUS})
  find_package(Boost 1.81 REQUIRED)  # Asio and Beast: headers
endif()
if(JAMMI_TESTS)
  find_package(GTest REQUIRED)
endif()

add_library(XXHash::xxhash INTERFACE IMPORTED)  # used header-only (XXH_INLINE_ALL)

# Arrow C++: headers and libraries of the pyarrow wheel, foreign symbols hidden.
foreach(_lib arrow arrow_compute)
  string(REGEX REPLACE "^arrow_" "" _name ${_lib})
  add_library(Arrow::${_name} SHARED IMPORTED)
  set_target_properties(Arrow::${_name} PROPERTIES
    IMPORTED_LOCATION ${JAMMI_DEPS_DIR}/arrow/lib/lib${_lib}.so.2600
    IMPORTED_SONAME lib${_lib}.so.2600
    INTERFACE_INCLUDE_DIRECTORIES ${JAMMI_DEPS_DIR}/arrow/include)
endforeach()
set_property(TARGET Arrow::compute PROPERTY INTERFACE_LINK_LIBRARIES Arrow::arrow)

add_library(DuckDB::duckdb SHARED IMPORTED)
set_target_properties(DuckDB::duckdb PROPERTIES
  IMPORTED_LOCATION ${JAMMI_DEPS_DIR}/duckdb/lib/libduckdb.so
  INTERFACE_INCLUDE_DIRECTORIES ${JAMMI_DEPS_DIR}/duckdb/include)

# SQLite is built by us: recent, and with the options that the catalog relies on. QPSG: with STAT4 alone
# every bound value may change the plan, so each use of a prepared statement would parse it again.
add_library(sqlite_bundled STATIC ${JAMMI_DEPS_DIR}/sqlite/sqlite3.c)
target_include_directories(sqlite_bundled SYSTEM PUBLIC ${JAMMI_DEPS_DIR}/sqlite)
target_compile_definitions(sqlite_bundled PRIVATE
  SQLITE_THREADSAFE=2 SQLITE_DQS=0 SQLITE_DEFAULT_MEMSTATUS=0
  SQLITE_DEFAULT_FOREIGN_KEYS=1 SQLITE_DEFAULT_WAL_SYNCHRONOUS=2
  SQLITE_LIKE_DOESNT_MATCH_BLOBS SQLITE_MAX_EXPR_DEPTH=0 SQLITE_OMIT_DEPRECATED
  SQLITE_OMIT_SHARED_CACHE SQLITE_OMIT_LOAD_EXTENSION SQLITE_USE_ALLOCA
  SQLITE_ENABLE_STAT4 SQLITE_ENABLE_QPSG SQLITE_STRICT_SUBTYPE=1 HAVE_USLEEP=1 HAVE_FDATASYNC=1)
target_compile_options(sqlite_bundled PRIVATE -O2 -w)
target_link_libraries(sqlite_bundled PUBLIC Threads::Threads m)
add_library(SQLite::bundled ALIAS sqlite_bundled)
