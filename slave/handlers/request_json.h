// The JSON headers of requests, read with checks: every getter gives INVALID_REQUEST naming method and key
// when the member is missing, of another kind or out of range. The one place of this folder that knows the
// JSON library.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/meta/placement.h"

namespace dl::slave {

class RequestJson {
  public:
    // An object; nesting up to limits::json_depth_max.
    static Result<RequestJson> parse(std::string_view method, std::string_view json);

    bool has(std::string_view key) const;
    Result<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max) const;
    Result<std::int64_t> integer_or(std::string_view key, std::int64_t min, std::int64_t max,
                                    std::int64_t fallback) const;
    Result<std::string> text(std::string_view key) const;
    Result<std::vector<std::string>> texts(std::string_view key) const;
    Result<TableId> table_id() const;                        // "table_id"
    Result<std::vector<PartitionId>> partition_ids() const;  // "partitions": [N...], each once
    Result<std::vector<RequestJson>> objects(std::string_view key) const;
    Result<std::string> object_text(std::string_view key) const;  // a member object as JSON
    // {"0":N,...}; empty when absent.
    // "epochs": leader epochs by partition, from 1.
    Result<LeaderEpochs> epochs_or_empty() const;
    Result<std::map<PartitionId, Offset>> offsets_or_empty(std::string_view key) const;
    Result<std::map<std::string, TableId>> table_names(std::string_view key) const;
    // "partitions": [{"partition":N,"offset":N}...], each partition once.
    Result<std::vector<std::pair<PartitionId, Offset>>> partition_offsets() const;

  private:
    struct Node;
    RequestJson(std::string method, std::shared_ptr<const Node> node)
        : method_(std::move(method)), node_(std::move(node)) {}
    Error wrong(std::string_view key, std::string_view expected) const;
    std::string method_;
    std::shared_ptr<const Node> node_;
};

// {"0":5,"3":7} of partition numbers.
std::string offsets_json(const std::map<PartitionId, Offset>& offsets);

}  // namespace dl::slave
