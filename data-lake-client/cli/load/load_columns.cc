#include "data-lake-client/cli/load/load_columns.h"

#include "common/base/ascii.h"
#include "common/types/schema.h"

namespace datalake::cli {

std::string table_column_name(std::string_view file_column) {
    while (!file_column.empty() && file_column.front() == ' ')
        file_column.remove_prefix(1);
    while (!file_column.empty() && file_column.back() == ' ')
        file_column.remove_suffix(1);
    // The server's own lower case, for letters of all scripts.
    if (auto normal = dl::normalize_name("column", file_column)) return std::move(*normal);
    std::string name;
    for (const char c : file_column) {
        const char small = dl::ascii_lowercase(c);
        const bool allowed = (small >= 'a' && small <= 'z') || (small >= '0' && small <= '9') ||
                             static_cast<unsigned char>(small) >= 0x80;
        name += allowed ? small : '_';
    }
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) name.insert(0, 1, '_');
    if (auto normal = dl::normalize_name("column", name)) return std::move(*normal);
    return name;
}

std::string LoadColumns::filled_text(std::string_view file_name) {
    return "the file has a column " + std::string(file_name) +
           " itself; name another one for the row number (key row_number:COLUMN), or do without it";
}

std::string LoadColumns::clash_text(std::string_view file_name) const {
    const auto name = table_column_name(file_name);
    const auto found = by_name_.find(name);
    return "columns \"" +
           (found == by_name_.end() ? name : columns_[static_cast<std::size_t>(found->second)].file_name) +
           "\" and \"" + std::string(file_name) + "\" of the files would both be column " + name;
}

void LoadColumns::add(std::string table_name) {
    by_name_.emplace(table_name, static_cast<int>(columns_.size()));
    columns_.push_back({std::move(table_name), ""});
}

int LoadColumns::find(std::string_view file_name) {
    auto name = table_column_name(file_name);
    if (name == "crud" || name == "_crud_type") return kCrud;
    if (name == filled_) return kFilled;
    auto found = by_name_.find(name);
    if (found == by_name_.end()) {
        if (!open_) return kUnknown;
        add(name);
        found = by_name_.find(name);
    }
    auto& column = columns_[static_cast<std::size_t>(found->second)];
    if (column.file_name.empty()) {
        column.file_name = file_name;
    } else if (column.file_name != file_name &&
               dl::ascii_lowercase(column.file_name) != dl::ascii_lowercase(file_name)) {
        return kClash;
    }
    return found->second;
}

}  // namespace datalake::cli
