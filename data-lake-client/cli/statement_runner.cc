#include "data-lake-client/cli/statement_runner.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "data-lake-client/cli/text_width.h"
#include "data-lake-client/src/client_impl.h"
#include "data-lake-client/src/consumer_impl.h"
#include "data-lake-client/src/json_text.h"
#include "data-lake-client/src/statement.h"

namespace datalake::cli {
namespace {

Cell json_cell(const JsonSlice& value) {
    return {cell_kind(value.kind), value.kind == JsonKind::null ? std::string() : value.text()};
}

Error unexpected(std::string_view what) {
    return Error(ErrorCode::protocol_error, "a frame of the reply is not " + std::string(what));
}

// Frames that are JSON objects, as rows.
class JsonRows {
  public:
    explicit JsonRows(ResultWriter& writer) : writer_(writer) {}
    Result<void> add(const std::string& frame) {
        JsonReader reader(frame);
        reader.enter();
        std::vector<std::string> names;
        cells_.clear();
        while (reader.next()) {
            if (!begun_) names.push_back(reader.key());
            cells_.push_back(json_cell(reader.value()));
        }
        if (reader.failed()) return unexpected("a JSON object");
        if (!begun_) writer_.begin(std::move(names));
        begun_ = true;
        writer_.row(cells_);
        ++rows_;
        return {};
    }
    std::uint64_t rows() const { return rows_; }

  private:
    ResultWriter& writer_;
    bool begun_ = false;
    std::uint64_t rows_ = 0;
    std::vector<Cell> cells_;
};

bool is_select(std::string_view sql) {
    const auto word = sql_first_word(sql);
    return word == "select" || word == "with" || word == "values" || word == "from" || word == "explain" ||
           skip_sql_blanks(sql).starts_with('(');
}

// With the line breaks as they are, and nothing else that could steer the terminal.
std::string lines_of(std::string_view text) {
    std::string out;
    for (;;) {
        const auto end = text.find('\n');
        out += printable(text.substr(0, end));
        if (end == std::string_view::npos) return out;
        out += '\n';
        text.remove_prefix(end + 1);
    }
}

// `show create table t`, in a request.
bool is_show_create(const std::string& json) {
    const auto sql = json_member(json, "sql");
    if (!sql) return false;
    const auto text = sql->text();
    auto rest = skip_sql_blanks(text);
    constexpr std::string_view kShow = "show";
    if (sql_first_word(rest) != kShow) return false;
    rest.remove_prefix(kShow.size());
    return sql_first_word(skip_sql_blanks(rest)) == "create";
}

bool asks_for_meta(const std::string& json) {
    const auto options = json_member(json, "options");
    const auto meta = options ? json_member(options->raw, "meta") : std::nullopt;
    return meta && meta->is_true();
}

}  // namespace

bool only_reads(const Statement& statement) {
    if (statement.kind == Statement::Kind::sql) return is_select(statement.text);
    if (statement.kind != Statement::Kind::json) return false;
    for (const char* name : {"query", "stream_read", "metadata"})
        if (json_member(statement.text, name)) return true;
    const auto sql = json_member(statement.text, "sql");
    return sql && is_select(sql->text());
}

std::string format_elapsed(std::chrono::nanoseconds elapsed) {
    const double ms = std::chrono::duration<double, std::milli>(elapsed).count();
    if (ms < 10) return fmt::format("{:.2f} ms", ms);
    if (ms < 1000) return fmt::format("{:.1f} ms", ms);
    if (ms < 60'000) return fmt::format("{:.2f} s", ms / 1000);
    return fmt::format("{}:{:04.1f} min", static_cast<int>(ms / 60'000),
                       ms / 1000 - 60 * static_cast<int>(ms / 60'000));
}

Cell text_cell(std::string text) {
    return {CellKind::text, std::move(text)};
}
Cell number_cell(std::int64_t number) {
    return {CellKind::number, std::to_string(number)};
}

Cell value_cell(const Value& value) {
    switch (value.index()) {
        case 0:
            return {};
        case 1:
            return {CellKind::boolean, std::get<bool>(value) ? "true" : "false"};
        case 2:
            return number_cell(std::get<std::int64_t>(value));
        case 3: {
            std::string json;
            append_json_value(json, value);
            if (json[0] != '"') return {CellKind::number, std::move(json)};
            return text_cell(json.substr(1, json.size() - 2));
        }
        default:
            return text_cell(std::get<std::string>(value));
    }
}

std::uint64_t RecordPrinter::print(const RecordBatch& batch, std::uint64_t rows_max) {
    if (!begun_) {
        std::vector<std::string> names{"partition", "offset", "crud"};
        names.insert(names.end(), batch.columns().begin(), batch.columns().end());
        writer_.begin(std::move(names));
        begun_ = true;
    }
    const auto rows = std::min<std::uint64_t>(batch.rows(), rows_max);
    for (std::uint32_t row = 0; row < rows; ++row) {
        cells_.clear();
        cells_.push_back(number_cell(batch.partition()));
        cells_.push_back(number_cell(batch.offset(row)));
        cells_.push_back(text_cell(batch.operation(row) == Operation::insert ? "insert" : "delete"));
        for (std::size_t i = 0; i < batch.columns().size(); ++i)
            cells_.push_back(value_cell(batch.value(row, i)));
        writer_.row(cells_);
    }
    return rows;
}

std::string StatementRunner::elapsed_text() const {
    return format_elapsed(std::chrono::steady_clock::now() - start_);
}

void StatementRunner::print_done(std::optional<std::uint64_t> rows) {
    if (settings_.quiet || !is_for_people()) return;
    std::string notes;
    if (rows) notes = std::to_string(*rows) + (*rows == 1 ? " row" : " rows");
    if (settings_.timing) notes += (notes.empty() ? "" : ", ") + elapsed_text();
    output_.write(notes.empty() ? "OK\n" : "OK (" + notes + ")\n");
}

void StatementRunner::print_count(std::uint64_t rows) {
    if (settings_.quiet || !is_for_people()) return;
    auto text = "(" + std::to_string(rows) + (rows == 1 ? " row" : " rows");
    if (settings_.timing) text += ", " + elapsed_text();
    output_.write(text + ")\n");
}

Result<void> StatementRunner::run(const Statement& statement) {
    start_ = std::chrono::steady_clock::now();
    Result<void> done;
    if (statement.kind == Statement::Kind::json) {
        done = run_json(statement.text);
    } else if (is_select(statement.text)) {
        done = run_select(statement.text);
    } else {
        std::string json = "{\"sql\":";
        append_json_string(json, statement.text);
        const auto verb = sql_first_word(statement.text);
        if (settings_.progress && (verb == "compress" || verb == "compress_table"))
            json += ",\"options\":{\"progress\":true}";
        const bool writes = verb == "insert" || verb == "delete" || verb == "truncate" || verb == "create";
        if (writes) json += ",\"options\":{\"meta\":true}";
        done = run_json(json + "}", writes);
    }
    if (!output_.flush() && done.ok()) return Error(ErrorCode::io_error, "the output cannot be written");
    return done;
}

Result<std::uint64_t> StatementRunner::write_query(std::string_view select, OutputFormat format,
                                                   Output& output) {
    auto writer = ResultWriter::make(format, settings_.style, output);
    auto rows = client_.query(select, {.meta = true});
    if (!rows.ok()) return rows.error();
    bool begun = false;
    std::vector<Cell> cells;
    const auto begin = [&] {
        if (!begun) writer->begin(rows->columns());
        begun = true;
    };
    for (;;) {
        auto more = rows->next();
        if (!more.ok()) {
            // What came is shown; the error follows on stderr.
            if (begun) writer->flush();
            return more.error();
        }
        if (!*more && rows->rows() == 0 && (format == OutputFormat::csv || format == OutputFormat::table)) {
            writer->begin(names_of(select));
            begun = true;
        }
        begin();
        if (!*more) break;
        cells.resize(rows->columns().size());
        for (std::size_t i = 0; i < cells.size(); ++i) {
            cells[i].kind = rows->kind(i);
            cells[i].text = rows->text(i);
        }
        writer->row(cells);
    }
    writer->end();
    return rows->rows();
}

// Of a query that gave no rows, whose reply has no names: they are asked for. Empty when nobody knows them.
std::vector<std::string> StatementRunner::names_of(std::string_view select) {
    std::string json = "{\"query\":";
    append_json_string(json, select);
    std::vector<std::string> names;
    (void)client_.execute(json + ",\"options\":{\"describe\":true}}", std::nullopt,
                          [&](ReplyKind, std::string&& frame) {
                              const auto columns = json_member(frame, "columns");
                              JsonReader reader(columns ? columns->raw : std::string_view());
                              reader.enter();
                              while (reader.next())
                                  if (const auto name = json_member(reader.value().raw, "name"))
                                      names.push_back(name->text());
                              return true;
                          });
    return names;
}

Result<void> StatementRunner::run_select(std::string_view text) {
    auto rows = write_query(text, settings_.format, output_);
    if (!rows.ok()) return rows.error();
    print_count(*rows);
    return {};
}

bool StatementRunner::draw_progress(Progress& progress, const std::string& frame) {
    if (!settings_.progress || !frame.starts_with("{\"progress\":")) return false;
    const auto now = json_member(frame, "progress");
    if (!now) return false;
    const auto number = [&](const char* name) {
        const auto member = json_member(now->raw, name);
        return member ? std::strtoull(member->text().c_str(), nullptr, 10) : 0;
    };
    const auto total = number("rows_total");
    const auto done = number("rows_done");
    progress.update(total == 0 ? -1 : static_cast<double>(done) / static_cast<double>(total), done);
    return true;
}

Result<void> StatementRunner::run_json(const std::string& json, bool counts_rows) {
    const auto traits = statement_traits(json);
    if (traits.name == "stream_read") return run_stream_read(json);
    const bool rows_expected = traits.name == "query" || traits.sql_verb == "select" ||
                               traits.sql_verb == "with" || traits.sql_verb == "show" ||
                               traits.sql_verb == "summarize" || traits.name == "check_table" ||
                               traits.sql_verb == "check" || traits.sql_verb == "check_table";
    auto writer = ResultWriter::make(settings_.format, settings_.style, output_);
    JsonRows rows(*writer);
    std::optional<Error> failed;
    Progress progress(settings_.progress);
    // What options.meta asks for comes behind the rows; a row can look the same, so only the last frame is
    // taken.
    const bool wants_meta = rows_expected && asks_for_meta(json);
    // Read by people, a statement is shown as it is written rather than as a cell.
    const bool whole_text = is_for_people() && is_show_create(json);
    std::optional<std::uint64_t> rows_written;
    std::optional<std::string> meta;
    auto kind = client_.execute(json, std::nullopt, [&](ReplyKind reply, std::string&& frame) {
        if (draw_progress(progress, frame)) return true;
        if (counts_rows && frame.starts_with("{\"meta\":{")) {
            const auto written = json_member(json_member(frame, "meta")->raw, "rows");
            if (written) rows_written = std::strtoull(written->text().c_str(), nullptr, 10);
            return true;
        }
        if (meta) {
            auto printed = rows.add(*meta);
            meta.reset();
            if (!printed.ok()) return failed = printed.error(), false;
        }
        if (wants_meta && frame.starts_with("{\"meta\":{")) {
            meta = std::move(frame);
            return true;
        }
        if (whole_text) {
            if (const auto text = json_member(frame, "create_statement")) {
                output_.write(lines_of(text->text()) + ";\n");
                return true;
            }
        }
        auto printed = rows_expected
                           ? rows.add(frame)
                           : print_reply(reply, traits.one_frame ? "show_table" : traits.name, frame);
        if (!printed.ok()) failed = printed.error();
        return printed.ok();
    });
    progress.clear();
    if (!kind.ok()) {
        writer->flush();
        return kind.error();
    }
    if (failed) return *failed;
    if (rows_expected) {
        writer->end();
        if (!whole_text) print_count(rows.rows());
        if (meta && is_for_people()) output_.write(*meta + "\n");
        if (meta && !is_for_people()) std::fputs((*meta + "\n").c_str(), stderr);
    } else if (counts_rows || *kind == ReplyKind::done) {
        print_done(rows_written);
    }
    return {};
}

Result<void> StatementRunner::run_stream_read(const std::string& json) {
    std::string format = "rows";
    if (const auto options = json_member(json, "options"))
        if (const auto named = json_member(options->raw, "format")) format = named->text();
    auto writer = ResultWriter::make(settings_.format, settings_.style, output_);
    RecordPrinter records(*writer);
    JsonRows json_rows(*writer);
    std::shared_ptr<const StreamSchema> schema;
    std::uint64_t count = 0;
    std::optional<Error> failed;
    auto kind = client_.execute(json, std::nullopt, [&](ReplyKind, std::string&& frame) {
        if (format == "json") {
            auto added = json_rows.add(frame);
            if (!added.ok()) failed = added.error();
            count = json_rows.rows();
            return !failed;
        }
        if (format == "columnar" && !schema) {
            auto parsed = parse_columnar_schema(frame);
            if (!parsed.ok()) return failed = parsed.error(), false;
            schema = *parsed;
            return true;
        }
        if (frame.starts_with("{\"meta\"")) return true;
        auto batch =
            format == "columnar" ? decode_columnar_batch(schema, std::move(frame)) : decode_rows_batch(frame);
        if (!batch.ok()) return failed = batch.error(), false;
        count += records.print(*batch);
        return true;
    });
    if (!kind.ok()) {
        writer->flush();
        return kind.error();
    }
    if (failed) return *failed;
    writer->end();
    print_count(count);
    return {};
}

Result<void> StatementRunner::print_reply(ReplyKind kind, const std::string& name, const std::string& frame) {
    if (kind == ReplyKind::describe) {
        auto table = parse_describe(frame);
        if (!table.ok()) return table.error();
        print_table_info(*table);
        return {};
    }
    if (kind == ReplyKind::max_offset) {
        auto offsets = parse_offsets(frame);
        if (!offsets.ok()) return offsets.error();
        std::vector<std::vector<Cell>> rows;
        for (const auto& [partition, offset] : *offsets)
            rows.push_back({number_cell(partition), number_cell(offset)});
        print_rows({"partition", "max_offset"}, rows, true);
        return {};
    }
    std::vector<std::vector<Cell>> rows;
    JsonReader reader(frame);
    reader.enter();
    if (name == "show_table") {
        while (reader.next())
            rows.push_back({json_cell(reader.value())});
        if (reader.failed()) return unexpected("a list of tables");
        print_rows({"table_name"}, rows, true);
        return {};
    }
    // metadata, and the meta frame of a write: one object, a line per member.
    std::string_view object = frame;
    const auto meta = json_member(frame, "meta");
    if (meta && meta->kind == JsonKind::object) object = meta->raw;
    JsonReader members(object);
    members.enter();
    while (members.next())
        rows.push_back({text_cell(members.key()), json_cell(members.value())});
    if (members.failed()) return unexpected("a JSON object");
    if (is_for_people()) {
        print_rows({"name", "value"}, rows, false);
        if (name == "metadata") print_count(1);
        return {};
    }
    std::vector<std::string> names;
    std::vector<Cell> cells;
    for (auto& row : rows) {
        names.push_back(row[0].text);
        cells.push_back(row[1]);
    }
    print_rows(names, {cells}, false);
    return {};
}

void StatementRunner::print_rows(const std::vector<std::string>& columns,
                                 const std::vector<std::vector<Cell>>& rows, bool counted) {
    auto writer = ResultWriter::make(settings_.format, settings_.style, output_);
    writer->begin(columns);
    for (const auto& row : rows)
        writer->row(row);
    writer->end();
    if (counted) print_count(rows.size());
}

void StatementRunner::print_table_info(const TableInfo& table) {
    std::vector<std::vector<Cell>> rows;
    for (const auto& column : table.columns) {
        auto config = column.config == "NULL" ? std::string() : column.config;
        rows.push_back({text_cell(column.name), text_cell(column.type), text_cell(std::move(config)),
                        column.default_value ? text_cell(*column.default_value) : Cell{}});
    }
    if (is_for_people() && !settings_.quiet)
        output_.write("table " + table.name + ", key " + table.key + ", " +
                      std::to_string(table.partitions.size()) +
                      (table.partitions.size() == 1 ? " partition\n" : " partitions\n"));
    print_rows({"column", "type", "config", "default"}, rows, true);
}

void StatementRunner::print_nodes(const std::vector<TableInfo>& tables) {
    std::vector<std::vector<Cell>> rows;
    for (const auto& table : tables)
        for (const auto& [partition, info] : table.partitions) {
            std::string followers;
            for (const auto& follower : info.followers)
                followers += (followers.empty() ? "" : " ") + follower;
            rows.push_back({text_cell(table.name), number_cell(partition),
                            info.leader.empty() ? Cell{} : text_cell(info.leader), text_cell(followers)});
        }
    start_ = std::chrono::steady_clock::now();
    print_rows({"table_name", "partition", "leader", "followers"}, rows, false);
}

}  // namespace datalake::cli
