# Sets `out` to the sources of a target, or with JAMMI_UNITY to files that include eight of them each: headers are
# read and templates made once for all, which is a quarter of the work. Names in unnamed namespaces then have to
# differ within a target. The paths are relative, so that a compiler cache serves another clone.
function(jammi_sources out target)
  set(${out} ${ARGN} PARENT_SCOPE)
  list(LENGTH ARGN count)
  if(NOT JAMMI_UNITY OR count LESS 2)
    return()
  endif()
  set(sources ${ARGN})
  set(files)
  set(number 0)
  while(sources)
    list(SUBLIST sources 0 8 some)
    list(REMOVE_ITEM sources ${some})
    set(text)
    foreach(source ${some})
      cmake_path(ABSOLUTE_PATH source)
      cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
      string(APPEND text "#include \"${source}\"\n")
    endforeach()
    set(file ${CMAKE_CURRENT_BINARY_DIR}/${target}_${number}.cc)
    file(CONFIGURE OUTPUT ${file} CONTENT "${text}" @ONLY)
    list(APPEND files ${file})
    math(EXPR number "${number} + 1")
  endwhile()
  set(${out} ${files} PARENT_SCOPE)
endfunction()

# One target per folder: jammi_library(catalog SRCS ... DEPS ... PRIVATE_DEPS ...).
# DEPS may appear in the folder's own headers, PRIVATE_DEPS in its .cc files only. APART: it is for our programs
# and not part of libjammi.so.
function(jammi_library name)
  cmake_parse_arguments(arg "APART" "" "SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  # Folders are added from the ground up, so a link upwards names a target that is not there yet.
  foreach(dep ${arg_DEPS} ${arg_PRIVATE_DEPS})
    if(dep MATCHES "^jammi" AND NOT TARGET ${dep})
      message(FATAL_ERROR "jammi_library(${name}) links ${dep}, which is not below it in src/CMakeLists.txt")
    endif()
  endforeach()
  jammi_sources(sources jammi_${name} ${arg_SRCS})
  add_library(jammi_${name} STATIC ${sources})
  add_library(jammi::${name} ALIAS jammi_${name})
  target_include_directories(jammi_${name} PUBLIC
    ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  target_compile_options(jammi_${name} PRIVATE ${JAMMI_WARNINGS})
  target_link_libraries(jammi_${name} PUBLIC ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
  if(NOT arg_APART)
    set_property(GLOBAL APPEND PROPERTY JAMMI_LIBRARIES jammi_${name})
  endif()
endfunction()

# The label of the folder that is being read: "catalog" for src/catalog and what lies below it.
function(jammi_folder_label out)
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY ${PROJECT_SOURCE_DIR}
             OUTPUT_VARIABLE path)
  string(REGEX REPLACE "^(src|tests)/([^/]+).*$" "\\2" label ${path})
  set(${out} ${label} PARENT_SCOPE)
endfunction()

# For all programs that a test runs.
set(JAMMI_TEST_ENVIRONMENT
  "TSAN_OPTIONS=ignore_noninstrumented_modules=1 halt_on_error=1 die_after_fork=0"
  "UBSAN_OPTIONS=print_stacktrace=1" "ASAN_OPTIONS=detect_stack_use_after_return=1")

# A program of tests; one per folder, one entry in ctest. LABELS slow keeps it out of the quick run.
# Its folder is a label too (ctest -L catalog), and the target catalog_tests builds the folder's programs.
function(jammi_test name)
  if(NOT JAMMI_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "TIMEOUT" "SRCS;DEPS;LABELS;ARGS" ${ARGN})
  jammi_sources(sources ${name} ${arg_SRCS})
  add_executable(${name} ${sources})
  # Matchers are costly to optimise and to instrument, and it is not they that are on trial.
  target_compile_options(${name} PRIVATE ${JAMMI_WARNINGS} $<$<CONFIG:Release>:-O1>)
  if(JAMMI_SANITIZE)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  if(JAMMI_SANITIZE MATCHES "undefined")
    target_compile_options(${name} PRIVATE -fno-sanitize=undefined)
  endif()
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main)
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1
           --gtest_output=xml:${CMAKE_BINARY_DIR}/results/${name}.xml ${arg_ARGS})
  jammi_folder_label(folder)
  if(NOT TARGET ${folder}_tests)
    add_custom_target(${folder}_tests)
  endif()
  add_dependencies(${folder}_tests ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${folder};${arg_LABELS}"
    ENVIRONMENT "${JAMMI_TEST_ENVIRONMENT}")
endfunction()

# A benchmark program; prints a table, never asserts a time.
function(jammi_bench name)
  if(NOT JAMMI_BENCH)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SRCS;DEPS" ${ARGN})
  add_executable(${name} ${arg_SRCS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${JAMMI_WARNINGS})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
endfunction()

# A fuzzer (x_fuzz.cc): run it with a folder for what it finds, and limits such as -max_total_time=60.
# CORPUS: a folder of inputs in tests/data/fuzz, which a test runs in every build.
function(jammi_fuzz name)
  cmake_parse_arguments(arg "" "CORPUS" "SRCS;DEPS" ${ARGN})
  if(JAMMI_TESTS AND arg_CORPUS)
    add_executable(${name}_corpus ${arg_SRCS} ${PROJECT_SOURCE_DIR}/tests/support/run_corpus.cc)
    target_compile_options(${name}_corpus PRIVATE ${JAMMI_WARNINGS} $<$<CONFIG:Release>:-O1>)
    target_link_libraries(${name}_corpus PRIVATE ${arg_DEPS})
    add_test(NAME ${name}_corpus COMMAND ${name}_corpus ${PROJECT_SOURCE_DIR}/tests/data/fuzz/${arg_CORPUS})
    jammi_folder_label(folder)
    add_dependencies(${folder}_tests ${name}_corpus)
    set_tests_properties(${name}_corpus PROPERTIES TIMEOUT 300 LABELS ${folder}
      ENVIRONMENT "${JAMMI_TEST_ENVIRONMENT}")
  endif()
  if(NOT JAMMI_FUZZ)
    return()
  endif()
  add_executable(${name} ${arg_SRCS})
  target_compile_options(${name} PRIVATE ${JAMMI_WARNINGS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
endfunction()
