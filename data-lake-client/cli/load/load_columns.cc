#include "data-lake-client/cli/load/load_columns.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/types/schema.h"
#include "common/types/value_text.h"

namespace datalake::cli {
namespace {

constexpr std::size_t kNamesShown = 20;

}  // namespace

std::string table_column_name(std::string_view file_column) {
    while (!file_column.empty() && file_column.front() == ' ')
        file_column.remove_prefix(1);
    while (!file_column.empty() && file_column.back() == ' ')
        file_column.remove_suffix(1);
    // The server's own lower case, for letters of all scripts.
    if (auto normal = dl::normalize_name("column", file_column)) return std::move(*normal);
    // It says which characters a name may have, too.
    std::string name;
    while (!file_column.empty()) {
        const auto first = static_cast<unsigned char>(file_column.front());
        auto character = file_column.substr(0, first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1);
        if (!dl::is_utf8(character)) character = character.substr(0, 1);
        if (dl::normalize_name("column", "a" + std::string(character)))
            name += character;
        else
            name += '_';
        file_column.remove_prefix(character.size());
    }
    for (const auto* front : {"", "_"})
        if (auto normal = dl::normalize_name("column", front + name)) return std::move(*normal);
    return dl::fold_name(name);
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

std::string LoadColumns::file_names() const {
    std::vector<std::string_view> names;
    for (const auto& column : columns_)
        if (!column.file_name.empty()) names.push_back(column.file_name);
    names.insert(names.end(), unknown_.begin(), unknown_.end());
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i)
        text += (i == 0 ? "" : ", ") + std::string(names[i]);
    return text + (names.size() > kNamesShown ? ", ..." : "");
}

int LoadColumns::find(std::string_view file_name) {
    auto name = table_column_name(file_name);
    if (name == "crud" || name == "_crud_type") return kCrud;
    if (name == filled_) return kFilled;
    auto found = by_name_.find(name);
    if (found == by_name_.end()) {
        if (!open_) {
            if (unknown_.size() <= kNamesShown && !std::ranges::count(unknown_, file_name))
                unknown_.emplace_back(file_name);
            return kUnknown;
        }
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
