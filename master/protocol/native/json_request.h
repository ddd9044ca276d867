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
#include "common/types/value_scan.h"
#include "master/execution/command.h"

namespace dl {

// PROTOCOL 2.3. Unknown options are INVALID_REQUEST naming the nearest known one.
struct StatementOptions {
    std::optional<std::int64_t> timeout_ms;
    std::optional<master::BatchId> batch_id;  // batch_id, or producer_id and sequence
    bool meta = false;
    std::map<std::uint32_t, Offset> min_offsets;           // partition -> next offset that must be visible
    std::optional<std::map<std::uint32_t, Offset>> as_of;  // of a query: partition -> next offset of the cut
    master::RecordFormat format = master::RecordFormat::rows;
    std::int64_t max_wait_ms = 0;
    std::uint64_t min_rows = 1;
    bool progress = false;         // of compress_table: frames with how far it is
    bool repair = false;           // of check_table
    master::SqlParameters params;  // of query and sql
    bool describe = false;         // of query and sql: columns and parameters instead of running it
    // Of rows as JSON: what numbers in timestamp columns count.
    std::optional<TimestampUnit> timestamp_unit;
    // Of rows as JSON: a bad row is left out and named in the reply; keys that are no column are left out.
    bool skip_bad_rows = false;
    bool skip_unknown_fields = false;
    // Of stream_read: what its positions are of, and whether they may lie beyond the end.
    std::string table_id;
    bool check_offsets = false;
};

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
    const CreateRequest& create() const;
    const StreamReadRequest& stream_read() const;

    struct Document;  // for batch_json.cc
    const Document& document() const { return *document_; }

  private:
    JsonRequest();
    std::unique_ptr<Document> document_;
};

}  // namespace dl
