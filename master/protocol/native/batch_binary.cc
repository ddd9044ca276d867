#include "master/protocol/native/batch_binary.h"

#include <snappy.h>

#include "common/base/byte_io.h"
#include "common/types/value_text.h"
#include "master/routing/partitioned_batch_builder.h"

namespace dl {
namespace {

constexpr std::string_view kNull = "/~|";
// One element of a snappy block makes at most 64 bytes of three.
constexpr std::size_t kSnappyRatioMax = 22;

Error syntax_error(std::string_view what) {
    return make_error(ErrorCode::syntax_error,
                      "binary batch: " + std::string(what) +
                          "; send table name, columns and rows as the protocol has them");
}

struct BatchHead {
    std::string_view table;
    std::vector<std::string_view> columns;
    std::uint32_t rows = 0;
};

Result<BatchHead> read_head(ByteReader& in) {
    BatchHead head;
    head.table = in.read_string();
    const auto columns = in.read<std::uint32_t>();
    if (!in.ok()) return syntax_error("it ends inside its head");
    if (columns > limits::columns_max + 1)
        return make_error(ErrorCode::limit_exceeded,
                          "binary batch: " + std::to_string(columns) + " columns; the limit is " +
                              std::to_string(limits::columns_max) + " (columns_max)");
    if (columns > in.remaining() / 4) return syntax_error("it ends inside its column names");
    head.columns.reserve(columns);
    for (std::uint32_t i = 0; i < columns; ++i)
        head.columns.push_back(in.read_string());
    head.rows = in.read<std::uint32_t>();
    if (!in.ok()) return syntax_error("it ends inside its column names");
    if (head.rows > in.remaining() / (4 + 4 * std::size_t{columns}))
        return syntax_error("it ends before its " + std::to_string(head.rows) + " rows");
    return head;
}

// Columns of the table in the order of the batch; one of them may be kCrud, none may stand twice.
Result<std::vector<std::uint32_t>> resolve_columns(const BatchHead& head,
                                                   const PartitionedBatchBuilder& builder,
                                                   std::size_t column_count) {
    std::vector<std::uint32_t> columns;
    std::vector<bool> seen(column_count + 1);
    for (const auto name : head.columns) {
        if (!is_utf8(name)) return syntax_error("a column name that is not UTF-8");
        DL_TRY_ASSIGN(const auto column, builder.resolve(name));
        const std::size_t slot = column == PartitionedBatchBuilder::kCrud ? column_count : column;
        if (seen[slot])
            return make_error(ErrorCode::invalid_request, "binary batch: column " + quoted_value(name) +
                                                              " stands twice; give each column once");
        seen[slot] = true;
        columns.push_back(column);
    }
    return columns;
}

class BinaryRowsReader {
  public:
    BinaryRowsReader(ByteReader& in, const std::vector<std::uint32_t>& columns,
                     PartitionedBatchBuilder& builder)
        : in_(in), columns_(columns), builder_(builder) {}

    bool row() {
        builder_.begin_row();
        const auto values = in_.read<std::uint32_t>();
        if (!in_.ok()) return cut_short();
        if (values != columns_.size())
            return builder_.fail_row(ErrorCode::syntax_error, "binary batch: " + std::to_string(values) +
                                                                  " values for " +
                                                                  std::to_string(columns_.size()) +
                                                                  " columns; give one value per column");
        bool is_delete = false;
        for (const auto column : columns_) {
            const std::string_view text = in_.read_string();
            if (!in_.ok()) return cut_short();
            if (column == PartitionedBatchBuilder::kCrud) {
                if (!crud(text, is_delete)) return false;
            } else if (text != kNull && !builder_.put_text(column, text, false)) {
                return false;
            }
        }
        return builder_.finish_row(is_delete);
    }

  private:
    bool cut_short() {
        return builder_.fail_row(ErrorCode::syntax_error,
                                 "binary batch: it ends inside this row; check the lengths");
    }
    bool crud(std::string_view text, bool& is_delete) {
        is_delete = text == "delete";
        if (is_delete || text == "insert") return true;
        return builder_.fail_row(ErrorCode::invalid_value,
                                 "_crud_type must be \"insert\" or \"delete\", not " + quoted_value(text));
    }

    ByteReader& in_;
    const std::vector<std::uint32_t>& columns_;
    PartitionedBatchBuilder& builder_;
};

// Without rows nothing is done, whatever the columns are called; the rest must still be well formed.
Result<PartitionedBatch> empty_batch(const ByteReader& in) {
    if (!in.at_end()) return syntax_error("bytes behind its last row");
    return PartitionedBatch{};
}

}  // namespace

Result<std::string> snappy_uncompress_checked(std::string_view compressed, std::size_t plain_bytes_max) {
    std::size_t size = 0;
    if (!snappy::GetUncompressedLength(compressed.data(), compressed.size(), &size))
        return make_error(ErrorCode::syntax_error,
                          "not a raw snappy block; compress with snappy's block format");
    if (size > plain_bytes_max)
        return make_error(ErrorCode::limit_exceeded,
                          "snappy block of " + std::to_string(size) + " bytes uncompressed; the limit is " +
                              std::to_string(plain_bytes_max) + ", send smaller batches");
    // A length that the block cannot hold is not worth its memory.
    if (size / kSnappyRatioMax > compressed.size())
        return make_error(ErrorCode::syntax_error, "a snappy block of " + std::to_string(compressed.size()) +
                                                       " bytes that claims " + std::to_string(size) +
                                                       "; compress with snappy's block format");
    std::string plain(size, '\0');
    if (!snappy::RawUncompress(compressed.data(), compressed.size(), plain.data()))
        return make_error(ErrorCode::syntax_error,
                          "damaged snappy block; compress with snappy's block format");
    return plain;
}

std::size_t snappy_plain_bytes(std::string_view compressed) {
    std::size_t size = 0;
    const bool announced = snappy::GetUncompressedLength(compressed.data(), compressed.size(), &size);
    return announced && size / kSnappyRatioMax <= compressed.size() ? size : compressed.size();
}

Result<std::string> binary_batch_table(std::string_view plain) {
    ByteReader in(plain);
    const std::string_view name = in.read_string();
    if (!in.ok()) return syntax_error("it ends inside its table name");
    if (name.size() > limits::name_bytes_max || !is_utf8(name))
        return make_error(
            ErrorCode::invalid_value,
            "table name " + quoted_value(name) + " is not UTF-8 of at most 128 bytes; check the batch");
    return std::string(name);
}

Result<PartitionedBatch> parse_binary_batch(std::string_view plain, const master::CatalogTable& table) {
    ByteReader in(plain);
    DL_TRY_ASSIGN(const auto head, read_head(in));
    if (head.rows == 0) return empty_batch(in);
    DL_TRY_ASSIGN(auto builder, PartitionedBatchBuilder::create(table, plain.size()));
    DL_TRY_ASSIGN(const auto columns, resolve_columns(head, builder, table.schema.fields.size()));
    builder.reserve(head.rows);
    BinaryRowsReader reader(in, columns, builder);
    for (std::uint32_t row = 0; row < head.rows; ++row)
        if (!reader.row()) return builder.error();
    if (!in.at_end()) return syntax_error("bytes behind its last row");
    return builder.finish();
}

}  // namespace dl
