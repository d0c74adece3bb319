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
  # Archives where there are some: the 48 shared libraries of gRPC are a fifth of what a start costs
  # (decision 0045). OpenSSL, zlib and re2 have other users in the process and stay shared.
  find_package(Protobuf REQUIRED)  # protoc
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(GRPC REQUIRED grpc++)
  set(_grpc)
  foreach(_name protobuf ${GRPC_STATIC_LIBRARIES})
    if(_name MATCHES "^(absl_|address_sorting|cares|gpr|grpc|protobuf|upb)")
      find_library(JAMMI_LIBRARY_${_name} NAMES lib${_name}.a ${_name} REQUIRED)
      mark_as_advanced(JAMMI_LIBRARY_${_name})
      set(_name ${JAMMI_LIBRARY_${_name}})
    endif()
    list(APPEND _grpc ${_name})
  endforeach()
  list(POP_FRONT _grpc _protobuf)
  foreach(_part protobuf grpc)
    add_library(gRPC::${_part} INTERFACE IMPORTED)
  endforeach()
  target_link_libraries(gRPC::protobuf INTERFACE ${_protobuf} z Threads::Threads)
  target_link_libraries(gRPC::grpc INTERFACE ${_grpc} Threads::Threads)
  target_compile_options(gRPC::grpc INTERFACE ${GRPC_CFLAGS_OTHER})
  # The allocator of the programs that serve (decision 0046). Nothing names it, so the linker must be told to
  # keep it; sanitizers bring their own.
  add_library(jammi_allocator INTERFACE)
  add_library(jammi::allocator ALIAS jammi_allocator)
  if(NOT JAMMI_SANITIZE)
    find_library(JAMMI_MIMALLOC mimalloc REQUIRED)
    mark_as_advanced(JAMMI_MIMALLOC)
    target_link_libraries(jammi_allocator INTERFACE
      "-Wl,--push-state,--no-as-needed" ${JAMMI_MIMALLOC} "-Wl,--pop-state")
  endif()
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
foreach(_lib arrow arrow_compute parquet)
  string(REGEX REPLACE "^arrow_" "" _name ${_lib})
  add_library(Arrow::${_name} SHARED IMPORTED)
  set_target_properties(Arrow::${_name} PROPERTIES
    IMPORTED_LOCATION ${JAMMI_DEPS_DIR}/arrow/lib/lib${_lib}.so.2600
    IMPORTED_SONAME lib${_lib}.so.2600
    INTERFACE_INCLUDE_DIRECTORIES ${JAMMI_DEPS_DIR}/arrow/include)
endforeach()
set_property(TARGET Arrow::compute PROPERTY INTERFACE_LINK_LIBRARIES Arrow::arrow)
set_property(TARGET Arrow::parquet PROPERTY INTERFACE_LINK_LIBRARIES Arrow::arrow)

# A duckdb:: symbol that the linker misses: tools/hide_symbols.py.
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
