// The columns that a load fills, found by the names the files use for them. One thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace datalake::cli {

// A name of ours for a column of a file: blanks around it go, lower-case, what is not allowed becomes _. One
// that is too long stays so, for the caller to refuse.
std::string table_column_name(std::string_view file_column);

class LoadColumns {
  public:
    static constexpr int kUnknown = -1;
    static constexpr int kCrud = -2;
    static constexpr int kClash = -3;   // another name of the files stands for the same column
    static constexpr int kFilled = -4;  // it is not taken from the files: the row number fills it

    // `open`: names that are not known become columns.
    explicit LoadColumns(bool open) : open_(open) {}
    void add(std::string table_name);
    // Position of the column, or one of the above.
    int find(std::string_view file_name);
    void close() { open_ = false; }
    void set_filled(std::string table_name) { filled_ = std::move(table_name); }
    // Why a file must not have a column that is kFilled.
    static std::string filled_text(std::string_view file_name);

    // Why a column is kClash, with both names as they are written.
    std::string clash_text(std::string_view file_name) const;

    std::size_t size() const { return columns_.size(); }
    const std::string& name(std::size_t column) const { return columns_[column].name; }
    // As in the files; empty when none had it so far.
    const std::string& file_name(std::size_t column) const { return columns_[column].file_name; }
    // What the files have, as they write it, for messages; of many columns the first ones.
    std::string file_names() const;

  private:
    struct Column {
        std::string name;
        std::string file_name;
    };
    bool open_;
    std::string filled_;
    std::vector<std::string> unknown_;  // names of the files that are no column, the first ones
    std::vector<Column> columns_;
    std::map<std::string, int, std::less<>> by_name_;
};

}  // namespace datalake::cli
