// Prints a result: begin, rows, end. One writer per result; text goes to an Output.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datalake/query_result.h"

namespace datalake::cli {

struct Cell {
    CellKind kind = CellKind::null;
    std::string text;  // as shown; numbers, booleans and nested values are their JSON at the same time
};

enum class OutputFormat : std::uint8_t { table, json, csv, ndjson, vertical };
std::optional<OutputFormat> output_format_from_name(std::string_view name);
std::string_view output_format_name(OutputFormat format);
inline constexpr std::string_view kOutputFormats = "table, json, csv, ndjson, vertical";

// Where text goes, collected into larger writes.
class Output {
  public:
    explicit Output(std::FILE* file) : file_(file) {}
    virtual ~Output() { flush(); }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    void write(std::string_view text) {
        pending_ += text;
        if (pending_.size() > (64u << 10)) flush();
    }
    // False when something could not be written, now or earlier.
    virtual bool flush();
    // Text from now on goes there.
    void redirect(std::FILE* file) {
        flush();
        file_ = file;
        good_ = true;
    }

  protected:
    std::FILE* file_;
    std::string pending_;
    bool good_ = true;
};

struct WriterStyle {
    bool header = true;
    bool terminal = false;             // lines, bold header, dimmed NULL, long cells cut to the width
    std::size_t terminal_columns = 0;  // 0: never cut
};

class ResultWriter {
  public:
    static std::unique_ptr<ResultWriter> make(OutputFormat format, const WriterStyle& style, Output& output);
    virtual ~ResultWriter() = default;
    // May come after the first rows only when there are no rows at all.
    virtual void begin(std::vector<std::string> columns) = 0;
    virtual void row(std::span<const Cell> cells) = 0;
    // Rows so far become visible (following a table).
    virtual void flush() = 0;
    virtual void end() = 0;
};

}  // namespace datalake::cli
