#include "data-lake-client/cli/load/load_batch.h"

#include <algorithm>

#include "common/base/byte_io.h"
#include "common/types/value_text.h"

namespace datalake::cli {
namespace {

constexpr std::string_view kNullText = "/~|";

}  // namespace

LoadBatch::LoadBatch(std::string table, std::vector<std::string> columns, std::vector<bool> has_default)
    : batch_(std::move(table), std::move(columns)), has_default_(std::move(has_default)) {}

void LoadBatch::put(std::string_view text) {
    if (text == kNullText) {
        specials_.push_back({batch_.rows(), column_, false});
        batch_.append_null();
    } else {
        batch_.append_text(text);
    }
    ++column_;
}

void LoadBatch::put_absent() {
    batch_.append_null();
    ++column_;
}

void LoadBatch::put_null() {
    if (has_default_[column_]) specials_.push_back({batch_.rows(), column_, true});
    put_absent();
}

void LoadBatch::finish(Operation operation, const RowOrigin& origin, std::string_view text) {
    (void)batch_.finish_row(operation);
    origins_.push_back(origin);
    deletes_.push_back(operation == Operation::remove);
    texts_ += text;
    text_ends_.push_back(texts_.size());
    specials_before_row_ = specials_.size();
    column_ = 0;
}

// A row with too few values is taken back by the builder.
void LoadBatch::give_up_row() {
    (void)batch_.finish_row();
    specials_.resize(specials_before_row_);
    column_ = 0;
}

std::string LoadBatch::text(std::uint32_t row) const {
    const auto begin = row == 0 ? 0 : text_ends_[row - 1];
    if (begin != text_ends_[row]) return texts_.substr(begin, text_ends_[row] - begin);
    std::string out = "{";
    const auto rows = as_values(row, row + 1);
    for (const auto& [column, value] : rows[0]) {
        if (out.size() > 1) out += ',';
        dl::append_json_string(out, column);
        out += ':';
        if (const auto* written = std::get_if<std::string>(&value))
            dl::append_json_string(out, *written);
        else
            out += "null";
    }
    return out + "}";
}

void LoadBatch::clear() {
    batch_.clear();
    origins_.clear();
    deletes_.clear();
    texts_.clear();
    text_ends_.clear();
    specials_.clear();
    specials_before_row_ = 0;
    column_ = 0;
}

std::vector<Row> LoadBatch::as_values(std::uint32_t first, std::uint32_t end) const {
    const auto bytes = batch_.encode(first, end);
    dl::ByteReader in{std::string_view(bytes)};
    in.read_string();
    const auto width = in.read<std::uint32_t>();
    for (std::uint32_t i = 0; i < width; ++i)
        in.read_string();
    in.read<std::uint32_t>();
    auto special = std::lower_bound(specials_.begin(), specials_.end(), first,
                                    [](const Special& one, std::uint32_t row) { return one.row < row; });
    std::vector<Row> rows;
    rows.reserve(end - first);
    const auto& columns = batch_.columns();
    for (auto row = first; row < end; ++row) {
        in.read<std::uint32_t>();
        auto& values = rows.emplace_back();
        for (std::uint32_t column = 0; column < columns.size(); ++column) {
            const auto text = in.read_string();
            if (special != specials_.end() && special->row == row && special->column == column) {
                values.emplace_back(columns[column],
                                    special->is_null ? Value() : Value(std::string(kNullText)));
                ++special;
            } else if (text != kNullText) {
                values.emplace_back(columns[column], std::string(text));
            }
        }
        in.read_string();  // the operation
    }
    return rows;
}

bool LoadBatch::is_special(std::uint32_t first, std::uint32_t end) const {
    const auto found = std::lower_bound(specials_.begin(), specials_.end(), first,
                                        [](const Special& one, std::uint32_t row) { return one.row < row; });
    return found != specials_.end() && found->row < end;
}

// The library sends rows with NULLs of their own as inserts only, and one delete with such a key at a time.
std::uint32_t LoadBatch::run_end(std::uint32_t first) const {
    const auto all = rows();
    if (specials_.empty() || first >= all) return all;
    if (deletes_[first] && is_special(first, first + 1)) return first + 1;
    auto end = first + 1;
    while (end < all && deletes_[end] == deletes_[first] && !(deletes_[end] && is_special(end, end + 1)))
        ++end;
    return end;
}

Result<void> LoadBatch::send(Client& client, std::uint32_t first, std::uint32_t end) const {
    if (!is_special(first, end)) {
        auto sent = client.send(batch_, first, end);
        return sent.ok() ? Result<void>() : Result<void>(sent.error());
    }
    auto sent = deletes_[first] ? client.remove(batch_.table(), as_values(first, end)[0])
                                : client.insert(batch_.table(), as_values(first, end));
    return sent.ok() ? Result<void>() : Result<void>(sent.error());
}

}  // namespace datalake::cli
