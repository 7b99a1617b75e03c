# find_libraft(): makes the imported target libraft::libraft, from GANTRY_RAFT_DIR, the system, or the
# build that scripts/setup_raft keeps in the cache; anything older than 0.22 is refused.
# Its include path comes before the system's, so that headers of an old libraft-dev are never seen.

set(GANTRY_RAFT_DIR "" CACHE PATH "prefix of libraft (include/raft.h, lib/libraft.a or .so); empty: find it")
set(GANTRY_RAFT_MIN_VERSION 2200)

function(_libraft_version header result)
    set(version 0)
    if(EXISTS "${header}")
        file(STRINGS "${header}" lines REGEX "^#define RAFT_VERSION_(MAJOR|MINOR|RELEASE) +[0-9]+")
        foreach(line IN LISTS lines)
            string(REGEX MATCH "RAFT_VERSION_([A-Z]+) +([0-9]+)" _ "${line}")
            set(part_${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
        endforeach()
        if(DEFINED part_RELEASE)
            math(EXPR version "${part_MAJOR} * 10000 + ${part_MINOR} * 100 + ${part_RELEASE}")
        endif()
    endif()
    set(${result} ${version} PARENT_SCOPE)
endfunction()

function(find_libraft)
    if(TARGET libraft::libraft)
        return()
    endif()
    set(prefix "${GANTRY_RAFT_DIR}")
    if(prefix STREQUAL "")
        execute_process(
            COMMAND "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/setup_raft" --print-dir
            OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
        if(failed)
            message(FATAL_ERROR "libraft 0.22 or newer is not here. Run scripts/setup, or set GANTRY_RAFT_DIR to its prefix.")
        endif()
    endif()

    find_package(PkgConfig REQUIRED)
    pkg_check_modules(GANTRY_RAFT_UV REQUIRED IMPORTED_TARGET libuv)
    pkg_check_modules(GANTRY_RAFT_LZ4 REQUIRED IMPORTED_TARGET liblz4)
    unset(header CACHE)
    unset(library CACHE)
    if(prefix STREQUAL "system")
        find_path(header raft.h NO_CACHE)
        find_library(library NAMES raft NO_CACHE)
    else()
        find_path(header raft.h PATHS "${prefix}/include" NO_DEFAULT_PATH NO_CACHE)
        find_library(library NAMES libraft.a raft PATHS "${prefix}/lib" NO_DEFAULT_PATH NO_CACHE)
    endif()
    if(NOT header OR NOT library)
        message(FATAL_ERROR "no raft.h and libraft under ${prefix}. Run scripts/setup, or set GANTRY_RAFT_DIR.")
    endif()
    _libraft_version("${header}/raft.h" version)
    if(version LESS GANTRY_RAFT_MIN_VERSION)
        message(FATAL_ERROR "libraft in ${prefix} is older than 0.22, which can lose committed entries. Run scripts/setup.")
    endif()

    add_library(libraft::libraft UNKNOWN IMPORTED GLOBAL)
    set_target_properties(libraft::libraft PROPERTIES
        IMPORTED_LOCATION "${library}"
        INTERFACE_LINK_LIBRARIES "PkgConfig::GANTRY_RAFT_UV;PkgConfig::GANTRY_RAFT_LZ4")
    if(NOT prefix STREQUAL "system")
        set_target_properties(libraft::libraft PROPERTIES
            INTERFACE_INCLUDE_DIRECTORIES "${header}"
            INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${header}")
    endif()
    message(STATUS "libraft: ${library}")
endfunction()
