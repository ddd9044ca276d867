// What a load does with which column: types, the table, names (loader.h).
#include <algorithm>
#include <map>

#include "common/base/ascii.h"
#include "common/types/schema.h"
#include "common/types/value_text.h"
#include "data-lake-client/cli/load/csv_source.h"
#include "data-lake-client/cli/load/declared_type.h"
#include "data-lake-client/cli/load/json_source.h"
#include "data-lake-client/cli/load/loader.h"
#include "data-lake-client/cli/load/parquet_source.h"
#include "data-lake-client/cli/load/type_guess.h"

namespace datalake::cli {
namespace {

constexpr std::uint64_t kRowsBetweenLooks = 4096;

Error wrong(std::string text) {
    return Error(ErrorCode::invalid_argument, std::move(text));
}

// Adds what the directories of a file say to each of its rows.
class WithConstants : public RowSource {
  public:
    WithConstants(std::unique_ptr<RowSource> inner,
                  std::vector<std::pair<std::size_t, std::string>> constants)
        : inner_(std::move(inner)), constants_(std::move(constants)) {}
    Result<bool> next(SourceRow& row) override {
        auto more = inner_->next(row);
        if (!more.ok() || !*more) return more;
        for (const auto& [column, text] : constants_) {
            if (row.fields.size() <= column) row.fields.resize(column + 1);
            row.fields[column] = {text, FieldKind::text};
        }
        return true;
    }
    double fraction() const override { return inner_->fraction(); }

  private:
    std::unique_ptr<RowSource> inner_;
    const std::vector<std::pair<std::size_t, std::string>> constants_;
};

// The type that holds the values of both, or nothing.
std::string wider_type(const std::string& a, const std::string& b) {
    if (a == b || b.empty()) return a;
    if (a.empty()) return b;
    const auto either = [&](const char* small, const char* large) {
        return (a == small && b == large) || (a == large && b == small);
    };
    if (either("int", "long")) return "long";
    if (either("float", "double")) return "double";
    const auto x = dl::parse_type(a), y = dl::parse_type(b);
    if (!x || !y) return "";
    const auto as_decimal = [](dl::DataType type) -> std::pair<unsigned, unsigned> {
        if (type.kind == dl::TypeKind::decimal) return {type.precision - type.scale, type.scale};
        if (type.kind == dl::TypeKind::int32) return {10, 0};
        if (type.kind == dl::TypeKind::int64) return {19, 0};
        return {100, 0};
    };
    const auto [whole_x, scale_x] = as_decimal(*x);
    const auto [whole_y, scale_y] = as_decimal(*y);
    const auto whole = std::max(whole_x, whole_y), scale = std::max(scale_x, scale_y);
    if (whole + scale > 38) return "";
    return "decimal(" + std::to_string(whole + scale) + "," + std::to_string(scale) + ")";
}

}  // namespace

Result<std::unique_ptr<RowSource>> Loader::open(const FileSet& files, const LoadFile& file, bool creating,
                                                LoadResult* result) {
    read_ = {};
    std::unique_ptr<RowSource> source;
    std::vector<bool> in_file(columns_.size());
    if (files.format() == FileFormat::parquet) {
        auto parquet = ParquetSource::open(file.path);
        if (!parquet.ok()) return parquet.error();
        if (auto started = (*parquet)->start(columns_, data_types_, options_); !started.ok())
            return started.error();
        for (std::size_t i = 0; i < columns_.size(); ++i)
            in_file[i] = (*parquet)->has(i);
        source = std::move(*parquet);
    } else {
        auto bytes = open_bytes(file.path, file.name, options_.encoding, read_);
        if (!bytes.ok()) return bytes.error();
        if (files.format() == FileFormat::json) {
            source = std::make_unique<JsonSource>(file.name, std::move(*bytes), columns_);
        } else {
            auto csv =
                CsvSource::open(file.name, std::move(*bytes), options_, files.format(), columns_, creating);
            if (!csv.ok()) return csv.error();
            const char delimiter = (*csv)->delimiter();
            if (result != nullptr && !options_.csv.delimiter && delimiter != ',' && delimiter != '\t')
                result->notes.push_back("the fields of " + file.name + " are taken to be separated by " +
                                        delimiter);
            in_file.resize(columns_.size());
            for (std::size_t i = 0; i < columns_.size(); ++i)
                in_file[i] = (*csv)->has(i);
            source = std::move(*csv);
        }
    }
    std::vector<std::pair<std::size_t, std::string>> constants;
    for (const auto& [name, text] : file.constants) {
        const int found = columns_.find(name);
        if (found == LoadColumns::kUnknown && options_.skip_unknown_fields) continue;
        if (found < 0)
            return wrong(file.name + ": there is no column " + name + " for what its directory says");
        const auto column = static_cast<std::size_t>(found);
        // A file that has the column itself knows better.
        if (column < in_file.size() && in_file[column]) continue;
        constants.emplace_back(column, text);
        in_file.resize(std::max(in_file.size(), column + 1));
        in_file[column] = true;
    }
    if (!creating && !row_number_ && files.format() != FileFormat::json) {
        for (std::size_t i = 0; i < columns_.size(); ++i)
            if (columns_.name(i) == key_ && !in_file[i])
                return wrong(file.name + ": the file has no column " + key_ + ", the key of table " +
                             options_.table + "; it has " + columns_.file_names() +
                             "; with key row_number the key is filled with the row number");
    }
    if (constants.empty()) return source;
    return std::unique_ptr<RowSource>(
        std::make_unique<WithConstants>(std::move(source), std::move(constants)));
}

Result<void> Loader::look_at_rows(const FileSet& files, const Progress& on_progress, LoadResult& result) {
    std::vector<TypeGuess> guesses;
    const bool numbers_in_text = files.format() != FileFormat::json;
    SourceRow row;
    std::uint64_t rows = 0;
    for (std::size_t i = 0; i < files.files().size(); ++i) {
        const auto& file = files.files()[i];
        auto source = open(files, file, true, nullptr);
        if (!source.ok()) return source.error();
        for (;;) {
            auto more = (*source)->next(row);
            if (!more.ok()) return more.error();
            if (!*more) break;
            if (++rows % kRowsBetweenLooks == 0) {
                on_progress({true, done(files, i, source->get()), rows});
                if (cancelled_) return Error(ErrorCode::cancelled, "the load was cancelled");
            }
            if (!row.problem.reason.empty()) continue;
            if (guesses.size() < columns_.size()) guesses.resize(columns_.size());
            for (std::size_t column = 0; column < row.fields.size(); ++column)
                guesses[column].see(row.fields[column], numbers_in_text, options_.text, {i, row.line});
        }
    }
    guesses.resize(columns_.size());
    for (std::size_t column = 0; column < guesses.size(); ++column) {
        const auto& name = columns_.name(column);
        const bool is_key = !row_number_ && name == key_;
        types_.push_back(guesses[column].type(is_key));
        const bool chosen = std::any_of(options_.types.begin(), options_.types.end(), [&](const auto& type) {
            return table_column_name(type.first) == name;
        });
        if (types_.back() == "string" && !chosen)
            note_odd_value(files, column, guesses[column].hint(), result);
    }
    return {};
}

// Names the value because of which a column is text, and what would make it another one.
void Loader::note_odd_value(const FileSet& files, std::size_t column,
                            const std::optional<OddValues::Hint>& hint, LoadResult& result) const {
    const auto& name = columns_.name(column);
    // Of a key no floating type is made.
    if (!hint || (hint->type == "double" && name == key_)) return;
    auto note = "column " + name + " is a string because of " + dl::quoted_value(hint->text) + " in line " +
                std::to_string(hint->place.line);
    if (files.files().size() > 1) note += " of " + files.files()[hint->place.file].name;
    note += ", " + (hint->reason.empty() ? "where most values are of type " + hint->type : hint->reason) +
            "; --types " + name + ":" + hint->type;
    note += hint->refused == 0 ? " takes all values"
                               : " would refuse " + std::to_string(hint->refused) + " of " +
                                     std::to_string(hint->values) + " values";
    result.notes.push_back(std::move(note));
}

Result<void> Loader::look_at_parquet(const FileSet& files) {
    std::map<std::string, TypeGuess> constants;
    for (const auto& file : files.files()) {
        auto source = ParquetSource::open(file.path);
        if (!source.ok()) return source.error();
        std::map<std::size_t, std::string> names;  // of this file, by the column they become
        for (const auto& column : (*source)->columns()) {
            const int found = columns_.find(column.name);
            if (found == LoadColumns::kClash)
                return wrong(file.name + ": " + columns_.clash_text(column.name));
            if (found < 0)
                return wrong(file.name + ": column \"" + column.name + "\" cannot be column " +
                             table_column_name(column.name));
            const auto at = static_cast<std::size_t>(found);
            const auto [twin, fresh] = names.emplace(at, column.name);
            if (!fresh)
                return wrong(file.name + ": columns \"" + twin->second + "\" and \"" + column.name +
                             "\" of the file would both be column " + columns_.name(at));
            types_.resize(std::max(types_.size(), columns_.size()));
            const bool chosen = std::any_of(
                options_.types.begin(), options_.types.end(),
                [&](const auto& type) { return table_column_name(type.first) == columns_.name(at); });
            if (chosen) continue;
            if (column.type.empty()) return wrong(file.name + ": " + ParquetSource::refusal(column));
            const auto type = wider_type(types_[at], column.type);
            if (type.empty())
                return wrong(file.name + ": column \"" + column.name + "\" is " + column.type +
                             ", in a file before it " + types_[at] + "; --types " + columns_.name(at) +
                             ":TYPE says which it is to be");
            types_[at] = type;
        }
        for (const auto& [name, text] : file.constants)
            constants[table_column_name(name)].see({text, FieldKind::text}, true, options_.text);
    }
    for (auto& [name, guess] : constants) {
        const int found = columns_.find(name);
        if (found < 0) continue;
        types_.resize(std::max(types_.size(), columns_.size()));
        auto& type = types_[static_cast<std::size_t>(found)];
        if (type.empty()) type = guess.type(name == key_);
    }
    return {};
}

// --types instead of what was found; types as the server will have them.
Result<void> Loader::apply_types() {
    for (const auto& [name, type] : options_.types) {
        const auto ours = table_column_name(name);
        bool found = false;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (columns_.name(i) != ours) continue;
            types_[i] = type;
            found = true;
        }
        if (!found) return wrong("--types: the files have no column " + name);
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const auto type = stored_type(types_[i]);
        if (!type.ok()) return wrong("column " + columns_.name(i) + ": " + type.error().message());
        data_types_.push_back(*type);
        if (!is_declared_type(types_[i])) types_[i] = dl::type_name(*type);
    }
    defaults_.assign(columns_.size(), false);
    return {};
}

// Rows to come may need more digits than those of the files.
void Loader::note_decimal(std::size_t column, LoadResult& result) const {
    const auto& name = columns_.name(column);
    const auto type = data_types_[column];
    const bool given = std::any_of(options_.types.begin(), options_.types.end(),
                                   [&](const auto& one) { return table_column_name(one.first) == name; });
    if (given || type.kind != dl::TypeKind::decimal || type.precision == 38) return;
    const auto scale = std::to_string(type.scale);
    const auto wide = "decimal(38," + scale + ")";
    auto note = "column " + name + " is " + types_[column] +
                ", as wide as the values of the files; --types " + name + ":" + wide + " leaves room";
    if (name != key_)
        note += ", and alter table " + options_.table + " alter column " + name + " type " + wide +
                " makes it wider later";
    result.notes.push_back(std::move(note));
}

Result<void> Loader::look(const FileSet& files, const Progress& on_progress, LoadResult& result) {
    if (!row_number_ && key_.empty()) return wrong("a table needs a key: name a column, or row_number");
    auto looked = files.format() == FileFormat::parquet ? look_at_parquet(files)
                                                        : look_at_rows(files, on_progress, result);
    if (!looked.ok()) return looked;
    columns_.close();
    types_.resize(columns_.size());
    if (auto applied = apply_types(); !applied.ok()) return applied;
    // What the server would refuse is known before anything is made, and with --dry-run too.
    if (auto named = dl::normalize_name("table", options_.table); !named) return wrong(named.error().message);
    const auto check_name = [](const std::string& name, const std::string& file_name) -> Result<void> {
        if (auto normal = dl::normalize_name("column", name); !normal) return wrong(normal.error().message);
        if (dl::is_reserved_column_name(name))
            return wrong("column \"" + file_name + "\" of the file cannot be column " + name +
                         " of the table, which is a reserved name; rename it in the file");
        return {};
    };
    if (row_number_) {
        const auto name = dl::fold_name(row_number_column_);
        if (auto checked = check_name(name, row_number_column_); !checked.ok()) return checked;
    }
    bool has_key = row_number_;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const auto& name = columns_.name(i);
        if (auto checked = check_name(name, columns_.file_name(i)); !checked.ok()) return checked;
        if (row_number_ && name == table_column_name(row_number_column_))
            return wrong(LoadColumns::filled_text(name));
        has_key = has_key || name == key_;
        if (dl::ascii_lowercase(columns_.file_name(i)) != name)
            result.notes.push_back("column \"" + columns_.file_name(i) + "\" of the file is column " + name +
                                   " of the table");
        if (files.format() != FileFormat::parquet) note_decimal(i, result);
    }
    if (!has_key)
        return wrong("the file has no column " + options_.key + "; it has " + columns_.file_names());
    return {};
}

Result<void> Loader::create_table(Client& client, LoadResult& result) {
    TableSpec spec{.name = options_.table,
                   .columns = {},
                   .key = row_number_ ? row_number_column_ : key_,
                   .partitions = options_.partitions,
                   .copies = options_.copies.value_or(1)};
    if (row_number_) spec.columns.emplace_back(row_number_column_, "long");
    for (std::size_t i = 0; i < columns_.size(); ++i)
        spec.columns.emplace_back(columns_.name(i), types_[i]);
    if (auto created = client.create(spec); !created.ok()) return created;
    result.created = true;
    return {};
}

Result<void> Loader::describe_table(Client& client) {
    if (!options_.types.empty()) return wrong("--types goes with --create; the table has its types");
    if (options_.copies)
        return wrong("--copies goes with --create; alter table " + options_.table +
                     " set copies = N changes those of a table");
    auto table = client.describe(options_.table);
    if (!table.ok()) {
        const auto& error = table.error();
        if (error.code() != ErrorCode::table_not_found) return error;
        return Error(error.code(), error.message() + "; --create makes it, with types from the files");
    }
    if (table->key.empty()) return wrong(table->name + " is a view; rows are loaded into tables");
    if (!row_number_ && !key_.empty() && table->key != key_)
        return wrong("the key of table " + table->name + " is " + table->key + ", not " + options_.key);
    if (row_number_ && options_.key.size() > 11 && table->key != row_number_column_)
        return wrong("the key of table " + table->name + " is " + table->key + ", not " + row_number_column_);
    key_ = table->key;
    columns_ = LoadColumns(false);
    if (row_number_) {
        row_number_column_ = table->key;
        columns_.set_filled(table->key);
    }
    for (const auto& column : table->columns) {
        const auto type = dl::parse_type(column.type);
        if (type.has_error())
            return wrong("column " + column.name + " of table " + table->name +
                         " has a type that is not "
                         "known here: " +
                         column.type);
        if (row_number_ && column.name == table->key) continue;
        columns_.add(column.name);
        types_.push_back(column.type);
        data_types_.push_back(*type);
        defaults_.push_back(column.default_value.has_value());
    }
    return {};
}

// Every header before the first row is sent, so that a file that does not fit is known while nothing is done.
Result<void> Loader::check_headers(const FileSet& files, LoadResult& result) {
    if (files.format() == FileFormat::json) return {};
    for (const auto& file : files.files()) {
        auto source = open(files, file, false, &result);
        if (!source.ok()) return source.error();
    }
    return {};
}

void Loader::finish_plan(const FileSet& files, LoadResult& result) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (options_.create || files.format() == FileFormat::json || !columns_.file_name(i).empty())
            sent_.push_back(i);
        converters_.emplace_back(data_types_[i], options_.text);
        if (!row_number_ && columns_.name(i) == key_) key_column_ = i;
        if (!options_.create && !columns_.file_name(i).empty() &&
            dl::ascii_lowercase(columns_.file_name(i)) != columns_.name(i))
            result.notes.push_back("column \"" + columns_.file_name(i) + "\" of the file is column " +
                                   columns_.name(i) + " of the table");
    }
}

}  // namespace datalake::cli
