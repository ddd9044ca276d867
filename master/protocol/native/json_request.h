// One request frame (PROTOCOL 1 and 2) as a JsonTape: UTF-8, grammar, depth (limits::json_depth_max) and
// trailing bytes are checked here, big numbers and strings kept exact. Duplicate keys are refused too, those
// of rows by parse_json_rows, which also takes names that differ only in case for the same. Holds the
// document and its text; movable, not copyable. `document_` is only empty in a moved-from request.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "master/execution/command.h"
#include "master/protocol/native/statement_options.h"

namespace dl {

struct CreateRequest {
    std::string table_name;                                    // as written
    std::vector<std::pair<std::string, std::string>> columns;  // name, type text, in order
    std::string major_key;
    std::uint32_t partition_number = 1;
    std::uint32_t replica_number = 1;
    std::optional<std::uint32_t> min_in_sync;
    TableHistory history = {};
    std::vector<std::string> not_null;
    std::vector<std::pair<std::string, std::string>> defaults;  // column, text form
};

struct StreamReadRequest {
    std::string table_name;
    // empty: every partition from `since_us` or its first record
    std::vector<master::StreamRead::Start> partitions;
    std::optional<std::int64_t> since_us;  // microseconds UTC
    std::uint64_t read_count = 0;
};

class JsonRequest {
  public:
    enum class Kind : std::uint8_t {
        create,
        insert,
        batch_insert,
        batch_insert_binary,
        query,
        stream_read,
        compress_table,
        check_table,
        metadata,
        cluster_status,
        kill_query,
        sql
    };
    // SYNTAX_ERROR with the byte position for bad JSON; INVALID_REQUEST for a wrong shape, listing the
    // statements known. Copies the text; parse_owned does not.
    static Result<JsonRequest> parse(std::string_view frame);
    static Result<JsonRequest> parse_owned(std::string frame);
    JsonRequest(JsonRequest&&) noexcept;
    JsonRequest& operator=(JsonRequest&&) noexcept;
    ~JsonRequest();

    Kind kind() const;
    const StatementOptions& options() const;
    // Table of insert, batch_insert, compress_table, check_table, metadata, as written.
    const std::string& table_name() const;
    const std::string& text() const;  // of query and sql
    std::uint64_t killed_query() const;
    const CreateRequest& create() const;
    const StreamReadRequest& stream_read() const;

    struct Document;  // for batch_json.cc
    const Document& document() const { return *document_; }

  private:
    JsonRequest();
    std::unique_ptr<Document> document_;
};

}  // namespace dl
