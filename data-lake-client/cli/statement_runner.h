// Runs one SQL or JSON statement and prints its reply; the reply decides how. Main thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "data-lake-client/cli/progress.h"
#include "data-lake-client/cli/result_writer.h"
#include "data-lake-client/cli/statement_reader.h"
#include "datalake/client.h"

namespace datalake::cli {

struct PrintSettings {
    OutputFormat format = OutputFormat::table;
    WriterStyle style;
    bool quiet = false;  // no OK and no row counts
    bool timing = true;
    std::optional<std::int64_t> timeout_ms;  // of statements that name none
    bool progress = false;                   // long statements draw how far they are; stderr is a terminal
};

// A query or a read: whatever becomes of it, nothing was changed.
bool only_reads(const Statement& statement);

class StatementRunner {
  public:
    StatementRunner(Client& client, PrintSettings& settings, Output& output)
        : client_(client), settings_(settings), output_(output) {}

    // Output is flushed; an error is for the caller to print.
    Result<void> run(const Statement& statement);
    // Of the last run(): whether its reply was rows (none are rows, too) and how many.
    bool gave_rows() const { return gave_rows_; }
    std::uint64_t rows_printed() const { return rows_printed_; }
    // Prints a table the client itself made; a row count when `counted`.
    void print_rows(const std::vector<std::string>& columns, const std::vector<std::vector<Cell>>& rows,
                    bool counted);
    // The same with one column, timed from now on.
    void print_list(const std::string& column, const std::vector<std::vector<Cell>>& rows);
    void print_table_info(const TableInfo& table);
    // Where the partitions are, of some tables.
    void print_nodes(const std::vector<TableInfo>& tables);

  private:
    std::vector<std::string> names_of(std::string_view select);
    Result<std::uint64_t> write_query(std::string_view select);
    Result<void> run_select(std::string_view text);
    // `counts_rows`: its meta frame is asked for, to say how many rows were written.
    Result<void> run_json(const std::string& json, bool counts_rows = false);
    Result<void> run_stream_read(const std::string& json);
    // The frame that options.meta asked for.
    void print_meta(const std::string& meta);
    // Draws a progress frame and says so; anything else is left to the caller.
    bool draw_progress(Progress& progress, const std::string& frame);
    Result<void> print_reply(ReplyKind kind, const std::string& name, const std::string& frame);
    // `deletes`: what was written are deletes, of keys that need not have had a row.
    void print_done(std::optional<std::uint64_t> rows = {}, bool deletes = false);
    // "(3 rows, 12.3 ms)" after tables, nothing elsewhere.
    void print_count(std::uint64_t rows);
    std::string elapsed_text() const;
    bool is_for_people() const {
        return settings_.format == OutputFormat::table || settings_.format == OutputFormat::vertical;
    }

    Client& client_;
    PrintSettings& settings_;
    Output& output_;
    std::chrono::steady_clock::time_point start_{};
    bool gave_rows_ = false;
    std::uint64_t rows_printed_ = 0;
};

// "12.3 ms", "4.2 s".
std::string format_elapsed(std::chrono::nanoseconds elapsed);
Cell text_cell(std::string text);
Cell number_cell(std::int64_t number);
Cell value_cell(const Value& value);
// Prints batches of records: partition, offset, crud and the columns. begin() of the writer is called with
// the first.
class RecordPrinter {
  public:
    explicit RecordPrinter(ResultWriter& writer) : writer_(writer) {}
    // Rows from `first_row` on, at most `rows_max`; the number printed.
    std::uint64_t print(const RecordBatch& batch, std::uint64_t rows_max = ~std::uint64_t{0});

  private:
    ResultWriter& writer_;
    bool begun_ = false;
    std::vector<Cell> cells_;
};

}  // namespace datalake::cli
