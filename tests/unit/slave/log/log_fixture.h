// Helpers of the log's tests: made-up batches (bodies are opaque to the log) and a log that remembers what
// recovery handed out.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/crc32c.h"
#include "slave/log/partition_log.h"
#include "tests/support/sim_file_system.h"

namespace dl::slave::test {

inline constexpr TableId kTable{7};
inline constexpr PartitionId kPartition{3};
inline const std::string kDirectory = "/data/log";

inline StoredBatch make_batch(std::string body, std::uint32_t count = 1, std::int64_t time_us = 1000,
                              Hash128 id = {}) {
    StoredBatch batch;
    auto& h = batch.header;
    h.body_crc = crc32c(0, body.data(), body.size());
    h.body_bytes = h.body_plain_bytes = static_cast<std::uint32_t>(body.size());
    h.table = kTable;
    h.partition = kPartition;
    h.epoch = LeaderEpoch{1};
    h.count = count;
    h.schema = SchemaId{1};
    h.append_time_us = time_us;
    h.batch_id = id;
    batch.body = SharedBytes::from_string(std::move(body));
    return batch;
}

// Bytes in which no magic number can occur by accident.
inline std::string body_of(std::size_t bytes, char first = 'a') {
    std::string body(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i)
        body[i] = static_cast<char>(first + static_cast<char>(i % 23));
    return body;
}

struct OpenLog {
    std::unique_ptr<PartitionLog> log;
    PartitionLog::Recovered recovered;
    std::vector<StoredBatch> replayed;
    std::optional<Error> error;
};

inline OpenLog open_log(FileSystem& files, const std::string& directory = kDirectory,
                        std::uint64_t segment_bytes = 1u << 20, Offset replay_from = 0,
                        Offset start_if_empty = 0, Offset garbage_below = 0) {
    OpenLog opened;
    if (directory == kDirectory &&
        !*files.exists("/data")) {  // a partition's directory is durable before its log
        EXPECT_FALSE(files.create_directories("/data").has_error());
        EXPECT_FALSE(files.sync_directory("/").has_error());
    }
    LogOptions options;
    options.segment_bytes = segment_bytes;
    options.garbage_below = garbage_below;
    auto log = PartitionLog::open(
        files, directory, kTable, kPartition, options, replay_from, start_if_empty,
        [&](const StoredBatch& batch) -> Result<void> {
            opened.replayed.push_back(batch);
            return {};
        },
        &opened.recovered);
    if (log.has_error())
        opened.error = log.error();
    else
        opened.log = std::move(*log);
    return opened;
}

inline Result<void> append_and_sync(PartitionLog& log, std::vector<StoredBatch> batches) {
    DL_TRY(log.append(batches));
    return log.sync();
}
inline Result<void> append_and_sync(PartitionLog& log, StoredBatch batch) {
    std::vector<StoredBatch> batches;
    batches.push_back(std::move(batch));
    return append_and_sync(log, std::move(batches));
}

// The bytes of a batch as they lie in a segment.
inline std::string stored_bytes(const StoredBatch& batch) {
    std::string bytes(RecordBatchHeader::kHeaderBytes, '\0');
    encode_record_batch_header(batch.header, bytes.data());
    bytes += batch.body.view();
    bytes.resize(batch.header.total_bytes(), '\0');
    return bytes;
}

inline std::string segment_name(Offset first, const std::string& extension = ".log") {
    auto digits = std::to_string(first);
    return kDirectory + "/" + std::string(20 - digits.size(), '0') + digits + extension;
}

#define ASSERT_OK(expression)                                                             \
    do {                                                                                  \
        const auto& assert_ok_result = (expression);                                      \
        ASSERT_FALSE(assert_ok_result.has_error()) << assert_ok_result.error().to_text(); \
    } while (false)

}  // namespace dl::slave::test
