// Rows of the files as rows of batches, and the first of them for --dry-run (loader.h).
#include "common/types/value_text.h"
#include "data-lake-client/cli/load/load_batch.h"
#include "data-lake-client/cli/load/loader.h"
#include "data-lake-client/cli/load/row_source.h"

namespace datalake::cli {
namespace {

constexpr std::size_t kPreviewRows = 10;

}  // namespace

// As the file has it; of a Parquet row its values as JSON.
std::string Loader::text_of(const SourceRow& row) const {
    if (!row.text.empty()) return std::string(row.text);
    std::string out;
    for (std::size_t column = 0; column < row.fields.size(); ++column) {
        const auto& field = row.fields[column];
        if (field.kind == FieldKind::absent) continue;
        out += out.empty() ? "{" : ",";
        dl::append_json_string(out, columns_.name(column));
        out += ':';
        if (field.kind == FieldKind::null)
            out += "null";
        else
            dl::append_json_string(out, field.text);
    }
    return out.empty() ? out : out + "}";
}

// The row into the batch, or why not. Nothing of a row that is refused stays in the batch.
bool Loader::convert(const SourceRow& row, std::uint64_t number, LoadBatch& batch, const RowOrigin& origin,
                     RowProblem& problem) {
    if (!row.problem.reason.empty()) {
        problem = row.problem;
        return false;
    }
    if (!row.unknown_field.empty() && !options_.skip_unknown_fields) {
        problem = {
            row.unknown_field, std::nullopt,
            "table " + options_.table + " has no such column; --unknown-fields skip leaves such fields out"};
        return false;
    }
    auto operation = Operation::insert;
    if (row.crud.kind == FieldKind::text && row.crud.text == "delete") {
        operation = Operation::remove;
    } else if (row.crud.kind != FieldKind::absent && row.crud.kind != FieldKind::null &&
               !(row.crud.kind == FieldKind::text && row.crud.text == "insert")) {
        problem = {"crud", std::string(row.crud.text), "neither insert nor delete"};
        return false;
    }
    if (row_number_) batch.put(std::to_string(options_.row_number_from.value_or(1) + number - 1));
    for (const auto column : sent_) {
        const auto& field = row.fields[column];
        if (field.kind == FieldKind::absent) {
            batch.put_absent();
        } else if (field.kind == FieldKind::null) {
            if (operation == Operation::remove)
                batch.put_absent();
            else
                batch.put_null();
        } else {
            std::string_view out;
            if (!converters_[column].convert(field, scratch_, out, problem.reason)) {
                problem.column = columns_.name(column);
                problem.value = std::string(field.text);
                batch.give_up_row();
                return false;
            }
            batch.put(out);
            if (column == key_column_) key_text_.assign(out);
        }
    }
    if (operation == Operation::remove)
        deletes_ = true;
    else if (key_column_ && row.fields[*key_column_].kind != FieldKind::absent &&
             row.fields[*key_column_].kind != FieldKind::null)
        repeated_keys_.see(key_text_);
    batch.finish(operation, origin, row.text);
    return true;
}

Result<void> Loader::fill_preview(const FileSet& files, LoadResult& result) {
    if (row_number_) result.preview.columns.emplace_back(row_number_column_, "long");
    for (const auto column : sent_)
        result.preview.columns.emplace_back(columns_.name(column), types_[column]);
    SourceRow row;
    for (const auto& file : files.files()) {
        auto source = open(files, file, false, nullptr);
        if (!source.ok()) return source.error();
        while (result.preview.rows.size() < kPreviewRows) {
            auto more = (*source)->next(row);
            if (!more.ok()) return more.error();
            if (!*more) break;
            const auto number = ++result.rows_read;
            LoadBatch probe(options_.table, std::vector<std::string>(result.preview.columns.size(), "c"),
                            std::vector<bool>(result.preview.columns.size()));
            RowProblem problem;
            const RowOrigin origin{0, row.line, number};
            if (!convert(row, number, probe, origin, problem)) {
                result.refused.push_back({origin, file.name, std::move(problem), ""});
                continue;
            }
            auto& texts = result.preview.rows.emplace_back();
            if (row_number_)
                texts.emplace_back(std::to_string(options_.row_number_from.value_or(1) + number - 1));
            for (const auto column : sent_) {
                const auto& field = row.fields[column];
                std::string_view out;
                std::string reason;
                if (field.kind == FieldKind::absent || field.kind == FieldKind::null ||
                    !converters_[column].convert(field, scratch_, out, reason))
                    texts.emplace_back();
                else
                    texts.emplace_back(out);
            }
        }
    }
    return {};
}

}  // namespace datalake::cli
