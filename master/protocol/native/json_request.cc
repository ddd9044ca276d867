#include "master/protocol/native/json_request.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <mutex>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/json/json_shape.h"
#include "common/types/value_scan.h"
#include "common/types/value_text.h"
#include "master/protocol/native/json_counts.h"
#include "master/protocol/native/json_document.h"

namespace dl {
namespace {

using Index = JsonTape::Index;
using TapeKind = JsonTape::Kind;

constexpr std::string_view kStatements =
    "create, insert, batch_insert, query, stream_read, compress_table, check_table, metadata, "
    "cluster_status, kill_query or sql";

Error invalid_request(std::string message) {
    return make_error(ErrorCode::invalid_request, std::move(message));
}

// A scalar of a default as text.
Result<std::string> default_text(const JsonTape& tape, Index value, const std::string& column) {
    switch (tape.kind(value)) {
        case TapeKind::string:
            return tape.string(value);
        case TapeKind::number:
            if (is_spelled_out(tape.raw(value))) break;  // wanted in rows only
            return std::string(tape.raw(value));
        case TapeKind::boolean:
            return std::string(tape.raw(value));
        default:
            break;
    }
    return invalid_request("create: default of column " + quoted_value(column) +
                           " must be a string, number, boolean or null");
}

Result<void> parse_col_types(const JsonTape& tape, Index value, CreateRequest& create) {
    DL_TRY(check_object(tape, value, "create: \"col_type\"", limits::columns_max));
    for (Index i = tape.first_member(value); i < tape.members_end(value); i = tape.next(i + 1)) {
        std::string name = tape.string(i);
        if (tape.kind(i + 1) != TapeKind::string)
            return invalid_request("create: the type of column " + quoted_value(name) + " must be a string");
        create.columns.emplace_back(std::move(name), tape.string(i + 1));
    }
    return {};
}

Result<void> parse_not_null(const JsonTape& tape, Index value, CreateRequest& create) {
    if (tape.kind(value) != TapeKind::array)
        return invalid_request("create: \"not_null\" must be an array of column names");
    DL_TRY(check_member_count(tape, value, "create: \"not_null\"", limits::columns_max));
    for (Index i = tape.first_member(value); i < tape.members_end(value); i = tape.next(i)) {
        if (tape.kind(i) != TapeKind::string)
            return invalid_request("create: \"not_null\" must be an array of column names");
        create.not_null.push_back(tape.string(i));
    }
    return {};
}

Result<void> parse_defaults(const JsonTape& tape, Index value, CreateRequest& create) {
    DL_TRY(check_object(tape, value, "create: \"default\"", limits::columns_max));
    for (Index i = tape.first_member(value); i < tape.members_end(value); i = tape.next(i + 1)) {
        std::string column = tape.string(i);
        if (tape.kind(i + 1) == TapeKind::null) continue;  // no default
        DL_TRY_ASSIGN(std::string text, default_text(tape, i + 1, column));
        create.defaults.emplace_back(std::move(column), std::move(text));
    }
    return {};
}

Result<void> parse_create(const JsonTape& tape, Index value, CreateRequest& create) {
    DL_TRY_ASSIGN(const auto shape,
                  JsonShape::of(tape, value, "create",
                                {"table_name", "col_type", "partition_number", "major_key", "replica_number",
                                 "min_in_sync", "history_hours", "history_bytes", "not_null", "default"}));
    DL_TRY_ASSIGN(create.table_name, shape.string("table_name"));
    DL_TRY_ASSIGN(create.major_key, shape.string("major_key"));
    DL_TRY_ASSIGN(const auto partitions, shape.integer("partition_number", 1, limits::partitions_max));
    create.partition_number = static_cast<std::uint32_t>(partitions);
    DL_TRY_ASSIGN(const auto copies, shape.integer("replica_number", 1, 1000, 1));
    create.replica_number = static_cast<std::uint32_t>(copies);
    if (shape.find("min_in_sync")) {
        DL_TRY_ASSIGN(const auto least, shape.integer("min_in_sync", 1, 1000));
        create.min_in_sync = static_cast<std::uint32_t>(least);
    }
    DL_TRY_ASSIGN(const auto hours,
                  shape.integer("history_hours", 0, TableHistory::kHoursMax, TableHistory::kHoursDefault));
    create.history.hours = static_cast<std::uint32_t>(hours);
    DL_TRY_ASSIGN(const auto bytes,
                  shape.integer("history_bytes", 0, std::int64_t{TableHistory::kBytesMax}, 0));
    create.history.bytes = static_cast<std::uint64_t>(bytes);
    DL_TRY_ASSIGN(const auto col_type, shape.need("col_type"));
    DL_TRY(parse_col_types(tape, col_type, create));
    if (const auto not_null = shape.find("not_null")) DL_TRY(parse_not_null(tape, *not_null, create));
    if (const auto defaults = shape.find("default")) DL_TRY(parse_defaults(tape, *defaults, create));
    return {};
}

// One key under two spellings, at most one of them.
Result<std::optional<Index>> find_either(const JsonShape& shape, std::string_view a, std::string_view b) {
    const auto first = shape.find(a);
    const auto second = shape.find(b);
    if (first && second)
        return invalid_request("\"" + std::string(a) + "\" and \"" + std::string(b) +
                               "\" mean the same; give one");
    return first ? first : second;
}

// Without an offset only where a start is given for all.
Result<master::StreamRead::Start> parse_position(const JsonTape& tape, Index value, bool has_start) {
    DL_TRY_ASSIGN(const auto shape, JsonShape::of(tape, value, "stream_read: an entry of \"patition_mess\"",
                                                  {"patition_code", "partition_code", "offset"}));
    DL_TRY_ASSIGN(const auto code, find_either(shape, "patition_code", "partition_code"));
    const std::string_view spelled =
        code && shape.find("partition_code") ? "partition_code" : "patition_code";
    DL_TRY_ASSIGN(const auto partition, shape.integer(spelled, 0, std::numeric_limits<std::uint32_t>::max()));
    master::StreamRead::Start start{static_cast<std::uint32_t>(partition), std::nullopt};
    if (has_start && !shape.find("offset")) return start;
    DL_TRY_ASSIGN(start.offset, shape.integer("offset", std::numeric_limits<std::int64_t>::min(),
                                              std::numeric_limits<std::int64_t>::max()));
    return start;
}

Result<std::int64_t> parse_start(const JsonTape& tape, Index value) {
    DL_TRY_ASSIGN(const auto shape, JsonShape::of(tape, value, "stream_read: \"start\"", {"timestamp"}));
    DL_TRY_ASSIGN(const auto text, shape.string("timestamp"));
    std::int64_t time_us = 0;
    if (!scan_timestamp(text, time_us))
        return make_error(ErrorCode::invalid_value, "stream_read: \"start\": " + quoted_value(text) +
                                                        " is not a timestamp; write it as "
                                                        "2024-01-31T12:00:00Z");
    return time_us;
}

Result<void> parse_stream_read(const JsonTape& tape, Index value, StreamReadRequest& read) {
    DL_TRY_ASSIGN(const auto shape,
                  JsonShape::of(tape, value, "stream_read",
                                {"table_name", "patition_mess", "partition_mess", "read_count", "start"}));
    DL_TRY_ASSIGN(read.table_name, shape.string("table_name"));
    DL_TRY_ASSIGN(const auto count, shape.integer("read_count", 1, std::numeric_limits<std::int64_t>::max()));
    read.read_count = static_cast<std::uint64_t>(count);
    if (const auto start = shape.find("start")) {
        DL_TRY_ASSIGN(read.since_us, parse_start(tape, *start));
    }
    DL_TRY_ASSIGN(const auto list, find_either(shape, "patition_mess", "partition_mess"));
    if (!list) return {};
    if (tape.kind(*list) != TapeKind::array) return shape.wrong("patition_mess", "an array");
    DL_TRY(check_member_count(tape, *list, "stream_read: \"patition_mess\"", limits::partitions_max));
    for (Index i = tape.first_member(*list); i < tape.members_end(*list); i = tape.next(i)) {
        DL_TRY_ASSIGN(const auto position, parse_position(tape, i, read.since_us.has_value()));
        read.partitions.push_back(position);
    }
    std::vector<std::uint32_t> codes;
    for (const auto& start : read.partitions)
        codes.push_back(start.partition);
    std::sort(codes.begin(), codes.end());
    const auto twice = std::adjacent_find(codes.begin(), codes.end());
    if (twice != codes.end())
        return invalid_request("stream_read asks for partition " + std::to_string(*twice) +
                               " twice; name each partition once");
    return {};
}

Result<std::string> parse_text(const JsonTape& tape, Index value, std::string_view statement) {
    if (tape.kind(value) != TapeKind::string)
        return invalid_request(std::string(statement) + " must be a string");
    std::string text = tape.string(value);
    if (text.size() > limits::sql_bytes_max)
        return make_error(ErrorCode::limit_exceeded,
                          std::string(statement) + " of " + std::to_string(text.size()) +
                              " bytes; the limit is " + std::to_string(limits::sql_bytes_max) +
                              " (sql_bytes_max), shorten it");
    return text;
}

constexpr unsigned bit(JsonRequest::Kind kind) {
    return 1u << static_cast<unsigned>(kind);
}

// Options that not every statement has.
struct OptionUse {
    std::string_view option;
    unsigned kinds;
    std::string_view of;
};
using Kind = JsonRequest::Kind;
constexpr unsigned kSql = bit(Kind::query) | bit(Kind::sql);
constexpr unsigned kJsonRows = bit(Kind::insert) | bit(Kind::batch_insert);
constexpr unsigned kWrites = kJsonRows | bit(Kind::batch_insert_binary) | bit(Kind::sql);
constexpr OptionUse kOptionUses[] = {
    {"batch_id", kWrites, "inserts and deletes"},
    {"producer_id", kWrites, "inserts and deletes"},
    {"sequence", kWrites, "inserts and deletes"},
    {"min_offsets", kSql | bit(Kind::stream_read), "query and stream_read"},
    {"as_of", kSql, "query"},
    {"format", bit(Kind::stream_read), "stream_read"},
    {"max_wait_ms", bit(Kind::stream_read), "stream_read"},
    {"min_rows", bit(Kind::stream_read), "stream_read"},
    {"table_id", bit(Kind::stream_read), "stream_read"},
    {"check_offsets", bit(Kind::stream_read), "stream_read"},
    {"progress", bit(Kind::compress_table) | bit(Kind::sql), "compress_table and sql"},
    {"repair", bit(Kind::check_table) | bit(Kind::sql), "check_table"},
    {"read", kSql | bit(Kind::stream_read), "query and stream_read"},
    {"params", kSql, "query and sql"},
    {"describe", kSql, "query and sql"},
    {"timestamp_unit", kJsonRows, "rows as JSON"},
    {"on_error", kJsonRows, "rows as JSON"},
    {"unknown_fields", kJsonRows, "rows as JSON"},
};

}  // namespace

// Fills a Document from its tape.
struct JsonRequestReader {
    using Kind = JsonRequest::Kind;
    JsonRequest::Document& document;
    const JsonTape& tape = document.tape;

    Result<void> read() {
        const Index root = JsonTape::kRoot;
        if (tape.kind(root) == TapeKind::string) {
            const std::string word = tape.string(root);
            if (word != "batch_insert") return unknown_statement(word);
            document.kind = Kind::batch_insert_binary;
            return {};
        }
        if (tape.kind(root) != TapeKind::object)
            return invalid_request("a statement is a JSON object with one key: " + std::string(kStatements));
        std::optional<Index> statement;
        std::optional<Index> options;
        for (Index i = tape.first_member(root); i < tape.members_end(root); i = tape.next(i + 1)) {
            const bool is_options = tape.string(i) == "options";
            auto& slot = is_options ? options : statement;
            if (slot)
                return invalid_request(is_options
                                           ? "the key \"options\" stands twice"
                                           : "a statement has one key beside \"options\"; send " +
                                                 quoted_value(tape.string(i)) + " as a request of its own");
            slot = i;
        }
        if (!statement)
            return invalid_request("the statement is missing; give one of " + std::string(kStatements));
        if (options) {
            DL_TRY_ASSIGN(document.options, parse_statement_options(tape, *options + 1));
        }
        DL_TRY(read_statement(tape.string(*statement), *statement + 1));
        return check_options();
    }

  private:
    // What means nothing beside the statement is not passed over in silence. Which SQL it is decides the
    // rest.
    Result<void> check_options() const {
        for (const auto name : document.options.given)
            for (const auto& use : kOptionUses)
                if (use.option == name && (use.kinds & bit(document.kind)) == 0)
                    return invalid_request("options: \"" + std::string(name) + "\" is for " +
                                           std::string(use.of) + "; leave it out here");
        return {};
    }

    static Error unknown_statement(std::string_view word) {
        return invalid_request("unknown statement " + quoted_value(word) + "; known are " +
                               std::string(kStatements));
    }

    Result<void> read_statement(const std::string& name, Index value) {
        if (name == "create") {
            document.kind = Kind::create;
            return parse_create(tape, value, document.create);
        }
        if (name == "insert") return read_insert(value);
        if (name == "batch_insert") return read_batch_insert(value);
        if (name == "stream_read") {
            document.kind = Kind::stream_read;
            return parse_stream_read(tape, value, document.stream_read);
        }
        if (name == "query" || name == "sql") {
            document.kind = name == "query" ? Kind::query : Kind::sql;
            DL_TRY_ASSIGN(document.text, parse_text(tape, value, name));
            return {};
        }
        if (name == "compress_table" || name == "check_table" || name == "metadata") {
            document.kind = name == "metadata"      ? Kind::metadata
                            : name == "check_table" ? Kind::check_table
                                                    : Kind::compress_table;
            DL_TRY_ASSIGN(document.table_name, parse_text(tape, value, name));
            return {};
        }
        if (name == "cluster_status") {
            document.kind = Kind::cluster_status;
            return check_object(tape, value, "cluster_status", 0);
        }
        if (name == "kill_query") {
            document.kind = Kind::kill_query;
            return read_killed(value);
        }
        return unknown_statement(name);
    }

    Result<void> read_killed(Index value) {
        std::string text;
        if (tape.kind(value) == TapeKind::string) text = tape.string(value);
        if (tape.kind(value) == TapeKind::number) text = tape.raw(value);
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, document.killed_query);
        if (text.empty() || error != std::errc() || stop != end)
            return invalid_request("kill_query: the number that system.queries shows for the statement");
        return {};
    }

    Result<void> read_insert(Index value) {
        document.kind = Kind::insert;
        DL_TRY_ASSIGN(const auto shape, JsonShape::of(tape, value, "insert", {"table_name", "crud", "data"}));
        DL_TRY_ASSIGN(document.table_name, shape.string("table_name"));
        DL_TRY_ASSIGN(document.data, shape.need("data"));
        if (tape.kind(document.data) != TapeKind::object)
            return shape.wrong("data", "an object with columns");
        if (!shape.find("crud")) return {};
        DL_TRY_ASSIGN(const auto crud, shape.string("crud"));
        if (crud != "insert" && crud != "delete")
            return shape.wrong("crud", "\"insert\" or \"delete\", not " + quoted_value(crud));
        document.is_delete = crud == "delete";
        return {};
    }

    Result<void> read_batch_insert(Index value) {
        if (tape.kind(value) == TapeKind::null) {
            document.kind = Kind::batch_insert_binary;
            return {};
        }
        document.kind = Kind::batch_insert;
        DL_TRY_ASSIGN(const auto shape,
                      JsonShape::of(tape, value, "batch_insert", {"table_name", "data", "partition_code"}));
        // Older clients name a partition; the major key alone decides.
        if (shape.find("partition_code")) {
            static std::once_flag said;
            std::call_once(said, [] {
                log_warn("session",
                         "a client names a partition_code with batch_insert: it is ignored, the major "
                         "key decides; said once");
            });
        }
        DL_TRY_ASSIGN(document.table_name, shape.string("table_name"));
        DL_TRY_ASSIGN(document.data, shape.need("data"));
        if (tape.kind(document.data) != TapeKind::array) return shape.wrong("data", "an array of rows");
        return {};
    }
};

JsonRequest::JsonRequest() : document_(std::make_unique<Document>()) {}
JsonRequest::JsonRequest(JsonRequest&&) noexcept = default;
JsonRequest& JsonRequest::operator=(JsonRequest&&) noexcept = default;
JsonRequest::~JsonRequest() = default;

Result<JsonRequest> JsonRequest::parse(std::string_view frame) {
    return parse_owned(std::string(frame));
}

Result<JsonRequest> JsonRequest::parse_owned(std::string frame) {
    JsonRequest request;
    DL_TRY_ASSIGN(request.document_->tape, JsonTape::parse(std::move(frame)));
    DL_TRY(JsonRequestReader{*request.document_}.read());
    return request;
}

JsonRequest::Kind JsonRequest::kind() const {
    return document_->kind;
}
const StatementOptions& JsonRequest::options() const {
    return document_->options;
}
const std::string& JsonRequest::table_name() const {
    return document_->table_name;
}
const std::string& JsonRequest::text() const {
    return document_->text;
}
std::uint64_t JsonRequest::killed_query() const {
    return document_->killed_query;
}
const CreateRequest& JsonRequest::create() const {
    return document_->create;
}
const StreamReadRequest& JsonRequest::stream_read() const {
    return document_->stream_read;
}

}  // namespace dl
