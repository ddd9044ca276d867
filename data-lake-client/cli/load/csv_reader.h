// CSV by RFC 4180, with what people have: LF, CRLF or CR, quotes within unquoted fields kept as they are,
// lines of comment, Excel's line sep=; in front, backslash escapes where they are asked for. Bytes to fields;
// what a field means is not known here. One thread.
//
// A record that breaks the form (text behind a closing quote, a quote that is never closed) is one problem.
// It ends with its first line, and reading goes on with the next one, when the quote that breaks it looks
// like a stray one in front of good rows; else it reaches as far as its quotes do, because parts of its texts
// are no rows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data-lake-client/cli/load/byte_source.h"

namespace datalake::cli {

struct CsvDialect {
    std::optional<char> delimiter;  // absent: the first of , tab ; | that the first line has
    std::optional<char> quote = '"';
    std::optional<char> escape;  // absent: the quote
    // Backslash escapes of csv_escapes.h, in quotes and outside of them; then `escape` means nothing.
    bool backslash = false;
    bool high_bytes = true;  // with them: \xe9 may be a byte; the encoding is UTF-8
    char comment = '\0';
    std::uint64_t skip_lines = 0;
};

struct CsvField {
    std::string_view text;
    bool quoted = false;
    bool null = false;  // written as \N, where that is one
};

struct CsvRecord {
    std::uint64_t line = 0;  // of its first character, from 1
    std::string_view text;   // as written, without the end of the line
    std::vector<CsvField> fields;
    std::string problem;  // of the form; then there are no fields
};

class CsvReader {
  public:
    static constexpr std::size_t kRecordBytesMax = 256u << 20;

    // Reads as far as the first record.
    static Result<std::unique_ptr<CsvReader>> open(std::unique_ptr<ByteSource> bytes, CsvDialect dialect);

    // False: the end. Views hold until the next call.
    Result<bool> next(CsvRecord& record);
    char delimiter() const { return delimiter_; }

  private:
    // Positions of delimiters and line ends, 64 bytes at a time.
    class SpecialBytes {
      public:
        void set(char delimiter) { delimiter_ = delimiter; }
        void forget() { block_ = nullptr; }
        // The first special byte in [from, end), or end. 64 bytes behind `end` must be readable.
        const char* next(const char* from, const char* end);

      private:
        std::uint64_t load(const char* at) const;
        char delimiter_ = ',';
        const char* block_ = nullptr;
        std::uint64_t mask_ = 0;
    };
    enum class Parsed : std::uint8_t { complete, more, broken };

    CsvReader(std::unique_ptr<ByteSource> bytes, const CsvDialect& dialect);
    Result<void> start();
    // Reads more behind what there is; the record at at_ moves to the front.
    Result<void> refill();
    Result<bool> skip_line(bool& found);
    Parsed parse(CsvRecord& record);
    // Of a field without quotes: where it ends.
    Parsed find_end(const char* at, const char*& stop, bool& escapes);
    Parsed parse_quoted(const char*& at, CsvRecord& record);
    void unescape(CsvRecord& record);
    Result<const char*> first_line_end();
    Result<void> choose_delimiter();
    // The line `sep=;` that Excel writes in front.
    Result<void> take_separator_line();
    const char* line_end(const char* from) const;
    // Of a record that is broken: its problem, and where it ends. False: more must be read.
    bool take_broken(CsvRecord& record);
    struct LineCount {
        std::uint64_t all = 0;
        std::uint64_t rows = 0;
    };
    std::size_t fields_of_line(const char* from, const char* end) const;
    LineCount lines_like_rows(const char* from, const char* end) const;
    const char* end_of_stray(const char* first, CsvRecord& record);

    std::unique_ptr<ByteSource> bytes_;
    CsvDialect dialect_;
    char delimiter_ = ',';
    char quote_ = '"';
    char escape_ = '"';
    bool quotes_ = true;
    bool cr_lines_ = false;  // a lone CR ends a line
    SpecialBytes special_;
    std::vector<char> buffer_;
    const char* at_ = nullptr;
    const char* end_ = nullptr;
    bool ended_ = false;
    std::uint64_t line_ = 1;
    const char* next_ = nullptr;  // behind the record that was parsed
    const char* text_end_ = nullptr;
    std::uint64_t extra_lines_ = 0;
    std::string problem_;
    const char* closing_ = nullptr;     // of a broken record: the quote that has text behind it
    bool unclosed_ = false;             // a quote of it is not closed
    std::size_t width_ = 0;             // fields of the first record
    std::vector<std::size_t> escaped_;  // fields with escapes
    std::string scratch_;
};

}  // namespace datalake::cli
