// Loads files into a table: every row arrives as written, or is refused by name. With `create` the files are
// read twice, for the types and for the rows. One thread reads and converts, one per connection compresses,
// sends and waits. A batch that the server refuses because of a value is split until the bad rows stand
// alone; they are reported, the others are loaded. A load that fails removes the table it made.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "data-lake-client/cli/load/byte_source.h"
#include "data-lake-client/cli/load/file_set.h"
#include "data-lake-client/cli/load/load_columns.h"
#include "data-lake-client/cli/load/load_options.h"
#include "data-lake-client/cli/load/odd_values.h"
#include "data-lake-client/cli/load/refused_row.h"
#include "data-lake-client/cli/load/repeated_keys.h"
#include "data-lake-client/cli/load/value_converter.h"
#include "datalake/client.h"

namespace datalake::cli {

// What --dry-run shows.
struct LoadPreview {
    std::vector<std::pair<std::string, std::string>> columns;   // name, type
    std::vector<std::vector<std::optional<std::string>>> rows;  // the first ones, as they would be sent
};

struct LoadResult {
    std::uint64_t rows_read = 0;
    std::uint64_t rows_loaded = 0;
    std::vector<RefusedRow> refused;  // in the order of the files
    double seconds = 0;
    bool created = false;
    bool removed = false;            // the created table, after a failure
    std::vector<std::string> notes;  // renamed columns and the like
    LoadPreview preview;
};

struct LoadProgress {
    bool looking = false;  // for types, the first of two passes
    double fraction = -1;  // of the pass; negative: not known
    std::uint64_t rows = 0;
};

// A row of a batch that was refused for itself.
struct BatchRefusal {
    std::uint32_t row = 0;
    Error error;
};

// Rows first .. end - 1 of a batch, sent by `send`; rows that are refused for themselves end in `refused`.
// Other errors are returned, the rows counted in `loaded` until then are in. `refused_room`: whether more
// rows may be refused; LIMIT_EXCEEDED when not.
using SendRange = std::function<Result<void>(std::uint32_t first, std::uint32_t end)>;
Result<void> send_splitting(const SendRange& send, std::uint32_t first, std::uint32_t end,
                            std::uint64_t& loaded, std::vector<BatchRefusal>& refused,
                            const std::function<bool()>& refused_room);
// The row an error message names ("row 17"), when it is below `rows`.
std::optional<std::uint32_t> row_named_in(std::string_view message, std::uint32_t rows);

class Loader {
  public:
    Loader(std::string address, Options client_options, LoadOptions options);
    ~Loader();
    // `result` says what was done also when an error is returned. `on_progress` is called from this thread.
    Result<void> run(LoadResult& result, const std::function<void(const LoadProgress&)>& on_progress);
    // From any thread. The first call lets the batches under way finish, the second one gives them up.
    void cancel();

  private:
    struct Shared;
    using Progress = std::function<void(const LoadProgress&)>;

    Result<void> look(const FileSet& files, const Progress& on_progress, LoadResult& result);
    Result<void> look_at_rows(const FileSet& files, const Progress& on_progress, LoadResult& result);
    Result<void> look_at_parquet(const FileSet& files);
    Result<void> apply_types();
    void note_odd_value(const FileSet& files, std::size_t column, const std::optional<OddValues::Hint>& hint,
                        LoadResult& result) const;
    void note_decimal(std::size_t column, LoadResult& result) const;
    Result<void> create_table(Client& client, LoadResult& result);
    Result<void> describe_table(Client& client);
    // Refuses to number rows as rows of the table are.
    Result<void> check_numbers(Client& client);
    // Of rows that replaced each other.
    void note_repeated_keys(std::size_t connections, LoadResult& result) const;
    Result<void> check_headers(const FileSet& files, LoadResult& result);
    void finish_plan(const FileSet& files, LoadResult& result);
    Result<std::unique_ptr<RowSource>> open(const FileSet& files, const LoadFile& file, bool creating,
                                            LoadResult* result);
    Result<void> load_rows(const FileSet& files, std::vector<Client>& clients, LoadResult& result,
                           const Progress& on_progress);
    Result<void> read_files(const FileSet& files, Shared& shared, LoadResult& result,
                            const Progress& on_progress);
    std::string text_of(const SourceRow& row) const;
    bool convert(const SourceRow& row, std::uint64_t number, LoadBatch& batch, const RowOrigin& origin,
                 RowProblem& problem);
    Result<void> fill_preview(const FileSet& files, LoadResult& result);
    void send_batches(const FileSet& files, Shared& shared, Client& client);
    double done(const FileSet& files, std::size_t file, const RowSource* source) const;

    const std::string address_;
    const Options client_options_;
    const LoadOptions options_;

    // The plan.
    std::optional<std::size_t> key_column_;  // of columns_, when the files have the key
    std::string key_text_;                   // of the row that is converted
    RepeatedKeys repeated_keys_;
    bool deletes_ = false;  // a row of the files is one
    bool row_number_ = false;
    std::string row_number_column_;
    std::string key_;
    LoadColumns columns_{true};
    std::vector<std::string> types_;
    std::vector<dl::DataType> data_types_;
    std::vector<ValueConverter> converters_;
    std::vector<bool> defaults_;
    std::vector<std::size_t> sent_;  // the columns that are sent, in order

    ReadProgress read_;
    std::atomic<bool> cancelled_{false};
    std::mutex clients_mutex_;
    std::vector<Client>* clients_ = nullptr;  // while they send
    std::string scratch_;
};

}  // namespace datalake::cli
