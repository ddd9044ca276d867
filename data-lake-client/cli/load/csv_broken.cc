// Where a record ends that breaks the form of CSV (csv_reader.h).
#include <algorithm>

#include "data-lake-client/cli/load/csv_reader.h"

namespace datalake::cli {

// Fields of the line [from, end) by itself; 0: a quote of it is not closed within it.
std::size_t CsvReader::fields_of_line(const char* from, const char* end) const {
    std::size_t fields = 1;
    for (const char* at = from; at < end;) {
        if (quotes_ && *at == quote_ && (at == from || at[-1] == delimiter_)) {
            for (++at; at < end; ++at) {
                const bool pairs = *at == escape_ && at + 1 < end;
                if (pairs && (dialect_.backslash || at[1] == quote_ || at[1] == escape_))
                    ++at;
                else if (*at == quote_)
                    break;
            }
            if (at == end) return 0;
            ++at;
        }
        at = std::find(at, end, delimiter_);
        if (at == end) break;
        ++fields;
        ++at;
    }
    return fields;
}

// Of the lines in [from, end): how many there are, and how many look like rows of the file.
CsvReader::LineCount CsvReader::lines_like_rows(const char* from, const char* end) const {
    LineCount count;
    while (from < end) {
        const char* mark = std::find(from, end, cr_lines_ ? '\r' : '\n');
        const char* stop = mark != from && mark[-1] == '\r' && !cr_lines_ ? mark - 1 : mark;
        ++count.all;
        if (fields_of_line(from, stop) == width_) ++count.rows;
        if (mark == end) break;
        from = mark + 1;
    }
    return count;
}

// The line end (or end_) that ends the record at at_, whose field has text behind the quote at closing_.
// nullptr: more must be read.
//
// Either the closing quote is what it looks like, and the record goes on behind it to its own end; what it
// has in later lines are parts of its fields, and no rows. Or the opening quote is the stray one, and what
// looks like the closing one opens a field of a good row further down: then it costs its line only.
const char* CsvReader::end_of_stray(const char* first, CsvRecord& record) {
    const char* closing = closing_;
    for (;;) {
        const char* open = closing;  // the first of the quotes there: """x"" is a field that begins with one
        while (escape_ == quote_ && open > first + 1 && open[-1] == quote_)
            --open;
        const char before = open[-1];
        if (closing > first && (before == delimiter_ || before == '\n' || before == '\r')) return first;
        const char* stop = closing + 1;
        bool escapes = false;
        if (const auto found = find_end(closing + 1, stop, escapes); found != Parsed::complete)
            return found == Parsed::more ? nullptr : first;
        // Fields in order again, until the record ends or another quote is followed by text.
        for (;;) {
            if (stop == end_ && !ended_) return nullptr;
            // Whether a CR ends a line is known with what follows it.
            if (stop != end_ && *stop == '\r' && stop + 1 == end_ && !ended_) return nullptr;
            if (stop == end_ || *stop != delimiter_) {
                const char* end = stop == end_ ? end_ : line_end(stop);
                if (end == end_ && !ended_) return nullptr;
                if (end == first) return first;
                const auto lines = lines_like_rows(first + 1, end);
                return width_ > 1 && lines.all > 1 && lines.rows == lines.all ? first : end;
            }
            const char* at = stop + 1;
            if (at == end_ && !ended_) return nullptr;
            if (at < end_ && *at == quote_) {
                if (const auto read = parse_quoted(at, record); read != Parsed::complete)
                    return read == Parsed::more ? nullptr : first;
                if (at == end_ && !ended_) return nullptr;
                const bool ends = at == end_ || *at == delimiter_ || *at == '\n' || *at == '\r';
                if (!ends) {
                    closing = at - 1;
                    break;
                }
                stop = at;
                continue;
            }
            if (const auto found = find_end(at, stop, escapes); found != Parsed::complete)
                return found == Parsed::more ? nullptr : first;
        }
    }
}

bool CsvReader::take_broken(CsvRecord& record) {
    const char* stop = line_end(at_);
    if (stop == end_ && !ended_ && static_cast<std::size_t>(end_ - at_) < kRecordBytesMax) return false;
    auto problem = std::exchange(problem_, {});
    const char* const first = stop;
    if (closing_ != nullptr) {
        stop = end_of_stray(first, record);
        if (stop == nullptr && static_cast<std::size_t>(end_ - at_) < kRecordBytesMax) return false;
        if (stop == nullptr) stop = first;
    } else if (unclosed_ && width_ > 0 && first != end_) {
        // Rows with a stray quote in front of them, or the rest of a text that is cut off.
        const auto lines = lines_like_rows(first + 1, end_);
        if (lines.rows * 2 < lines.all) stop = end_[-1] == (cr_lines_ ? '\r' : '\n') ? end_ - 1 : end_;
    }
    record.fields.clear();
    escaped_.clear();
    next_ = stop == end_ ? end_ : stop + 1;
    text_end_ = stop != at_ && stop[-1] == '\r' && !cr_lines_ ? stop - 1 : stop;
    extra_lines_ = static_cast<std::uint64_t>(std::count(at_, text_end_, cr_lines_ ? '\r' : '\n'));
    if (extra_lines_ > 0) problem += "; the row reaches to line " + std::to_string(line_ + extra_lines_);
    record.problem = std::move(problem);
    return true;
}

}  // namespace datalake::cli
