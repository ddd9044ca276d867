#include "data-lake-client/cli/result_writer.h"

#include <algorithm>

#include "data-lake-client/cli/text_width.h"
#include "data-lake-client/src/json_text.h"

namespace datalake::cli {
namespace {

// Rows kept to find the widths of a table; later rows use those, growing where they must.
constexpr std::size_t kWidthRows = 10'000;
constexpr std::size_t kWidthBytes = 16u << 20;
constexpr std::size_t kCutWidthMin = 12;

constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kDim = "\033[2m";
constexpr std::string_view kPlain = "\033[0m";

void append_json_cell(std::string& out, const Cell& cell) {
    switch (cell.kind) {
        case CellKind::null:
            out += "null";
            break;
        case CellKind::text:
            append_json_string(out, cell.text);
            break;
        default:
            out += cell.text;
    }
}

class TableWriter : public ResultWriter {
  public:
    TableWriter(const WriterStyle& style, Output& output) : style_(style), output_(output) {}

    void begin(std::vector<std::string> columns) override {
        columns_ = std::move(columns);
        plan_ = columns_ == std::vector<std::string>{"explain_key", "explain_value"};
        for (auto& column : columns_) {
            column = printable(column);
            widths_.push_back(style_.header ? display_width(column) : 0);
        }
        numeric_.assign(columns_.size(), Numeric::unknown);
    }

    void row(std::span<const Cell> cells) override {
        if (plan_ && cells.size() == 2) return print_plan(cells[0].text, cells[1].text);
        for (std::size_t i = 0; i < cells.size() && i < columns_.size(); ++i) {
            waiting_.push_back(cells[i]);
            if (cells[i].kind != CellKind::null && cells[i].kind != CellKind::number)
                waiting_.back().text = printable(cells[i].text);
            waiting_bytes_ += cells[i].text.size();
        }
        if (waiting_.size() >= kWidthRows * columns_.size() || waiting_bytes_ > kWidthBytes) print_waiting();
    }

    // Nothing has come, not even names: nothing to draw.
    void flush() override {
        if (!columns_.empty() && !plan_) print_waiting();
    }
    void end() override { flush(); }

  private:
    enum class Numeric : std::uint8_t { unknown, yes, no };

    // EXPLAIN answers with drawings of many lines, which a cell would fold into one.
    void print_plan(std::string_view key, std::string_view value) {
        std::string text = printable(key) + (value.find('\n') == std::string_view::npos ? ": " : ":\n");
        for (std::size_t start = 0; start < value.size();) {
            const auto end = std::min(value.find('\n', start), value.size());
            text += printable(value.substr(start, end - start)) + '\n';
            start = end + 1;
        }
        output_.write(text);
    }

    void measure() {
        const auto width = columns_.size();
        for (std::size_t i = 0; i < waiting_.size(); ++i) {
            const auto column = i % width;
            const auto& cell = waiting_[i];
            widths_[column] =
                std::max(widths_[column], cell.kind == CellKind::null ? 4 : display_width(cell.text));
            if (cell.kind == CellKind::null) continue;
            if (cell.kind != CellKind::number) {
                numeric_[column] = Numeric::no;
            } else if (numeric_[column] == Numeric::unknown) {
                numeric_[column] = Numeric::yes;
            }
        }
        if (style_.terminal_columns == 0) return;
        // The widest columns give way first.
        for (;;) {
            std::size_t total = 0;
            for (const auto w : widths_)
                total += w + 3;
            if (total <= style_.terminal_columns + 1) return;
            const auto widest = std::max_element(widths_.begin(), widths_.end());
            if (*widest <= kCutWidthMin) return;
            *widest =
                std::max(kCutWidthMin, *widest - std::min(*widest, total - style_.terminal_columns - 1));
            // Shared between equally wide ones on the next rounds.
        }
    }

    void append_rule(std::string& line) const {
        for (std::size_t i = 0; i < widths_.size(); ++i) {
            if (i != 0) line += style_.terminal ? "┼" : "+";
            for (std::size_t n = 0; n < widths_[i] + 2; ++n)
                line += style_.terminal ? "─" : "-";
        }
        line += '\n';
    }

    void print_header() {
        std::string line;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (i != 0) line += style_.terminal ? "│" : "|";
            line += ' ';
            if (style_.terminal) line += kBold;
            append_padded(line, cut_to_width(columns_[i], widths_[i]), widths_[i],
                          numeric_[i] == Numeric::yes);
            if (style_.terminal) line += kPlain;
            line += ' ';
        }
        end_line(line);
        append_rule(line);
        output_.write(line);
    }

    static void end_line(std::string& line) {
        while (!line.empty() && line.back() == ' ')
            line.pop_back();
        line += '\n';
    }

    void print_waiting() {
        measure();
        if (!header_printed_ && style_.header) print_header();
        header_printed_ = true;
        std::string line;
        for (std::size_t i = 0; i < waiting_.size(); ++i) {
            const auto column = i % columns_.size();
            const auto& cell = waiting_[i];
            if (column != 0) line += style_.terminal ? "│" : "|";
            line += ' ';
            const bool right = numeric_[column] == Numeric::yes;
            if (cell.kind == CellKind::null) {
                if (style_.terminal) line += kDim;
                append_padded(line, "NULL", widths_[column], right);
                if (style_.terminal) line += kPlain;
            } else if (style_.terminal_columns != 0) {
                append_padded(line, cut_to_width(cell.text, widths_[column]), widths_[column], right);
            } else {
                append_padded(line, cell.text, widths_[column], right);
            }
            line += ' ';
            if (column + 1 == columns_.size()) {
                end_line(line);
                output_.write(line);
                line.clear();
            }
        }
        waiting_.clear();
        waiting_bytes_ = 0;
    }

    const WriterStyle style_;
    Output& output_;
    std::vector<std::string> columns_;
    std::vector<std::size_t> widths_;
    std::vector<Numeric> numeric_;
    std::vector<Cell> waiting_;  // row by row
    std::size_t waiting_bytes_ = 0;
    bool plan_ = false;  // the result of an EXPLAIN
    bool header_printed_ = false;
};

class VerticalWriter : public ResultWriter {
  public:
    VerticalWriter(const WriterStyle& style, Output& output) : style_(style), output_(output) {}

    void begin(std::vector<std::string> columns) override {
        columns_ = std::move(columns);
        for (auto& column : columns_) {
            column = printable(column);
            width_ = std::max(width_, display_width(column));
        }
    }

    void row(std::span<const Cell> cells) override {
        std::string text = (style_.terminal ? "─[ " : "-[ ") + std::to_string(++rows_) + " ]";
        for (std::size_t n = 0; n < width_ + 8; ++n)
            text += style_.terminal ? "─" : "-";
        text += '\n';
        for (std::size_t i = 0; i < cells.size() && i < columns_.size(); ++i) {
            if (style_.terminal) text += kBold;
            append_padded(text, columns_[i], width_, false);
            if (style_.terminal) text += kPlain;
            text += style_.terminal ? " │ " : " | ";
            if (cells[i].kind == CellKind::null) {
                if (style_.terminal) text += kDim;
                text += "NULL";
                if (style_.terminal) text += kPlain;
            } else {
                text += printable(cells[i].text);
            }
            text += '\n';
        }
        output_.write(text);
    }

    void flush() override {}
    void end() override {}

  private:
    const WriterStyle style_;
    Output& output_;
    std::vector<std::string> columns_;
    std::size_t width_ = 0;
    std::uint64_t rows_ = 0;
};

class JsonWriter : public ResultWriter {
  public:
    JsonWriter(bool lines, Output& output) : lines_(lines), output_(output) {}

    void begin(std::vector<std::string> columns) override {
        for (const auto& column : columns) {
            names_.emplace_back();
            append_json_string(names_.back(), column);
            names_.back() += ':';
        }
    }

    void row(std::span<const Cell> cells) override {
        line_.clear();
        if (!lines_) line_ += first_ ? "[\n  " : ",\n  ";
        first_ = false;
        line_ += '{';
        for (std::size_t i = 0; i < cells.size() && i < names_.size(); ++i) {
            if (i != 0) line_ += ',';
            line_ += names_[i];
            append_json_cell(line_, cells[i]);
        }
        line_ += '}';
        if (lines_) line_ += '\n';
        output_.write(line_);
    }

    void flush() override {}
    void end() override {
        if (!lines_) output_.write(first_ ? "[]\n" : "\n]\n");
    }

  private:
    const bool lines_;
    Output& output_;
    std::vector<std::string> names_;
    std::string line_;
    bool first_ = true;
};

class CsvWriter : public ResultWriter {
  public:
    CsvWriter(bool header, Output& output) : header_(header), output_(output) {}

    void begin(std::vector<std::string> columns) override {
        if (!header_ || columns.empty()) return;
        line_.clear();
        for (const auto& column : columns)
            append_field(column, &column != &columns.front());
        line_ += '\n';
        output_.write(line_);
    }

    // NULL is nothing, empty text is "".
    void row(std::span<const Cell> cells) override {
        line_.clear();
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (cells[i].kind == CellKind::null) {
                if (i != 0) line_ += ',';
            } else {
                append_field(cells[i].text, i != 0);
            }
        }
        line_ += '\n';
        output_.write(line_);
    }

    void flush() override {}
    void end() override {}

  private:
    void append_field(std::string_view text, bool comma) {
        if (comma) line_ += ',';
        const bool quotes = text.empty() || text.find_first_of(",\"\r\n") != std::string_view::npos ||
                            text.front() == ' ' || text.back() == ' ';
        if (!quotes) {
            line_ += text;
            return;
        }
        line_ += '"';
        for (const char c : text) {
            if (c == '"') line_ += '"';
            line_ += c;
        }
        line_ += '"';
    }

    const bool header_;
    Output& output_;
    std::string line_;
};

}  // namespace

std::optional<OutputFormat> output_format_from_name(std::string_view name) {
    for (const auto format : {OutputFormat::table, OutputFormat::json, OutputFormat::csv,
                              OutputFormat::ndjson, OutputFormat::vertical})
        if (output_format_name(format) == name) return format;
    return std::nullopt;
}

std::string_view output_format_name(OutputFormat format) {
    switch (format) {
        case OutputFormat::json:
            return "json";
        case OutputFormat::csv:
            return "csv";
        case OutputFormat::ndjson:
            return "ndjson";
        case OutputFormat::vertical:
            return "vertical";
        default:
            return "table";
    }
}

bool Output::flush() {
    if (!pending_.empty() && std::fwrite(pending_.data(), 1, pending_.size(), file_) != pending_.size())
        good_ = false;
    pending_.clear();
    if (std::fflush(file_) != 0) good_ = false;
    return good_;
}

std::unique_ptr<ResultWriter> ResultWriter::make(OutputFormat format, const WriterStyle& style,
                                                 Output& output) {
    switch (format) {
        case OutputFormat::json:
            return std::make_unique<JsonWriter>(false, output);
        case OutputFormat::ndjson:
            return std::make_unique<JsonWriter>(true, output);
        case OutputFormat::csv:
            return std::make_unique<CsvWriter>(style.header, output);
        case OutputFormat::vertical:
            return std::make_unique<VerticalWriter>(style, output);
        default:
            return std::make_unique<TableWriter>(style, output);
    }
}

}  // namespace datalake::cli
