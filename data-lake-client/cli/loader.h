// Loads a file into a table: one thread reads and encodes, one per connection compresses, sends and waits. A
// batch that is refused because of a value is split until the bad rows stand alone; they are reported, the
// others are loaded.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "data-lake-client/cli/file_source.h"
#include "datalake/client.h"

namespace datalake::cli {

struct LoadOptions {
    std::string file;
    std::string table;
    std::string key;               // column, "row_number" or "row_number:COLUMN" (COLUMN is `id` by default)
    bool create = false;           // makes the table, types from the file
    std::uint32_t partitions = 4;  // of a created table
    std::uint32_t batch_rows = 20'000;
    // 0: two when the key is the row number. Otherwise one, so that of several rows with the same key the
    // last one of the file is the one that stays.
    std::uint32_t connections = 0;
    std::uint32_t refused_max = 1'000;  // then the load stops
    std::uint64_t rows_max = 0;         // of the file, its first ones; 0: all
    std::string rejects_file;           // CSV row,message of the refused rows
};

struct LoadResult {
    std::uint64_t rows_read = 0;
    std::uint64_t rows_loaded = 0;
    std::vector<RefusedRow> refused;  // by row
    double seconds = 0;
    bool created = false;
    std::vector<std::string> notes;  // renamed columns and the like
};

// Rows first .. end - 1 of a batch, sent by `send`; rows that are refused for themselves end in `refused`,
// with their position in the batch as number. Other errors are returned, the rows counted in `loaded` until
// then are in. `refused_room`: how many refused rows are still allowed; LIMIT_EXCEEDED after them.
using SendRange = std::function<Result<void>(std::uint32_t first, std::uint32_t end)>;
Result<void> send_splitting(const SendRange& send, std::uint32_t first, std::uint32_t end,
                            std::uint64_t& loaded, std::vector<RefusedRow>& refused,
                            const std::function<bool()>& refused_room);
// The row an error message names ("row 17"), when it is below `rows`.
std::optional<std::uint32_t> row_named_in(std::string_view message, std::uint32_t rows);
// A name of ours for a column of a file: lower-case, what is not allowed becomes _.
std::string table_column_name(std::string_view file_column);

class Loader {
  public:
    Loader(std::string address, Options client_options, LoadOptions options)
        : address_(std::move(address)), client_options_(client_options), options_(std::move(options)) {}
    // `result` says what was done also when an error is returned. `on_progress` gets a fraction (negative:
    // not known) and the rows loaded, from the calling thread.
    Result<void> run(LoadResult& result, const std::function<void(double, std::uint64_t)>& on_progress);
    // From any thread. The first call lets the batches under way finish, the second one gives them up.
    void cancel();

  private:
    struct Plan;
    struct Shared;
    Result<Plan> plan(Client& client, FileSource& source, LoadResult& result);
    void send_batches(Shared& shared, Client& client);

    const std::string address_;
    const Options client_options_;
    const LoadOptions options_;
    std::atomic<bool> cancelled_{false};
    std::mutex clients_mutex_;
    std::vector<Client>* clients_ = nullptr;  // while they send
};

}  // namespace datalake::cli
