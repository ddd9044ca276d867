// What --load and \load can be told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/types/value_scan.h"

namespace datalake::cli {

enum class FileFormat : std::uint8_t { csv, tsv, json, parquet };

// How values are written in CSV and JSON files.
struct TextOptions {
    char decimal_separator = '.';
    char thousands = '\0';         // none
    std::string date_format;       // of time_format.h; empty: ISO 8601
    std::string timestamp_format;  // the same
    // Texts that are booleans, besides true and false.
    std::vector<std::string> true_texts;
    std::vector<std::string> false_texts;
    std::optional<dl::TimestampUnit> timestamp_unit;  // what numbers in timestamp columns count since 1970
};

struct CsvOptions {
    std::optional<char> delimiter;  // absent: by the header line
    bool header = true;
    std::optional<char> quote = '"';
    bool quote_given = false;
    std::optional<char> escape;  // absent: the quote
    // Escapes of csv_escapes.h; \N is NULL, an empty field is a text, and there are no quotes unless given.
    bool backslash = false;
    // Unquoted fields that are NULL; none: the empty ones.
    std::vector<std::string> null_texts;
    char comment = '\0';     // lines that begin with it are left out
    std::uint64_t skip = 0;  // lines before the header
    bool pad = false;        // rows with too few fields get NULLs
};

struct LoadOptions {
    std::vector<std::string> files;  // paths, patterns, directories; "-" is the standard input
    std::string table;
    std::string key;  // column, "row_number" or "row_number:COLUMN" (COLUMN is `id` by default)
    // The number of the first row when the key is the row number. Absent: 1, and a table with rows that have
    // such keys is refused.
    std::optional<std::uint64_t> row_number_from;
    bool create = false;                  // makes the table, types from the files
    std::uint32_t partitions = 4;         // of a created table
    std::optional<std::uint32_t> copies;  // of each of its partitions, in all; absent: one
    std::uint32_t batch_rows = 20'000;
    // 0: two when the key is the row number. Otherwise one, so that of several rows with the same key the
    // last one of the file is the one that stays.
    std::uint32_t connections = 0;
    std::uint32_t refused_max = 1'000;  // with that many the load stops; 0 as 1
    std::uint64_t rows_max = 0;         // of the files, the first ones; 0: all
    std::string rejects_file;
    std::optional<FileFormat> format;  // absent: by the ending of the name
    std::string encoding;              // empty: UTF-8, or what a byte order mark says
    CsvOptions csv;
    TextOptions text;
    std::vector<std::pair<std::string, std::string>> types;  // of created columns, instead of what is found
    bool skip_unknown_fields = false;
    bool dry_run = false;
};

}  // namespace datalake::cli
