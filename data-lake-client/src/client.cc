#include "datalake/client.h"

#include <snappy.h>

#include <charconv>

#include "common/base/limits.h"
#include "data-lake-client/src/batch_identity.h"
#include "data-lake-client/src/client_impl.h"
#include "data-lake-client/src/consumer_impl.h"
#include "data-lake-client/src/json_text.h"
#include "data-lake-client/src/query_result_impl.h"
#include "data-lake-client/src/statement.h"

namespace datalake {
namespace {

constexpr std::uint16_t kPortDefault = 7853;

std::string object_of(std::string_view statement, std::string_view string_value) {
    std::string json = "{";
    append_json_string(json, statement);
    json += ':';
    append_json_string(json, string_value);
    json += '}';
    return json;
}

Error not_as_documented(std::string_view what) {
    return Error(ErrorCode::protocol_error, "the reply to " + std::string(what) + " is not as documented");
}

void append_rows(std::string& json, const std::vector<Row>& rows, std::string_view crud) {
    bool first_row = true;
    for (const auto& row : rows) {
        json += first_row ? "{" : ",{";
        first_row = false;
        for (const auto& [column, value] : row) {
            append_json_string(json, column);
            json += ':';
            append_json_value(json, value);
            json += ',';
        }
        json += "\"_crud_type\":\"";
        json += crud;
        json += "\"}";
    }
}

Result<InsertResult> run_write(Session& session, const std::string& json,
                               std::optional<std::string_view> attachment, SendOptions sent_under) {
    InsertResult result;
    std::string meta;
    auto done = session.run({json, attachment, Session::Resend::unfinished, false}, [&](ReplyItem&& item) {
        if (item.kind == ReplyItem::Kind::frame) meta = std::move(item.body);
        return true;
    });
    if (!done.ok()) return done.error();
    result.batch_id = std::move(sent_under.batch_id);
    result.producer_id = std::move(sent_under.producer_id);
    result.sequence = sent_under.sequence;
    if (const auto object = json_member(meta, "meta")) {
        if (const auto offsets = json_member(object->raw, "offsets");
            offsets && offsets->kind == JsonKind::object) {
            auto ranges = parse_offset_ranges(offsets->raw);
            if (!ranges.ok()) return not_as_documented("a batch");
            result.offsets = std::move(*ranges);
        }
    }
    return result;
}

}  // namespace

Result<void> check_sql_name(std::string_view what, std::string_view name) {
    bool good = !name.empty() && name.size() <= 128 && !(name[0] >= '0' && name[0] <= '9');
    for (const char c : name)
        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == '_' || static_cast<unsigned char>(c) >= 0x80);
    if (good) return {};
    return Error(ErrorCode::invalid_argument, "\"" + std::string(name) + "\" is not the name of a " +
                                                  std::string(what) +
                                                  ": letters, digits and _, not a digit first");
}

Result<TableInfo> parse_describe(std::string_view json) {
    TableInfo table;
    JsonReader reader(json);
    reader.enter();
    while (reader.next()) {
        const auto key = reader.key();
        const auto text = reader.value().text();
        if (key == "table_name") {
            table.name = text;
        } else if (key == "major_key") {
            table.key = text;
        } else if (key == "partition_number") {
            continue;  // partition_address lists them all
        } else if (key == "partition_address") {
            JsonReader partitions(text);
            if (!partitions.enter()) return not_as_documented("desc");
            while (partitions.next()) {
                const auto partition = JsonSlice{JsonKind::number, partitions.raw_key()}.integer();
                JsonReader copies(partitions.value().raw);
                if (!partition || !copies.enter()) return not_as_documented("desc");
                auto& info = table.partitions[static_cast<std::uint32_t>(*partition)];
                while (copies.next()) {
                    const auto address = json_member(copies.value().raw, "address");
                    const auto role = json_member(copies.value().raw, "info");
                    if (!address || !role) return not_as_documented("desc");
                    if (role->text() == "Leader") {
                        info.leader = address->text();
                    } else {
                        info.followers.push_back(address->text());
                    }
                }
            }
        } else {
            const auto type = json_member(text, "datatype");
            const auto config = json_member(text, "column_config");
            if (!type || !config) return not_as_documented("desc");
            ColumnInfo column{key, type->text(), config->text(), std::nullopt};
            if (const auto value = json_member(text, "default_value"); value && value->kind != JsonKind::null)
                column.default_value = value->text();
            table.columns.push_back(std::move(column));
        }
    }
    if (reader.failed() || table.name.empty()) return not_as_documented("desc");
    return table;
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(std::string_view address, const Options& options) {
    auto parsed = dl::net::parse_address(address, {.port = kPortDefault, .port_min = 1});
    if (parsed.has_error())
        return Error(ErrorCode::invalid_argument,
                     "address \"" + std::string(address) + "\" " + parsed.error().message);
    auto impl = std::make_unique<Impl>(std::move(*parsed), options);
    if (auto connected = impl->session.connect(); !connected.ok()) return connected.error();
    return Client(std::move(impl));
}

const std::string& Client::address() const {
    return impl_->text;
}
void Client::set_timeout(std::chrono::milliseconds timeout) {
    impl_->session.set_timeout(timeout);
}
void Client::cancel() {
    impl_->session.canceller().cancel();
}

Result<ReplyKind> Client::execute(std::string_view json, std::optional<std::string_view> attachment,
                                  const std::function<bool(ReplyKind kind, std::string&& frame)>& on_frame) {
    const auto traits = statement_traits(json);
    if (traits.takes_attachment != attachment.has_value())
        return Error(ErrorCode::invalid_argument,
                     attachment
                         ? "this statement takes no second frame"
                         : "the binary batch_insert takes a second frame; use BatchBuilder and send()");
    auto resend = Session::Resend::never;
    if (traits.read_only) resend = Session::Resend::lost;
    if (traits.has_batch_id) resend = Session::Resend::unfinished;
    ReplyKind kind = ReplyKind::done;
    auto done = impl_->session.run({json, attachment, resend, traits.one_frame}, [&](ReplyItem&& item) {
        switch (item.kind) {
            case ReplyItem::Kind::frame:
                kind = ReplyKind::frames;
                break;
            case ReplyItem::Kind::describe:
                kind = ReplyKind::describe;
                break;
            case ReplyItem::Kind::max_offset:
                kind = ReplyKind::max_offset;
                break;
            default:
                return true;
        }
        return on_frame(kind, std::move(item.body));
    });
    if (!done.ok()) return done.error();
    return kind;
}

Result<Reply> Client::execute(std::string_view json, std::optional<std::string_view> attachment) {
    Reply reply;
    auto kind = execute(json, attachment, [&](ReplyKind, std::string&& frame) {
        reply.frames.push_back(std::move(frame));
        return true;
    });
    if (!kind.ok()) return kind.error();
    reply.kind = *kind;
    return reply;
}

Result<Reply> Client::sql(std::string_view text) {
    return execute(object_of("sql", text));
}

Result<void> Client::create(const TableSpec& table) {
    std::string json = "{\"create\":{\"table_name\":";
    append_json_string(json, table.name);
    json += ",\"col_type\":{";
    for (const auto& [name, type] : table.columns) {
        if (json.back() != '{') json += ',';
        append_json_string(json, name);
        json += ':';
        append_json_string(json, type);
    }
    json += "},\"partition_number\":" + std::to_string(table.partitions) + ",\"major_key\":";
    append_json_string(json, table.key);
    if (table.copies != 1) json += ",\"replica_number\":" + std::to_string(table.copies);
    if (table.history_hours) json += ",\"history_hours\":" + std::to_string(*table.history_hours);
    if (table.history_bytes) json += ",\"history_bytes\":" + std::to_string(*table.history_bytes);
    if (!table.not_null.empty()) {
        json += ",\"not_null\":[";
        for (const auto& name : table.not_null) {
            if (json.back() != '[') json += ',';
            append_json_string(json, name);
        }
        json += ']';
    }
    if (!table.defaults.empty()) {
        json += ",\"default\":{";
        for (const auto& [name, value] : table.defaults) {
            if (json.back() != '{') json += ',';
            append_json_string(json, name);
            json += ':';
            append_json_value(json, value);
        }
        json += '}';
    }
    json += "}}";
    auto reply = execute(json);
    if (!reply.ok()) return reply.error();
    return {};
}

Result<void> Client::drop(std::string_view table) {
    if (auto good = check_sql_name("table", table); !good.ok()) return good;
    auto reply = sql("drop table " + std::string(table));
    if (!reply.ok()) return reply.error();
    return {};
}

Result<void> Client::compress(std::string_view table) {
    auto reply = execute(object_of("compress_table", table));
    if (!reply.ok()) return reply.error();
    return {};
}

Result<std::vector<std::string>> Client::tables() {
    auto reply = sql("show_table");
    if (!reply.ok()) return reply.error();
    std::vector<std::string> names;
    if (reply->frames.size() != 1) return not_as_documented("show_table");
    JsonReader reader(reply->frames[0]);
    reader.enter();
    while (reader.next())
        names.push_back(reader.value().text());
    if (reader.failed()) return not_as_documented("show_table");
    return names;
}

Result<TableInfo> Client::describe(std::string_view table) {
    if (auto good = check_sql_name("table", table); !good.ok()) return good.error();
    auto reply = sql("desc " + std::string(table));
    if (!reply.ok()) return reply.error();
    if (reply->kind != ReplyKind::describe || reply->frames.size() != 1) return not_as_documented("desc");
    return parse_describe(reply->frames[0]);
}

Result<std::map<std::uint32_t, std::int64_t>> Client::max_offset(std::string_view table) {
    if (auto good = check_sql_name("table", table); !good.ok()) return good.error();
    auto reply = sql("max_offset " + std::string(table));
    if (!reply.ok()) return reply.error();
    if (reply->kind != ReplyKind::max_offset || reply->frames.size() != 1)
        return not_as_documented("max_offset");
    return parse_offsets(reply->frames[0]);
}

Result<TableOffsets> Client::offsets(std::string_view table, std::string_view since) {
    if (auto good = check_sql_name("table", table); !good.ok()) return good.error();
    std::string statement = "show offsets " + std::string(table);
    if (!since.empty()) {
        if (since.find('\'') != std::string_view::npos)
            return Error(ErrorCode::invalid_argument, "\"" + std::string(since) + "\" is no timestamp");
        statement += " since '" + std::string(since) + "'";
    }
    auto reply = sql(statement);
    if (!reply.ok()) return reply.error();
    TableOffsets offsets;
    for (const auto& row : reply->frames) {
        const auto number = [&](std::string_view column) -> std::optional<std::int64_t> {
            const auto value = json_member(row, column);
            return value ? value->integer() : std::nullopt;
        };
        const auto partition = number("partition");
        const auto first = number("first_offset");
        const auto history = number("history_offset");
        const auto last = number("last_offset");
        const auto table_id = json_member(row, "table_id");
        if (!partition || *partition < 0 || !first || !history || !last || !table_id)
            return not_as_documented("show offsets");
        offsets.table_id = table_id->text();
        offsets.partitions[static_cast<std::uint32_t>(*partition)] = {*first, *history, *last,
                                                                      number("since_offset")};
    }
    return offsets;
}

Result<InsertResult> Client::insert(std::string_view table, const Row& row, const SendOptions& options) {
    return insert(table, std::vector<Row>{row}, options);
}

Result<InsertResult> Client::insert(std::string_view table, const std::vector<Row>& rows,
                                    const SendOptions& options) {
    auto id = impl_->producer.identify(options);
    if (!id.ok()) return id.error();
    std::string json = "{\"batch_insert\":{\"table_name\":";
    append_json_string(json, table);
    json += ",\"data\":[";
    append_rows(json, rows, "insert");
    json += "]}";
    append_write_options(json, *id);
    return run_write(impl_->session, json, std::nullopt, std::move(*id));
}

Result<InsertResult> Client::remove(std::string_view table, const Row& key, const SendOptions& options) {
    auto id = impl_->producer.identify(options);
    if (!id.ok()) return id.error();
    std::string json = "{\"batch_insert\":{\"table_name\":";
    append_json_string(json, table);
    json += ",\"data\":[";
    append_rows(json, {key}, "delete");
    json += "]}";
    append_write_options(json, *id);
    return run_write(impl_->session, json, std::nullopt, std::move(*id));
}

Result<InsertResult> Client::send(const BatchBuilder& batch, const SendOptions& options) {
    return send(batch, 0, batch.rows(), options);
}

Result<InsertResult> Client::send(const BatchBuilder& batch, std::uint32_t first, std::uint32_t end,
                                  const SendOptions& options) {
    auto id = impl_->producer.identify(options);
    if (!id.ok()) return id.error();
    const auto plain = batch.encode(first, end);
    if (plain.size() > dl::limits::batch_plain_bytes_max)
        return Error(ErrorCode::invalid_argument,
                     "the batch has " + std::to_string(plain.size()) + " bytes; the server takes up to " +
                         std::to_string(dl::limits::batch_plain_bytes_max) + ": send fewer rows at once");
    std::string packed;
    snappy::Compress(plain.data(), plain.size(), &packed);
    std::string json = "{\"batch_insert\":null";
    append_write_options(json, *id);
    return run_write(impl_->session, json, packed, std::move(*id));
}

Result<QueryResult> Client::query(std::string_view select, const QueryOptions& options) {
    std::string json = "{\"query\":";
    append_json_string(json, select);
    std::string extra;
    if (options.meta) extra += ",\"meta\":true";
    if (options.timeout_ms) extra += ",\"timeout_ms\":" + std::to_string(*options.timeout_ms);
    if (!options.min_offsets.empty()) {
        extra += ",\"min_offsets\":{";
        for (const auto& [partition, offset] : options.min_offsets) {
            if (extra.back() != '{') extra += ',';
            extra += '"' + std::to_string(partition) + "\":" + std::to_string(offset);
        }
        extra += '}';
    }
    if (options.any_copy) extra += ",\"read\":\"any\"";
    if (!extra.empty()) json += ",\"options\":{" + extra.substr(1) + "}";
    json += '}';
    auto impl = std::make_unique<QueryResult::Impl>(impl_->session, options.meta);
    if (auto begun = impl->begin({json, std::nullopt, Session::Resend::lost, false}); !begun.ok())
        return begun.error();
    return QueryResult(std::move(impl));
}

Result<Consumer> Client::consume(std::string_view table, const ConsumerOptions& options) {
    auto impl = std::make_unique<Consumer::Impl>(impl_->session.address(), impl_->session.options(),
                                                 std::string(table), options);
    if (auto opened = impl->open(*this); !opened.ok()) return opened.error();
    return Consumer(std::move(impl));
}

}  // namespace datalake
