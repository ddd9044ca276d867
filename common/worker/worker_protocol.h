// Frames between a daemon and the processes that run its statements (common/process/frame_channel.h). Both
// sides are the same program, so they have no version. Numbers are little-endian, text is u32 length and
// bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/duck/duck_database.h"

namespace dl {

inline constexpr const char* kWorkerArgument = "--query-worker";
inline constexpr int kOutOfMemoryStatus = 75;  // a worker's exit status when memory ended it

enum class WorkerFrame : std::uint32_t {
    setup = 1,  // daemon, first: WorkerSetup
    ready,      // worker: WorkerReady
    statement,  // daemon: u64 number, u64 memory bytes, u64 spill bytes, what the role makes of a statement;
                // its descriptors
    columns,    // worker: what the rows that follow have
    rows,       // worker: u32 rows, body of a ColumnBatch
    end,        // worker: all was sent; it takes the next statement
    failed,     // worker: WorkerFailure; it takes the next statement unless that says otherwise
    call,       // worker: it needs something of the daemon; the form is the role's
    stop,       // daemon, on the control channel: u64 number of a statement, u8 ErrorCode
    answer,     // daemon, on the control channel: to a call
};

struct WorkerSetup {
    std::int32_t parent = 0;  // process id of the daemon
    std::uint32_t threads = 1;
    std::int32_t niceness = 0;
    std::uint64_t memory_bytes = 0;
    std::vector<std::string> readable_folders;
    std::string spill_folder;  // empty: none
    std::string memory_key;    // the setting to raise

    std::string encode() const;
    static Result<WorkerSetup> decode(std::string_view bytes);
};

struct WorkerReady {
    std::vector<std::string> missing;  // of enter_sandbox()

    std::string encode() const;
    static Result<WorkerReady> decode(std::string_view bytes);
};

struct WorkerFailure {
    bool ends = false;  // the worker is not to be used again
    Error error;

    std::string encode() const;
    static Result<WorkerFailure> decode(std::string_view bytes);
};

// What a statement that needed too much is told.
Error too_little_memory(const std::string& memory_key);

std::string encode_columns(const std::vector<ResultColumn>& columns);
// CORRUPT_DATA for types there are not.
Result<std::vector<ResultColumn>> decode_columns(std::string_view bytes);
// CORRUPT_DATA for what is no batch, has no rows or other columns.
Result<ColumnBatch> decode_rows(const SharedBytes& bytes, const std::vector<ResultColumn>& columns);

}  // namespace dl
