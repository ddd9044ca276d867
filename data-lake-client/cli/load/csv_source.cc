#include "data-lake-client/cli/load/csv_source.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/types/value_text.h"

namespace datalake::cli {
namespace {

constexpr const char* kByPosition = "; --no-header --skip 1 takes the columns by position";

Error failed(const std::string& name, std::string_view why) {
    return Error(ErrorCode::invalid_argument, name + ": " + std::string(why));
}

bool is_utf8_name(const std::string& encoding) {
    const auto name = dl::ascii_lowercase(encoding);
    return name.empty() || name == "utf-8" || name == "utf8";
}

std::string fields_text(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " field" : " fields");
}

}  // namespace

Result<std::unique_ptr<CsvSource>> CsvSource::open(const std::string& name, std::unique_ptr<ByteSource> bytes,
                                                   const LoadOptions& options, FileFormat format,
                                                   LoadColumns& columns, bool creating) {
    CsvDialect dialect{
        .delimiter = options.csv.delimiter,
        .quote = options.csv.backslash && !options.csv.quote_given ? std::nullopt : options.csv.quote,
        .escape = options.csv.escape,
        .backslash = options.csv.backslash,
        .high_bytes = is_utf8_name(options.encoding),
        .comment = options.csv.comment,
        .skip_lines = options.csv.skip};
    if (!dialect.delimiter && format == FileFormat::tsv) dialect.delimiter = '\t';
    auto reader = CsvReader::open(std::move(bytes), dialect);
    if (!reader.ok()) return reader.error();
    std::unique_ptr<CsvSource> source(new CsvSource(std::move(*reader), options));
    if (auto read = source->read_header(name, options, columns, creating); !read.ok()) return read.error();
    source->columns_ = &columns;
    return source;
}

Result<void> CsvSource::read_header(const std::string& name, const LoadOptions& options, LoadColumns& columns,
                                    bool creating) {
    auto more = reader_->next(record_);
    if (!more.ok()) return more.error();
    if (!*more) return failed(name, "is empty; a CSV file begins with a line of column names");
    if (!record_.problem.empty())
        return failed(name, "line " + std::to_string(record_.line) + ": " + record_.problem);
    if (options_.header) return take_header(name, options, columns);
    pending_ = true;
    take_positions(columns, creating);
    return {};
}

Result<void> CsvSource::take_header(const std::string& name, const LoadOptions& options,
                                    LoadColumns& columns) {
    std::string unknown;
    std::vector<std::string_view> owners(columns.size());
    for (const auto& field : record_.fields) {
        if (!dl::is_utf8(field.text))
            return failed(name,
                          "the column names are not valid in their encoding; --encoding names another "
                          "one than UTF-8");
        const int target = columns.find(field.text);
        owners.resize(std::max(owners.size(), columns.size()));
        const auto twin = target >= 0 ? owners[static_cast<std::size_t>(target)] : std::string_view();
        if (target == LoadColumns::kFilled) return failed(name, LoadColumns::filled_text(field.text));
        if (target == LoadColumns::kClash) return failed(name, columns.clash_text(field.text) + kByPosition);
        if (twin.data() != nullptr)
            return failed(name, "columns \"" + std::string(twin) + "\" and \"" + std::string(field.text) +
                                    "\" of the file would both be column " + table_column_name(field.text) +
                                    kByPosition);
        if (target >= 0) owners[static_cast<std::size_t>(target)] = field.text;
        if (target == LoadColumns::kCrud &&
            std::find(targets_.begin(), targets_.end(), LoadColumns::kCrud) != targets_.end())
            return failed(name, "has both columns crud and _crud_type");
        if (target == LoadColumns::kUnknown)
            unknown += (unknown.empty() ? "" : ", ") + std::string(field.text);
        targets_.push_back(target);
    }
    if (!unknown.empty() && !options.skip_unknown_fields)
        return failed(name, "table " + options.table + " has no column " + unknown +
                                ", the file has; add it with alter table, load into another table, or leave "
                                "it out with --unknown-fields skip");
    return {};
}

void CsvSource::take_positions(LoadColumns& columns, bool creating) {
    for (std::size_t i = 0; i < record_.fields.size(); ++i) {
        if (creating)
            targets_.push_back(columns.find("column" + std::to_string(i)));
        else
            targets_.push_back(i < columns.size() ? columns.find(columns.name(i)) : LoadColumns::kUnknown);
    }
}

bool CsvSource::has(std::size_t column) const {
    return std::find(targets_.begin(), targets_.end(), static_cast<int>(column)) != targets_.end();
}

bool CsvSource::is_null(std::string_view text) const {
    if (options_.null_texts.empty()) return text.empty() && !options_.backslash;
    for (const auto& null_text : options_.null_texts)
        if (text == null_text) return true;
    return false;
}

Result<bool> CsvSource::next(SourceRow& row) {
    const auto width = targets_.size();
    do {
        if (pending_) {
            pending_ = false;
        } else {
            auto more = reader_->next(record_);
            if (!more.ok() || !*more) return more;
        }
        // An empty line is no row, unless a row is one field.
    } while (width > 1 && record_.fields.size() == 1 && record_.text.empty());
    row.line = record_.line;
    row.text = record_.text;
    row.problem.clear();
    row.unknown_field.clear();
    row.crud = {};
    row.fields.assign(columns_->size(), {});
    if (!record_.problem.empty()) {
        row.problem.reason = std::move(record_.problem);
        return true;
    }
    const auto count = record_.fields.size();
    if (count > width || (count < width && !options_.pad)) {
        row.problem.reason = fields_text(count) + " where there are " + std::to_string(width) + " columns";
        if (count < width) row.problem.reason += "; --pad fills such rows with NULL";
        return true;
    }
    for (std::size_t i = 0; i < width; ++i) {
        const int target = targets_[i];
        if (target < 0 && target != LoadColumns::kCrud) continue;
        Field field{{}, FieldKind::null};
        if (i < count) {
            const auto& written = record_.fields[i];
            if (!written.null && (written.quoted || !is_null(written.text)))
                field = {written.text, FieldKind::text};
        }
        (target < 0 ? row.crud : row.fields[static_cast<std::size_t>(target)]) = field;
    }
    return true;
}

}  // namespace datalake::cli
