#include "master/protocol/native/statement_options.h"

#include <algorithm>
#include <limits>

#include "common/base/limits.h"
#include "common/base/quoted_value.h"
#include "common/base/scan_integer.h"
#include "common/json/json_shape.h"
#include "common/types/value_text.h"
#include "master/protocol/native/json_counts.h"

namespace dl {
namespace {

using Index = JsonTape::Index;
using TapeKind = JsonTape::Kind;
constexpr std::int64_t kTimeoutMsMax = 86'400'000;
const std::initializer_list<std::string_view> kOptions = {
    "timeout_ms",     "batch_id",    "producer_id",    "sequence", "meta",          "min_offsets", "as_of",
    "format",         "max_wait_ms", "min_rows",       "progress", "repair",        "params",      "describe",
    "timestamp_unit", "on_error",    "unknown_fields", "table_id", "check_offsets", "read"};

Error invalid_request(std::string message) {
    return make_error(ErrorCode::invalid_request, std::move(message));
}

// {"0":42}: of an option.
Result<std::map<std::uint32_t, Offset>> parse_offsets(const JsonTape& tape, Index value,
                                                      const std::string& name) {
    const std::string option = "options: \"" + name + "\"";
    DL_TRY(check_object(tape, value, option, limits::partitions_max));
    std::map<std::uint32_t, Offset> offsets;
    for (Index i = tape.first_member(value); i < tape.members_end(value); i = tape.next(i + 1)) {
        const std::string key = tape.string(i);
        std::int64_t partition = 0;
        std::int64_t offset = 0;
        if (!scan_int64(key, partition) || partition < 0 || key != std::to_string(partition) ||
            partition > std::numeric_limits<std::uint32_t>::max() || tape.kind(i + 1) != TapeKind::number ||
            !scan_int64(tape.raw(i + 1), offset) || offset < 0)
            return invalid_request(
                option + " must look like {\"0\":42}, a partition and an offset from 0 on; that of " +
                quoted_value(key) + " does not");
        if (!offsets.emplace(static_cast<std::uint32_t>(partition), offset).second)
            return invalid_request(option + " names partition " + std::to_string(partition) + " twice");
    }
    return offsets;
}

Result<master::SqlParameters> parse_params(const JsonTape& tape, Index value) {
    using master::SqlLiteral;
    if (tape.kind(value) != TapeKind::array)
        return invalid_request("options: \"params\" must be an array of values, the first for $1");
    DL_TRY(check_member_count(tape, value, "options: \"params\"", master::kSqlParametersMax));
    master::SqlParameters params;
    for (Index i = tape.first_member(value); i < tape.members_end(value); i = tape.next(i)) {
        SqlLiteral literal;
        switch (tape.kind(i)) {
            case TapeKind::string:
                literal.text = tape.string(i);
                break;
            case TapeKind::number:
                if (is_spelled_out(tape.raw(i)))
                    return invalid_request("options: \"params\": $" + std::to_string(params.size() + 1) +
                                           ": write " + std::string(tape.raw(i)) + " in quotes");
                literal.kind = SqlLiteral::Kind::number;
                literal.text = tape.raw(i);
                break;
            case TapeKind::boolean:
                literal.kind = SqlLiteral::Kind::boolean;
                literal.text = tape.raw(i);
                break;
            case TapeKind::null:
                literal.kind = SqlLiteral::Kind::null;
                break;
            default:
                return invalid_request("options: \"params\": $" + std::to_string(params.size() + 1) +
                                       " must be a string, number, boolean or null");
        }
        params.push_back(std::move(literal));
    }
    return params;
}

Result<void> parse_batch_id(const JsonShape& shape, std::optional<master::BatchId>& out) {
    const bool of_producer = shape.find("producer_id").has_value();
    if (of_producer != shape.find("sequence").has_value())
        return invalid_request(
            "\"producer_id\" and \"sequence\" in options belong together; send both or neither");
    const auto* const key = of_producer ? "producer_id" : "batch_id";
    if (!shape.find(key)) return {};
    if (of_producer && shape.find("batch_id"))
        return invalid_request("options has a \"batch_id\" and a \"producer_id\"; a batch has one of them");
    master::BatchId id;
    DL_TRY_ASSIGN(id.text, shape.string(key));
    if (id.text.empty() || id.text.size() > limits::batch_id_bytes_max)
        return shape.wrong(key, "1 to 64 bytes long");
    if (of_producer) {
        DL_TRY_ASSIGN(const auto number,
                      shape.integer("sequence", 1, std::numeric_limits<std::int64_t>::max()));
        id.sequence = static_cast<std::uint64_t>(number);
    }
    out = std::move(id);
    return {};
}

}  // namespace

Result<StatementOptions> parse_statement_options(const JsonTape& tape, JsonTape::Index value) {
    StatementOptions options;
    DL_TRY_ASSIGN(const auto shape, JsonShape::of(tape, value, "options", kOptions));
    for (const auto option : kOptions)
        if (shape.find(option)) options.given.push_back(option);
    if (shape.find("timeout_ms")) {
        DL_TRY_ASSIGN(options.timeout_ms, shape.integer("timeout_ms", 1, kTimeoutMsMax));
    }
    DL_TRY(parse_batch_id(shape, options.batch_id));
    DL_TRY_ASSIGN(options.meta, shape.boolean("meta", false));
    DL_TRY_ASSIGN(options.progress, shape.boolean("progress", false));
    DL_TRY_ASSIGN(options.repair, shape.boolean("repair", false));
    DL_TRY_ASSIGN(options.describe, shape.boolean("describe", false));
    if (const auto params = shape.find("params")) {
        DL_TRY_ASSIGN(options.params, parse_params(tape, *params));
    }
    if (const auto offsets = shape.find("min_offsets")) {
        DL_TRY_ASSIGN(options.min_offsets, parse_offsets(tape, *offsets, "min_offsets"));
    }
    if (const auto offsets = shape.find("as_of")) {
        DL_TRY_ASSIGN(options.as_of, parse_offsets(tape, *offsets, "as_of"));
    }
    if (shape.find("format")) {
        DL_TRY_ASSIGN(const auto format, shape.string("format"));
        using Format = master::RecordFormat;
        if (format == "rows")
            options.format = Format::rows;
        else if (format == "json")
            options.format = Format::json;
        else if (format == "columnar")
            options.format = Format::columnar;
        else
            return shape.wrong("format", "rows, json or columnar, not " + quoted_value(format));
    }
    for (const auto* name : {"on_error", "unknown_fields"}) {
        if (!shape.find(name)) continue;
        DL_TRY_ASSIGN(const auto what, shape.string(name));
        if (what != "skip" && what != "fail")
            return shape.wrong(name, "skip or fail, not " + quoted_value(what));
        (std::string_view(name) == "on_error" ? options.skip_bad_rows : options.skip_unknown_fields) =
            what == "skip";
    }
    if (shape.find("timestamp_unit")) {
        DL_TRY_ASSIGN(const auto unit, shape.string("timestamp_unit"));
        constexpr std::string_view kUnits[] = {"s", "ms", "us", "ns"};
        const auto* const found = std::find(std::begin(kUnits), std::end(kUnits), unit);
        if (found == std::end(kUnits))
            return shape.wrong("timestamp_unit", "s, ms, us or ns, not " + quoted_value(unit));
        options.timestamp_unit = static_cast<TimestampUnit>(found - std::begin(kUnits));
    }
    if (shape.find("table_id")) {
        DL_TRY_ASSIGN(options.table_id, shape.string("table_id"));
        if (options.table_id.empty()) return shape.wrong("table_id", "what a meta frame named");
    }
    if (shape.find("read")) {
        DL_TRY_ASSIGN(const auto from, shape.string("read"));
        if (from != "any" && from != "leader")
            return shape.wrong("read", "leader or any, not " + quoted_value(from));
        options.any_copy = from == "any";
    }
    DL_TRY_ASSIGN(options.check_offsets, shape.boolean("check_offsets", false));
    DL_TRY_ASSIGN(options.max_wait_ms, shape.integer("max_wait_ms", 0, limits::long_poll_wait_ms_max, 0));
    DL_TRY_ASSIGN(const auto rows, shape.integer("min_rows", 1, std::numeric_limits<std::int64_t>::max(), 1));
    options.min_rows = static_cast<std::uint64_t>(rows);
    return options;
}

}  // namespace dl
