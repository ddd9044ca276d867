# Build-wide options: language level, warnings, sanitizers, linker, LTO.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(DL_WERROR "Treat compiler warnings as errors" ON)
option(DL_LTO "Link-time optimisation" OFF)
option(DL_FAILPOINTS "Compile in named crash and fault points (never in packages)" OFF)
set(DL_SANITIZE "" CACHE STRING "address (with undefined), thread, or empty")
option(DL_JEMALLOC "Link master and slave with jemalloc, which gives memory back (not with sanitizers)" ON)
option(DL_FUZZ "Build libFuzzer targets (clang only)" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O3")        # checks stay on: no NDEBUG
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")

add_library(dl_options INTERFACE)
target_compile_options(dl_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                       -Woverloaded-virtual -Wno-missing-field-initializers
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-psabi>
                       # gcc 12 takes the frame allocator of Asio's coroutines for a mismatch
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>
                       # g++ 12 takes std::string + "literal" for overlapping memory at -O3 (bug 105651).
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                       -msse4.2 -mpclmul)
if(DL_WERROR)
  target_compile_options(dl_options INTERFACE -Werror)
endif()
if(DL_FAILPOINTS)
  target_compile_definitions(dl_options INTERFACE DL_FAILPOINTS=1)
endif()
target_compile_definitions(dl_options INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION=1)
if(DL_SANITIZE STREQUAL "address")
  # gcc 12 sees uninitialised optionals and futures everywhere once they are instrumented.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1
                      $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  add_link_options(-fsanitize=address,undefined)
elseif(DL_SANITIZE STREQUAL "thread")
  # Asio's fenced block uses a fence TSan cannot follow; with it off Asio uses plain atomics instead.
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -g1 -Wno-tsan
                      $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  add_link_options(-fsanitize=thread)
endif()
if(DL_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # coverage of the libraries too; needs libclang-rt-<version>-dev
endif()
if(DL_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

find_program(DL_CCACHE ccache)
if(DL_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${DL_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DL_CCACHE})
endif()
find_program(DL_MOLD mold)
if(DL_MOLD AND NOT DL_LTO)
  add_link_options(-fuse-ld=mold)
endif()
