# Compiler launcher, linker, sanitizers and the warnings of our own code.
find_program(JAMMI_CCACHE ccache)
if(JAMMI_CCACHE)
  set(_launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      ${JAMMI_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${_launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${_launcher})
endif()
find_program(JAMMI_MOLD mold)
if(JAMMI_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Third-party C (SQLite) is built as it is; only our C++ is instrumented.
# Instrumented code hides from g++ 12 what is initialized; the plain build keeps the warning.
if(JAMMI_SANITIZE)
  add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-maybe-uninitialized>")
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${JAMMI_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=all>")
  add_link_options(-fsanitize=${JAMMI_SANITIZE})
endif()

# libFuzzer is clang's. clang 16 sees libstdc++ 12's std::expected only if the macro has GCC's value.
if(JAMMI_FUZZ)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=fuzzer-no-link;-U__cpp_concepts;-D__cpp_concepts=202002L;-Wno-builtin-macro-redefined>")
endif()

# Debug information for a stack trace, not for every template: links stay quick.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")

set(JAMMI_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
    -Wunused-result -Wno-missing-field-initializers)
if(JAMMI_UNITY)
  include_directories(${PROJECT_SOURCE_DIR})
  # What is included may have members of types without linkage.
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    list(APPEND JAMMI_WARNINGS -Wno-subobject-linkage)
  endif()
endif()
if(JAMMI_WERROR)
  list(APPEND JAMMI_WARNINGS -Werror)
endif()
