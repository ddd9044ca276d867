#include "data-lake-client/cli/statement_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>

#include "data-lake-client/cli/json_rows.h"
#include "data-lake-client/cli/text_width.h"
#include "data-lake-client/src/json_text.h"
#include "data-lake-client/src/statement.h"

namespace datalake::cli {
namespace {

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

enum class ReplyForm : std::uint8_t { rows, names, one_object };

// What the frames of a reply are when it is neither that of DESC nor that of max_offset: rows, unless the
// statement is one of the few whose reply is something else (the meta of a write, how far a compaction is).
ReplyForm reply_form(const StatementTraits& traits) {
    if (traits.one_frame) return ReplyForm::names;
    constexpr std::array<std::string_view, 5> kStatements = {"metadata", "create", "insert", "batch_insert",
                                                             "compress_table"};
    constexpr std::array<std::string_view, 8> kWords = {"insert", "delete", "truncate", "create",
                                                        "drop",   "alter",  "compress", "compress_table"};
    const auto among = [](const auto& words, const std::string& word) {
        return std::find(words.begin(), words.end(), word) != words.end();
    };
    const bool object =
        traits.name == "sql" ? among(kWords, traits.sql_verb) : among(kStatements, traits.name);
    return object ? ReplyForm::one_object : ReplyForm::rows;
}

// The statement with one more option; as it is when it has the option, or is none that could take it.
std::string with_option(const std::string& json, std::string_view name, std::string_view value) {
    auto out = json;
    const auto member = "\"" + std::string(name) + "\":" + std::string(value);
    if (const auto options = json_member(json, "options")) {
        if (options->kind != JsonKind::object || json_member(options->raw, name)) return out;
        JsonReader members(options->raw);
        const bool any = members.enter() && members.next();
        const auto begin = static_cast<std::size_t>(options->raw.data() - json.data()) + 1;
        if (begin > out.size()) return out;
        return out.insert(begin, member + (any ? "," : ""));
    }
    const auto end = out.find_last_not_of(" \t\r\n");
    if (end == std::string::npos || out[end] != '}' || statement_traits(json).name.empty()) return out;
    return out.insert(end, ",\"options\":{" + member + "}");
}

// A write that says nothing of the meta of its reply, asking for it.
std::optional<std::string> with_meta(const std::string& json) {
    const auto traits = statement_traits(json);
    const bool writes =
        traits.name == "insert" || (traits.name == "batch_insert" && !traits.takes_attachment) ||
        (traits.name == "sql" && (traits.sql_verb == "insert" || traits.sql_verb == "delete" ||
                                  traits.sql_verb == "truncate" || traits.sql_verb == "create"));
    if (!writes) return std::nullopt;
    // With on_error the reply says by itself what was left out.
    if (const auto options = json_member(json, "options"))
        if (options->kind != JsonKind::object || json_member(options->raw, "meta") ||
            json_member(options->raw, "on_error"))
            return std::nullopt;
    return with_option(json, "meta", "true");
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

bool asks_for(const std::string& json, std::string_view option) {
    const auto options = json_member(json, "options");
    const auto given = options ? json_member(options->raw, option) : std::nullopt;
    return given && given->is_true();
}

}  // namespace

bool only_reads(const Statement& statement) {
    if (statement.kind == Statement::Kind::sql) return only_reads_sql(statement.text);
    if (statement.kind != Statement::Kind::json) return false;
    return statement_traits(statement.text).read_only;
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

namespace {

// A float is written as one: 0.1, and not as the double that it is in a Value.
Cell record_cell(const RecordBatch& batch, std::uint32_t row, std::size_t column) {
    const auto value = batch.value(row, column);
    auto cell = value_cell(value);
    const auto* number = std::get_if<double>(&value);
    if (number != nullptr && std::isfinite(*number)) cell.text = batch.text(row, column);
    return cell;
}

}  // namespace

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
            cells_.push_back(record_cell(batch, row, i));
        writer_.row(cells_);
    }
    return rows;
}

std::string StatementRunner::elapsed_text() const {
    return format_elapsed(std::chrono::steady_clock::now() - start_);
}

void StatementRunner::print_done(std::optional<std::uint64_t> rows, bool deletes) {
    if (settings_.quiet || !is_for_people()) return;
    std::string notes;
    if (rows) notes = std::to_string(*rows) + (deletes ? " delete" : " row") + (*rows == 1 ? "" : "s");
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
    gave_rows_ = false;
    rows_printed_ = 0;
    Result<void> done;
    const auto timed = [&](const std::string& json) {
        return settings_.timeout_ms ? with_option(json, "timeout_ms", std::to_string(*settings_.timeout_ms))
                                    : json;
    };
    if (statement.kind == Statement::Kind::json) {
        // A person is told how many rows were written; what a script gets is what it asked for.
        auto counted = is_for_people() && !settings_.quiet ? with_meta(statement.text) : std::nullopt;
        done = counted ? run_json(timed(*counted), true) : run_json(timed(statement.text));
    } else if (is_query_sql(statement.text)) {
        done = run_select(statement.text);
    } else {
        std::string json = "{\"sql\":";
        append_json_string(json, statement.text);
        const auto verb = sql_first_word(statement.text);
        if (settings_.progress && (verb == "compress" || verb == "compress_table"))
            json += ",\"options\":{\"progress\":true}";
        const bool writes = verb == "insert" || verb == "delete" || verb == "truncate" || verb == "create";
        if (writes)
            json += settings_.progress ? ",\"options\":{\"meta\":true,\"progress\":true}"
                                       : ",\"options\":{\"meta\":true}";
        done = run_json(timed(json + "}"), writes);
    }
    if (!output_.flush() && done.ok()) return Error(ErrorCode::io_error, "the output cannot be written");
    return done;
}

Result<std::uint64_t> StatementRunner::write_query(std::string_view select) {
    const auto format = settings_.format;
    auto writer = ResultWriter::make(format, settings_.style, output_);
    auto rows = client_.query(select, {.meta = true, .timeout_ms = settings_.timeout_ms});
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
    auto rows = write_query(text);
    if (!rows.ok()) return rows.error();
    gave_rows_ = true;
    rows_printed_ = *rows;
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
    const auto form = reply_form(traits);
    const bool rows_expected = form == ReplyForm::rows;
    auto writer = ResultWriter::make(settings_.format, settings_.style, output_);
    JsonRows rows(*writer);
    std::optional<Error> failed;
    Progress progress(settings_.progress);
    const bool draws = asks_for(json, "progress");  // else it is a row with such a column
    // What options.meta asks for comes behind the rows; a row can look the same, so only the last frame is
    // taken.
    const bool wants_meta = rows_expected && asks_for(json, "meta");
    // Read by people, a statement is shown as it is written rather than as a cell.
    const bool whole_text = is_for_people() && is_show_create(json);
    std::optional<std::uint64_t> rows_written;
    std::optional<std::string> meta;
    auto kind = client_.execute(json, std::nullopt, [&](ReplyKind reply, std::string&& frame) {
        if (draws && draw_progress(progress, frame)) return true;
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
        auto printed = rows_expected && reply == ReplyKind::frames
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
    // The meta of a write is no result.
    gave_rows_ =
        rows.rows() > 0 || (gave_rows_ && (form != ReplyForm::one_object || traits.name == "metadata"));
    rows_printed_ += rows.rows();
    // What changes something may answer with rows or with its success alone.
    if (rows_expected && (*kind == ReplyKind::frames || (*kind == ReplyKind::done && traits.read_only))) {
        writer->end();
        if (!whole_text) print_count(rows.rows());
        if (meta && is_for_people()) output_.write(*meta + "\n");
        if (meta && !is_for_people()) std::fputs((*meta + "\n").c_str(), stderr);
    } else if (counts_rows || *kind == ReplyKind::done) {
        print_done(rows_written, traits.sql_verb == "delete" || traits.sql_verb == "truncate");
    }
    return {};
}

}  // namespace datalake::cli
