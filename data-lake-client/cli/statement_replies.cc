// How the replies that are no rows of a query are printed (statement_runner.h).
#include <cstdio>

#include "data-lake-client/cli/json_rows.h"
#include "data-lake-client/cli/statement_runner.h"
#include "data-lake-client/src/client_impl.h"
#include "data-lake-client/src/consumer_impl.h"
#include "data-lake-client/src/statement.h"

namespace datalake::cli {

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
    std::optional<std::string> meta;
    auto kind = client_.execute(json, std::nullopt, [&](ReplyKind, std::string&& frame) {
        // No record of any format begins so: those in JSON begin with table_name.
        if (frame.starts_with("{\"meta\":{")) {
            meta = std::move(frame);
            return true;
        }
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
    gave_rows_ = true;
    rows_printed_ = count;
    print_count(count);
    if (meta) print_meta(*meta);
    return {};
}

// Behind the rows, of which it is none: where a script reads, only a line of JSON may be among them.
void StatementRunner::print_meta(const std::string& meta) {
    if (is_for_people() || settings_.format == OutputFormat::ndjson) {
        output_.write(meta + "\n");
    } else {
        std::fputs((meta + "\n").c_str(), stderr);
    }
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
        if (reader.failed()) return unexpected_frame("a list of tables");
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
    if (members.failed()) return unexpected_frame("a JSON object");
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
    gave_rows_ = true;
    rows_printed_ += rows.size();
    auto writer = ResultWriter::make(settings_.format, settings_.style, output_);
    writer->begin(columns);
    for (const auto& row : rows)
        writer->row(row);
    writer->end();
    if (counted) print_count(rows.size());
}

void StatementRunner::print_list(const std::string& column, const std::vector<std::vector<Cell>>& rows) {
    start_ = std::chrono::steady_clock::now();
    print_rows({column}, rows, true);
}

void StatementRunner::print_table_info(const TableInfo& table) {
    std::vector<std::vector<Cell>> rows;
    for (const auto& column : table.columns) {
        auto config = column.config == "NULL" ? std::string() : column.config;
        rows.push_back({text_cell(column.name), text_cell(column.type), text_cell(std::move(config)),
                        column.default_value ? text_cell(*column.default_value) : Cell{}});
    }
    const bool is_view = table.key.empty();
    if (is_for_people() && !settings_.quiet && is_view) output_.write("view " + table.name + "\n");
    if (is_for_people() && !settings_.quiet && !is_view)
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
