#include "master/protocol/native/native_reply.h"

#include <array>
#include <utility>

#include "common/base/byte_io.h"
#include "common/base/failpoint.h"
#include "common/json/json_writer.h"
#include "master/protocol/native/reply_codec.h"
#include "master/protocol/native/row_frames.h"
#include "master/protocol/native/table_text.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

template <class... Fns>
struct Overloaded : Fns... {
    using Fns::operator()...;
};

// -1, after one {"meta":{...}} frame when it is asked for. `fields`: members of the object, as JSON text.
void append_success(std::string& out, const ReplyForm& form, steady_clock::time_point started,
                    std::string fields) {
    if (form.meta) {
        const auto elapsed =
            std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started);
        if (!fields.empty()) fields += ',';
        append_frame(out,
                     "{\"meta\":{" + fields + "\"elapsed_ms\":" + std::to_string(elapsed.count()) + "}}");
    }
    append_code(out, kReplySuccess);
}

std::string meta_of(const RowsAppended& appended) {
    std::string meta = "\"offsets\":";
    append_ranges_json(meta, appended.whole->offsets);
    meta += ",\"rows\":" + std::to_string(appended.rows);
    if (appended.had_batch_id)
        meta += appended.whole->duplicate ? ",\"duplicate\":true" : ",\"duplicate\":false";
    if (appended.refused.count == 0) return meta;
    meta += ",\"refused_rows\":" + std::to_string(appended.refused.count) + ",\"refused\":[";
    for (const auto& refused : appended.refused.rows) {
        if (meta.back() != '[') meta += ',';
        meta += "{\"row\":" + std::to_string(refused.row) + ",\"error\":";
        append_json_string(meta, refused.error.to_text());
        meta += '}';
    }
    meta += ']';
    return meta;
}

std::string meta_of(const RecordsRead& read) {
    std::string meta = "\"next\":";
    append_offsets_json(meta, *read.whole);
    OffsetRangeMap dropped;
    for (const auto& result : read.partitions)
        if (result.dropped_first && result.dropped_last)
            dropped[result.partition.value] = {*result.dropped_first, *result.dropped_last};
    meta += ",\"compacted\":";
    append_ranges_json(meta, dropped);
    return meta + ",\"table_id\":\"" + read.table_id + '"';
}

std::string meta_of(const RowCursor& rows) {
    std::string meta = "\"offsets\":{";
    bool first = true;
    for (const auto& [table, offsets] : rows.offsets()) {
        if (!first) meta += ',';
        first = false;
        append_json_string(meta, table);
        meta += ':';
        append_offsets_json(meta, offsets);
    }
    meta += "},\"behind\":{";
    first = true;
    for (const auto& [table, records] : rows.behind()) {
        if (!first) meta += ',';
        first = false;
        append_json_string(meta, table);
        meta += ':' + std::to_string(records);
    }
    return meta + "},\"rows\":" + std::to_string(rows.rows());
}

std::string names_json(const std::vector<std::string>& names) {
    std::string json = "[";
    for (const auto& name : names) {
        if (json.size() > 1) json += ',';
        append_json_string(json, name);
    }
    return json + ']';
}

std::string type_json(const std::optional<DataType>& type) {
    return type ? '"' + type_name(*type) + '"' : "null";
}

std::string shape_json(const StatementShape& shape) {
    std::string json = "{\"columns\":[";
    for (const auto& column : shape.columns) {
        json += json.back() == '[' ? "{\"name\":" : ",{\"name\":";
        append_json_string(json, column.name);
        json += ",\"type\":" + type_json(column.type) + '}';
    }
    json += "],\"parameters\":[";
    for (const auto& type : shape.parameters) {
        json += json.back() == '[' ? "{\"type\":" : ",{\"type\":";
        json += type_json(type) + '}';
    }
    return json + "]}";
}

std::string progress_json(const CompressProgress& now) {
    // A statement that writes what it reads does not know how much that will be.
    const auto percent = now.rows_total != 0  ? now.rows_done * 100 / now.rows_total
                         : now.rows_done == 0 ? 100
                                              : 0;
    return "{\"progress\":{\"rows_done\":" + std::to_string(now.rows_done) +
           ",\"rows_total\":" + std::to_string(now.rows_total) + ",\"bytes\":" + std::to_string(now.bytes) +
           ",\"percent\":" + std::to_string(percent) + "}}";
}

// Of all replies but rows.
std::string bytes_of(const Reply& reply, const ReplyForm& form, steady_clock::time_point started) {
    std::string out;
    std::visit(Overloaded{
                   [&](const Done&) { append_success(out, form, started, ""); },
                   [&](const RowsAppended& appended) {
                       append_success(out, form, started, form.meta ? meta_of(appended) : "");
                   },
                   [&](const TableDescription& description) {
                       if (!form.metadata) {
                           append_coded_text(out, kReplyDesc,
                                             desc_json(*description.table, description.routes));
                           return;
                       }
                       append_frame(out, metadata_json(*description.table, description.routes));
                       append_success(out, form, started, "");
                   },
                   [&](const ViewDescription& view) {
                       append_coded_text(out, kReplyDesc, desc_json(view.view, view.shape));
                   },
                   // and no -1: existing clients read one frame
                   [&](const TableNames& names) { append_frame(out, names_json(names.names)); },
                   [&](const LastOffsets& last) {
                       std::string json;
                       append_offsets_json(json, last.offsets);
                       append_coded_text(out, kReplyMaxOffset, json);
                   },
                   [&](const RecordsRead& read) {
                       auto meta = meta_of(read);
                       append_success(out, form, started, std::move(meta));
                   },
                   [&](const StatementShape& shape) {
                       append_frame(out, shape_json(shape));
                       append_success(out, form, started, "");
                   },
                   [](const std::unique_ptr<RowCursor>&) {},
               },
               reply);
    return out;
}

}  // namespace

asio::awaitable<Result<void>> NativeReply::write_one(std::string bytes) {
    const std::string_view part = bytes;
    co_return co_await channel_.write(std::span(&part, 1));
}

asio::awaitable<Result<void>> NativeReply::records(SharedBytes frame) {
    std::array<char, 4> length{};
    store_be32(length.data(), static_cast<std::uint32_t>(frame.size()));
    const std::array<std::string_view, 2> parts = {std::string_view(length.data(), length.size()),
                                                   frame.view()};
    co_return co_await channel_.write(parts);
}

asio::awaitable<Result<void>> NativeReply::progress(CompressProgress now) {
    if (form_ == nullptr || !form_->progress) co_return Result<void>();
    std::string out;
    append_frame(out, progress_json(now));
    co_return co_await write_one(std::move(out));
}

asio::awaitable<Result<void>> NativeReply::partition_checked(std::string report) {
    std::string out;
    append_frame(out, report);
    co_return co_await write_one(std::move(out));
}

asio::awaitable<Result<void>> NativeReply::write_rows(RowCursor& rows, const ReplyForm& form,
                                                      steady_clock::time_point started) {
    auto frames = std::make_shared<RowFrames>(rows.columns());
    for (;;) {
        const auto more = co_await rows.fill(frames);
        if (more.has_error()) {
            // Rows before the one that failed are not worth sending.
            co_return more.error();
        }
        auto bytes = frames->take_bytes();
        if (!*more) append_success(bytes, form, started, form.meta ? meta_of(rows) : "");
        auto written = co_await write_one(std::move(bytes));
        if (written.has_error() || !*more) co_return written;
    }
}

asio::awaitable<Result<void>> NativeReply::finish(Reply reply, const ReplyForm& form,
                                                  steady_clock::time_point started) {
    if (auto* rows = std::get_if<std::unique_ptr<RowCursor>>(&reply))
        co_return co_await write_rows(**rows, form, started);
    if (auto failure = failure_of(reply)) co_return std::move(*failure);
    auto bytes = bytes_of(reply, form, started);
    auto written = co_await write_one(std::move(bytes));
    if (std::holds_alternative<RowsAppended>(reply)) DL_FAILPOINT("append.after-ack-send");
    co_return written;
}

asio::awaitable<Result<void>> NativeReply::fail(const Error& error) {
    auto bytes = error_reply(error);
    co_return co_await write_one(std::move(bytes));
}

}  // namespace dl::master
