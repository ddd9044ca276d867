#include "data-lake-client/cli/load/load_settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "common/base/ascii.h"
#include "common/types/data_type.h"
#include "data-lake-client/cli/load/declared_type.h"
#include "data-lake-client/cli/load/time_format.h"

namespace datalake::cli {
namespace {

constexpr std::uint32_t kCopiesMax = 5;

constexpr std::array kSettings = {
    LoadSetting{"table", "NAME", "the table to load into"},
    LoadSetting{"key", "COLUMN", "key: a column, row_number, or row_number:COLUMN (COLUMN is id by default)"},
    LoadSetting{
        "row-number-from", "N",
        "with key row_number: the number of the first row (1); needed for a table that has such keys"},
    LoadSetting{"create", "", "create the table; types follow from all values of the files"},
    LoadSetting{"types", "COLUMN:TYPE,...", "with --create: these types instead of what was found"},
    LoadSetting{"dry-run", "", "load nothing; show columns, types and the first rows"},
    LoadSetting{"partitions", "N", "partitions of the created table (4)"},
    LoadSetting{"copies", "N", "with --create: copies of each partition in all, 1 to 5 (1)"},
    LoadSetting{"rows", "N", "only the first N rows"},
    LoadSetting{"batch-rows", "N", "rows per batch (20000)"},
    LoadSetting{"connections", "N",
                "connections that send, 1 to 16; by default 2 with row_number, else 1, which keeps the order "
                "of rows with the same key"},
    LoadSetting{"rejects", "FILE", "write refused rows, whole and with the reason, to FILE as CSV"},
    LoadSetting{"max-rejects", "N", "stop at the Nth refused row (1000)"},
    LoadSetting{"unknown-fields", "refuse|skip", "what the table has no column for (refuse)"},
    LoadSetting{"encoding", "NAME", "of CSV and JSON: utf-8, latin-1, windows-1252, utf-16, ... (utf-8)"},
    LoadSetting{"delimiter", "CHAR",
                "between the fields of CSV: a character, or tab (told by the first line)"},
    LoadSetting{"quote", "CHAR", "around fields of CSV (\"); nothing: there are no quotes"},
    LoadSetting{"escape", "CHAR", "before a quote within quotes (the quote)"},
    LoadSetting{"backslash", "",
                "CSV as COPY of PostgreSQL (text) and OUTFILE of MySQL write it: \\t, \\n, \\\\ and the "
                "like, \\N for NULL, no quotes"},
    LoadSetting{"null", "TEXT",
                "an unquoted field of CSV that is NULL (nothing); may be given several times"},
    LoadSetting{"true", "TEXT", "a text that is true in a boolean column; may be given several times"},
    LoadSetting{"false", "TEXT", "the same for false"},
    LoadSetting{"skip", "N", "lines of CSV in front of the column names"},
    LoadSetting{"comment", "CHAR", "lines of CSV that begin with it are left out"},
    LoadSetting{"pad", "", "CSV rows with too few fields: NULL for the rest, instead of refusing them"},
    LoadSetting{"decimal-separator", "CHAR", "of numbers in CSV (.)"},
    LoadSetting{"thousands", "CHAR", "between groups of three digits of numbers in CSV"},
    LoadSetting{"dateformat", "FORMAT", "dates that are not ISO 8601, such as %d.%m.%Y"},
    LoadSetting{"timestampformat", "FORMAT", "timestamps that are not ISO 8601, such as '%d/%m/%y %H:%M'"},
    LoadSetting{"timestamp-unit", "s|ms|us|ns", "what numbers in timestamp columns count since 1970"},
};

Error wrong(std::string_view name, std::string_view what, const std::string& value) {
    return Error(ErrorCode::invalid_argument,
                 std::string(name) + " must be " + std::string(what) + ", not '" + value + "'");
}

template <class T>
Result<void> read_number(std::string_view name, const std::string& text, T least, T most, T& out) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= least && value <= most) {
        out = value;
        return {};
    }
    return wrong(name, "a number from " + std::to_string(least) + " to " + std::to_string(most), text);
}

std::optional<char> character(const std::string& text) {
    if (text == "tab" || text == "\\t") return '\t';
    if (text == "space") return ' ';
    if (text.size() != 1 || static_cast<unsigned char>(text[0]) >= 0x80 || text[0] == '\n' || text[0] == '\r')
        return std::nullopt;
    return text[0];
}

Result<void> read_character(std::string_view name, const std::string& text, char& out) {
    const auto one = character(text);
    if (!one) return wrong(name, "one ASCII character", text);
    out = *one;
    return {};
}

Result<void> read_format(const std::string& text, std::optional<FileFormat>& out) {
    const auto small = dl::ascii_lowercase(text);
    for (const auto format : {FileFormat::csv, FileFormat::tsv, FileFormat::json, FileFormat::parquet})
        if (format_name(format) == small) out = format;
    if (small == "jsonl" || small == "ndjson") out = FileFormat::json;
    if (!out) return wrong("format", "csv, tsv, json, ndjson, jsonl or parquet", text);
    return {};
}

// a:int,b:decimal(10,2)
Result<void> read_types(const std::string& text, std::vector<std::pair<std::string, std::string>>& out) {
    std::size_t begin = 0;
    while (begin <= text.size()) {
        std::size_t end = begin;
        for (int depth = 0; end < text.size() && (text[end] != ',' || depth > 0); ++end)
            depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
        const auto part = text.substr(begin, end - begin);
        const auto colon = part.find(':');
        if (colon == 0 || colon == std::string::npos) return wrong("types", "COLUMN:TYPE,...", text);
        auto name = part.substr(colon + 1);
        const auto type = stored_type(name);
        if (!type.ok()) return Error(ErrorCode::invalid_argument, "types: " + type.error().message());
        out.emplace_back(part.substr(0, colon),
                         is_declared_type(name) ? dl::ascii_lowercase(name) : dl::type_name(*type));
        begin = end + 1;
    }
    return {};
}

Result<void> set_csv_option(LoadOptions& options, std::string_view name, const std::string& value,
                            bool& known) {
    auto& csv = options.csv;
    if (name == "delimiter" || name == "delim") {
        char one = 0;
        auto read = read_character(name, value, one);
        if (read.ok()) csv.delimiter = one;
        return read;
    }
    if (name == "quote") csv.quote_given = true;
    if (name == "quote" && value.empty()) {
        csv.quote.reset();
        return {};
    }
    if (name == "quote" || name == "escape") {
        char one = 0;
        auto read = read_character(name, value, one);
        if (read.ok()) (name == "quote" ? csv.quote : csv.escape) = one;
        return read;
    }
    if (name == "comment") return read_character(name, value, csv.comment);
    if (name == "skip")
        return read_number<std::uint64_t>(name, value, 0, std::numeric_limits<std::uint64_t>::max(),
                                          csv.skip);
    if (name == "pad") {
        csv.pad = true;
    } else if (name == "backslash") {
        csv.backslash = true;
    } else if (name == "header") {
        csv.header = value.empty() || value == "true";
    } else if (name == "no-header") {
        csv.header = false;
    } else if (name == "null") {
        csv.null_texts.push_back(value);
    } else {
        known = false;
    }
    return {};
}

Result<void> set_text_option(LoadOptions& options, std::string_view name, const std::string& value,
                             bool& known) {
    auto& text = options.text;
    if (name == "decimal-separator") return read_character(name, value, text.decimal_separator);
    if (name == "true" || name == "false") {
        auto& texts = name == "true" ? text.true_texts : text.false_texts;
        const auto& others = name == "true" ? text.false_texts : text.true_texts;
        const auto opposite = name == "true" ? "false" : "true";
        if (value == opposite || std::find(others.begin(), others.end(), value) != others.end())
            return Error(ErrorCode::invalid_argument, "'" + value + "' cannot be both true and false");
        texts.push_back(value);
        return {};
    }
    if (name == "thousands") return read_character(name, value, text.thousands);
    if (name == "dateformat" || name == "timestampformat") {
        if (!is_time_format(value))
            return wrong(name,
                         "a format with year, month and day (%Y-%m-%d; also %y %b %B %H %I %p %M %S %f %z)",
                         value);
        (name == "dateformat" ? text.date_format : text.timestamp_format) = value;
    } else if (name == "timestamp-unit") {
        const std::array<std::string_view, 4> units = {"s", "ms", "us", "ns"};
        const auto found = std::find(units.begin(), units.end(), value);
        if (found == units.end()) return wrong(name, "s, ms, us or ns", value);
        text.timestamp_unit = static_cast<dl::TimestampUnit>(found - units.begin());
    } else {
        known = false;
    }
    return {};
}

}  // namespace

std::span<const LoadSetting> load_settings() {
    return kSettings;
}

std::string_view format_name(FileFormat format) {
    switch (format) {
        case FileFormat::csv:
            return "csv";
        case FileFormat::tsv:
            return "tsv";
        case FileFormat::json:
            return "json";
        default:
            return "parquet";
    }
}

Result<void> set_load_option(LoadOptions& options, std::string_view given_name, const std::string& value) {
    std::string name(given_name);
    std::replace(name.begin(), name.end(), '_', '-');
    if (name == "table") {
        options.table = value;
    } else if (name == "key") {
        options.key = value;
    } else if (name == "row-number-from") {
        std::uint64_t first = 0;
        auto read = read_number<std::uint64_t>(name, value, 0, std::uint64_t{1} << 62, first);
        if (read.ok()) options.row_number_from = first;
        return read;
    } else if (name == "create") {
        options.create = true;
    } else if (name == "dry-run") {
        options.dry_run = true;
    } else if (name == "types") {
        return read_types(value, options.types);
    } else if (name == "partitions") {
        return read_number<std::uint32_t>(name, value, 1, 4096, options.partitions);
    } else if (name == "copies") {
        std::uint32_t copies = 0;
        auto read = read_number<std::uint32_t>(name, value, 1, kCopiesMax, copies);
        if (read.ok()) options.copies = copies;
        return read;
    } else if (name == "rows") {
        return read_number<std::uint64_t>(name, value, 1, std::uint64_t{1} << 40, options.rows_max);
    } else if (name == "batch-rows") {
        return read_number<std::uint32_t>(name, value, 1, 1'000'000, options.batch_rows);
    } else if (name == "connections") {
        return read_number<std::uint32_t>(name, value, 1, 16, options.connections);
    } else if (name == "rejects") {
        options.rejects_file = value;
    } else if (name == "max-rejects") {
        return read_number<std::uint32_t>(name, value, 0, 100'000'000, options.refused_max);
    } else if (name == "unknown-fields") {
        if (value != "refuse" && value != "skip") return wrong(name, "refuse or skip", value);
        options.skip_unknown_fields = value == "skip";
    } else if (name == "encoding") {
        options.encoding = value;
    } else if (name == "format") {
        return read_format(value, options.format);
    } else {
        bool known = true;
        if (auto set = set_csv_option(options, name, value, known); !set.ok() || known) return set;
        known = true;
        if (auto set = set_text_option(options, name, value, known); !set.ok() || known) return set;
        return Error(ErrorCode::invalid_argument, "there is no " + std::string(given_name));
    }
    return {};
}

}  // namespace datalake::cli
