// What Tab offers: backslash commands, keywords, tables and columns. Pure; the shell brings the names.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace datalake::cli {

class Completer {
  public:
    using Tables = std::function<std::vector<std::string>()>;
    using Columns = std::function<std::vector<std::string>(const std::string& table)>;
    Completer(Tables tables, Columns columns) : tables_(std::move(tables)), columns_(std::move(columns)) {}

    struct Completion {
        std::size_t word_begin = 0;           // in the text before the cursor
        std::vector<std::string> candidates;  // sorted, whole words
    };
    // `before`: the statement so far up to the cursor, `statement`: all of it (tables named later count too).
    Completion complete(std::string_view before, std::string_view statement) const;
    // What all candidates begin with.
    static std::string common_prefix(const std::vector<std::string>& candidates);

  private:
    Tables tables_;
    Columns columns_;
};

}  // namespace datalake::cli
