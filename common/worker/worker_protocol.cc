#include "common/worker/worker_protocol.h"

#include <algorithm>

#include "common/base/byte_io.h"
#include "common/base/utf8.h"
#include "common/json/json_check.h"

namespace dl {
namespace {

// Bounds on what a worker says of itself.
constexpr std::size_t kMissingMax = 16;
constexpr std::uint8_t kPrecisionMax = 38;
constexpr std::uint32_t kColumnsMax = 1u << 20;
constexpr std::size_t kMessageBytesMax = 64u << 10;

Error corrupt(const char* what) {
    return make_error(ErrorCode::corrupt_data,
                      std::string("a process for queries: ") + what + " is not as it should be");
}

void append_list(std::string& out, const std::vector<std::string>& texts) {
    append_le(out, static_cast<std::uint32_t>(texts.size()));
    for (const auto& text : texts)
        append_string(out, text);
}

std::vector<std::string> read_list(ByteReader& in) {
    std::vector<std::string> texts;
    for (auto left = in.read<std::uint32_t>(); left > 0 && in.ok(); --left)
        texts.emplace_back(in.read_string());
    return texts;
}

bool is_result_type(DataType type) {
    if (type.kind < TypeKind::int32 || type.kind > TypeKind::json) return false;
    if (type.kind != TypeKind::decimal) return type.precision == 0 && type.scale == 0;
    return type.precision >= 1 && type.precision <= kPrecisionMax && type.scale <= type.precision;
}

// A client is told it.
void make_readable(std::string& message) {
    if (message.size() > kMessageBytesMax) message.resize(kMessageBytesMax);
    if (is_utf8(message)) return;
    for (auto& c : message)
        if (static_cast<unsigned char>(c) >= 0x80) c = '?';
}

bool is_text(const ResultColumn& column) {
    return is_utf8(column.name);
}

// Frames of a result carry it as it is.
bool all_json(const ColumnBatch& batch) {
    for (const auto& column : batch.columns()) {
        if (column.type.kind != TypeKind::json) continue;
        for (std::uint32_t row = 0; row < batch.rows(); ++row)
            if (!column.is_null(row) && !is_json_text(column.bytes(row))) return false;
    }
    return true;
}

}  // namespace

std::string WorkerSetup::encode() const {
    std::string out;
    append_le(out, parent);
    append_le(out, threads);
    append_le(out, niceness);
    append_le(out, memory_bytes);
    append_list(out, readable_folders);
    append_string(out, spill_folder);
    append_string(out, memory_key);
    return out;
}

Result<WorkerSetup> WorkerSetup::decode(std::string_view bytes) {
    ByteReader in(bytes);
    WorkerSetup setup;
    setup.parent = in.read<std::int32_t>();
    setup.threads = in.read<std::uint32_t>();
    setup.niceness = in.read<std::int32_t>();
    setup.memory_bytes = in.read<std::uint64_t>();
    setup.readable_folders = read_list(in);
    setup.spill_folder = in.read_string();
    setup.memory_key = in.read_string();
    if (!in.at_end()) return corrupt("its setup");
    return setup;
}

std::string WorkerReady::encode() const {
    std::string out;
    append_list(out, missing);
    return out;
}

Result<WorkerReady> WorkerReady::decode(std::string_view bytes) {
    ByteReader in(bytes);
    WorkerReady ready;
    ready.missing = read_list(in);
    if (!in.at_end() || ready.missing.size() > kMissingMax) return corrupt("its greeting");
    return ready;
}

std::string WorkerFailure::encode() const {
    std::string out;
    append_le(out, static_cast<std::uint8_t>(error.code));
    append_le(out, static_cast<std::uint8_t>(ends ? 1 : 0));
    append_string(out, error.message);
    return out;
}

Result<WorkerFailure> WorkerFailure::decode(std::string_view bytes) {
    ByteReader in(bytes);
    WorkerFailure failure;
    const auto code = in.read<std::uint8_t>();
    failure.ends = in.read<std::uint8_t>() != 0;
    failure.error.message = in.read_string();
    if (!in.at_end() || code > static_cast<std::uint8_t>(ErrorCode::internal)) return corrupt("its error");
    failure.error.code = static_cast<ErrorCode>(code);
    make_readable(failure.error.message);
    return failure;
}

Error too_little_memory(const std::string& memory_key) {
    return make_error(ErrorCode::limit_exceeded, "the query needs more memory than one may take; raise " +
                                                     memory_key + " or ask for less");
}

std::string encode_columns(const std::vector<ResultColumn>& columns) {
    std::string out;
    append_le(out, static_cast<std::uint32_t>(columns.size()));
    for (const auto& column : columns) {
        append_string(out, column.name);
        append_le(out, static_cast<std::uint8_t>(column.type.kind));
        append_le(out, column.type.precision);
        append_le(out, column.type.scale);
    }
    return out;
}

Result<std::vector<ResultColumn>> decode_columns(std::string_view bytes) {
    ByteReader in(bytes);
    std::vector<ResultColumn> columns;
    auto left = in.read<std::uint32_t>();
    if (left > kColumnsMax) return corrupt("the columns of its result");
    for (; left > 0 && in.ok(); --left) {
        ResultColumn column;
        column.name = in.read_string();
        column.type.kind = static_cast<TypeKind>(in.read<std::uint8_t>());
        column.type.precision = in.read<std::uint8_t>();
        column.type.scale = in.read<std::uint8_t>();
        if (!in.ok() || !is_result_type(column.type) || !is_text(column))
            return corrupt("a column of its result");
        columns.push_back(std::move(column));
    }
    if (!in.at_end()) return corrupt("the columns of its result");
    return columns;
}

Result<ColumnBatch> decode_rows(const SharedBytes& bytes, const std::vector<ResultColumn>& columns) {
    constexpr std::size_t kCountBytes = 4;
    if (bytes.size() < kCountBytes) return corrupt("a batch of its rows");
    const auto rows = load_le<std::uint32_t>(bytes.data());
    DL_TRY_ASSIGN(auto batch,
                  ColumnBatch::decode(bytes.slice(kCountBytes, bytes.size() - kCountBytes), rows, true));
    const bool fits =
        rows > 0 && std::ranges::equal(batch.columns(), columns, {}, &ColumnView::type, &ResultColumn::type);
    if (!fits || !all_json(batch)) return corrupt("a batch of its rows");
    return batch;
}

}  // namespace dl
