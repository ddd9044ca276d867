#include "data-lake-client/cli/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "common/base/ascii.h"

namespace datalake::cli {
namespace {

constexpr std::size_t kBatchBytesMax = 16u << 20;  // wide rows: smaller batches
constexpr std::uint32_t kConnectionsMax = 16;

bool is_row_error(const Error& error) {
    return error.code() == ErrorCode::invalid_value || error.code() == ErrorCode::limit_exceeded;
}

}  // namespace

std::optional<std::uint32_t> row_named_in(std::string_view message, std::uint32_t rows) {
    const auto at = message.find("row ");
    if (at == std::string_view::npos) return std::nullopt;
    std::uint64_t number = 0;
    std::size_t digits = 0;
    for (auto i = at + 4; i < message.size() && message[i] >= '0' && message[i] <= '9' && digits < 10;
         ++i, ++digits)
        number = number * 10 + static_cast<std::uint64_t>(message[i] - '0');
    if (digits == 0 || number >= rows) return std::nullopt;
    return static_cast<std::uint32_t>(number);
}

std::string table_column_name(std::string_view file_column) {
    std::string name;
    for (const char c : file_column) {
        const char small = dl::ascii_lowercase(c);
        const bool allowed = (small >= 'a' && small <= 'z') || (small >= '0' && small <= '9') ||
                             static_cast<unsigned char>(small) >= 0x80;
        name += allowed ? small : '_';
    }
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) name.insert(0, 1, '_');
    return name;
}

Result<void> send_splitting(const SendRange& send, std::uint32_t first, std::uint32_t end,
                            std::uint64_t& loaded, std::vector<RefusedRow>& refused,
                            const std::function<bool()>& refused_room) {
    // Ranges still to send, the next one last.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges{{first, end}};
    while (!ranges.empty()) {
        const auto [from, to] = ranges.back();
        ranges.pop_back();
        if (from >= to) continue;
        auto sent = send(from, to);
        if (sent.ok()) {
            loaded += to - from;
            continue;
        }
        if (!is_row_error(sent.error())) return sent;
        if (to - from == 1) {
            refused.push_back({from, sent.error().to_text()});
            if (!refused_room())
                return Error(ErrorCode::limit_exceeded,
                             "too many rows were refused, the last one with " + sent.error().to_text());
            continue;
        }
        // The row that is named is tried alone: when it is good after all, halves are tried next.
        const auto named = row_named_in(sent.error().message(), to - from);
        if (named) {
            const auto bad = from + *named;
            ranges.push_back({bad + 1, to});
            ranges.push_back({bad, bad + 1});
            ranges.push_back({from, bad});
        } else {
            const auto middle = from + (to - from) / 2;
            ranges.push_back({middle, to});
            ranges.push_back({from, middle});
        }
    }
    return {};
}

struct Loader::Plan {
    std::vector<std::size_t> file_columns;
    std::vector<std::string> columns;  // of the table, the row number first
    bool row_number = false;
    bool as_text = false;
    std::uint32_t connections = 1;
};

// What the reading thread and the senders share.
struct Loader::Shared {
    struct Batch {
        std::unique_ptr<BatchBuilder> rows;
        std::vector<std::uint64_t> row_numbers;
    };
    std::mutex mutex;
    std::condition_variable work, room;
    std::deque<Batch> ready, free;
    std::size_t ready_max = 2;
    bool finished = false;
    std::optional<Error> error;
    std::uint64_t loaded = 0;
    std::vector<RefusedRow> refused;
    std::uint32_t refused_max = 0;
};

Result<Loader::Plan> Loader::plan(Client& client, FileSource& source, LoadResult& result) {
    Plan plan;
    std::string key = options_.key;
    std::string row_number_column;
    if (key == "row_number" || key.starts_with("row_number:")) {
        plan.row_number = true;
        row_number_column = key.size() > 11 ? key.substr(11) : "id";
        key = row_number_column;
    }
    std::map<std::string, std::string> seen;  // ours -> file's
    std::vector<std::string> names;
    for (const auto& column : source.columns()) {
        auto name = table_column_name(column.name);
        if (const auto twin = seen.find(name); twin != seen.end())
            return Error(ErrorCode::invalid_argument, "columns \"" + twin->second + "\" and \"" +
                                                          column.name +
                                                          "\" of the file would both be column " + name);
        if (plan.row_number && name == row_number_column)
            return Error(ErrorCode::invalid_argument, "the file has a column " + name +
                                                          " itself; name another one for the row number: key "
                                                          "row_number:COLUMN");
        if (name != column.name && table_column_name(column.name) != column.name)
            result.notes.push_back("column \"" + column.name + "\" of the file is column " + name +
                                   " of the table");
        seen[name] = column.name;
        names.push_back(std::move(name));
    }
    if (options_.create) {
        if (key.empty())
            return Error(ErrorCode::invalid_argument, "a table needs a key: name a column, or row_number");
        TableSpec spec{.name = options_.table, .columns = {}, .key = key, .partitions = options_.partitions};
        if (plan.row_number) spec.columns.emplace_back(row_number_column, "long");
        for (std::size_t i = 0; i < names.size(); ++i)
            spec.columns.emplace_back(names[i], source.columns()[i].type);
        if (!plan.row_number && !seen.contains(key))
            return Error(ErrorCode::invalid_argument, "the file has no column " + key);
        if (auto created = client.create(spec); !created.ok()) return created.error();
        result.created = true;
    } else {
        auto table = client.describe(options_.table);
        if (!table.ok()) return table.error();
        if (!options_.key.empty() && table->key != key)
            return Error(ErrorCode::invalid_argument,
                         "the key of table " + table->name + " is " + table->key + ", not " + key);
        std::string unknown;
        for (const auto& name : names) {
            const bool known = std::any_of(table->columns.begin(), table->columns.end(),
                                           [&](const ColumnInfo& column) { return column.name == name; });
            if (!known) unknown += (unknown.empty() ? "" : ", ") + name;
        }
        if (!unknown.empty())
            return Error(ErrorCode::invalid_argument,
                         "table " + table->name + " has no column " + unknown +
                             ", the file has; add it with alter table, or load into "
                             "another table");
        if (!plan.row_number && !seen.contains(table->key))
            return Error(ErrorCode::invalid_argument,
                         "the file has no column " + table->key + ", the key of table " + table->name +
                             "; with key row_number it is filled with the row number");
        if (plan.row_number) row_number_column = table->key;
        plan.as_text = true;
    }
    if (plan.row_number) plan.columns.push_back(row_number_column);
    for (std::size_t i = 0; i < names.size(); ++i) {
        plan.file_columns.push_back(i);
        plan.columns.push_back(names[i]);
    }
    plan.connections = options_.connections != 0 ? std::min(options_.connections, kConnectionsMax)
                                                 : (plan.row_number ? 2 : 1);
    return plan;
}

void Loader::send_batches(Shared& shared, Client& client) {
    for (;;) {
        Shared::Batch batch;
        {
            std::unique_lock lock(shared.mutex);
            shared.work.wait(lock, [&] { return !shared.ready.empty() || shared.finished || shared.error; });
            if (shared.error || shared.ready.empty()) return;
            batch = std::move(shared.ready.front());
            shared.ready.pop_front();
        }
        shared.room.notify_one();
        std::uint64_t loaded = 0;
        std::vector<RefusedRow> refused;
        const auto room = [&] {
            std::lock_guard lock(shared.mutex);
            return shared.refused.size() + refused.size() <= shared.refused_max;
        };
        const auto send = [&](std::uint32_t first, std::uint32_t end) -> Result<void> {
            if (cancelled_) return Error(ErrorCode::cancelled, "the load was cancelled");
            auto sent = client.send(*batch.rows, first, end);
            if (!sent.ok()) return sent.error();
            return {};
        };
        auto sent = send_splitting(send, 0, batch.rows->rows(), loaded, refused, room);
        std::lock_guard lock(shared.mutex);
        shared.loaded += loaded;
        for (auto& row : refused) {
            row.row = batch.row_numbers[row.row];
            shared.refused.push_back(std::move(row));
        }
        batch.rows->clear();
        batch.row_numbers.clear();
        shared.free.push_back(std::move(batch));
        if (!sent.ok()) {
            if (!shared.error) shared.error = sent.error();
            shared.work.notify_all();
            shared.room.notify_all();
            return;
        }
        shared.room.notify_one();
    }
}

void Loader::cancel() {
    if (!cancelled_.exchange(true)) return;
    std::lock_guard lock(clients_mutex_);
    if (clients_ == nullptr) return;
    for (auto& client : *clients_)
        client.cancel();
}

Result<void> Loader::run(LoadResult& result, const std::function<void(double, std::uint64_t)>& on_progress) {
    const auto start = std::chrono::steady_clock::now();
    auto source = FileSource::open(options_.file);
    if (!source.ok()) return source.error();
    auto first_client = Client::connect(address_, client_options_);
    if (!first_client.ok()) return first_client.error();
    auto planned = plan(*first_client, **source, result);
    if (!planned.ok()) return planned.error();
    if (auto started = (*source)->start(planned->file_columns, planned->as_text, planned->row_number);
        !started.ok())
        return started;

    std::vector<Client> clients;
    clients.push_back(std::move(*first_client));
    while (clients.size() < planned->connections) {
        auto next = Client::connect(address_, client_options_);
        if (!next.ok()) return next.error();
        clients.push_back(std::move(*next));
    }
    Shared shared;
    shared.ready_max = clients.size() + 1;
    shared.refused_max = options_.refused_max;
    {
        std::lock_guard lock(clients_mutex_);
        clients_ = &clients;
    }
    std::vector<std::jthread> senders;
    for (auto& client : clients)
        senders.emplace_back([&] { send_batches(shared, client); });

    const auto rows_wanted = options_.rows_max == 0 ? ~std::uint64_t{0} : options_.rows_max;
    auto total = (*source)->rows();
    if (total) total = std::min(*total, rows_wanted);
    std::optional<Error> read_error;
    bool more = true;
    while (more && !read_error) {
        Shared::Batch batch;
        {
            std::unique_lock lock(shared.mutex);
            // Wakes up to draw and to notice a cancel while the server is slow.
            while (shared.ready.size() >= shared.ready_max && !shared.error && !cancelled_) {
                shared.room.wait_for(lock, std::chrono::milliseconds(100));
                const auto loaded = shared.loaded;
                lock.unlock();
                on_progress(
                    total && *total > 0 ? static_cast<double>(loaded) / static_cast<double>(*total) : -1.0,
                    loaded);
                lock.lock();
            }
            if (shared.error) break;
            if (cancelled_) {
                shared.error = Error(ErrorCode::cancelled, "the load was cancelled");
                break;
            }
            if (!shared.free.empty()) {
                batch = std::move(shared.free.front());
                shared.free.pop_front();
            }
        }
        if (!batch.rows) batch.rows = std::make_unique<BatchBuilder>(options_.table, planned->columns);
        std::vector<RefusedRow> refused;
        const auto rows_now = std::min<std::uint64_t>(options_.batch_rows, rows_wanted - result.rows_read);
        auto filled = (*source)->fill(*batch.rows, static_cast<std::uint32_t>(rows_now), kBatchBytesMax,
                                      refused, batch.row_numbers);
        if (!filled.ok()) {
            read_error = filled.error();
        } else {
            more = *filled;
        }
        result.rows_read += batch.row_numbers.size() + refused.size();
        more = more && result.rows_read < rows_wanted;
        std::uint64_t loaded = 0;
        {
            std::lock_guard lock(shared.mutex);
            shared.refused.insert(shared.refused.end(), refused.begin(), refused.end());
            if (batch.rows->rows() > 0) shared.ready.push_back(std::move(batch));
            loaded = shared.loaded;
        }
        shared.work.notify_one();
        on_progress(total && *total > 0 ? static_cast<double>(loaded) / static_cast<double>(*total) : -1.0,
                    loaded);
    }
    {
        std::lock_guard lock(shared.mutex);
        shared.finished = true;
    }
    shared.work.notify_all();
    senders.clear();  // joins
    {
        std::lock_guard lock(clients_mutex_);
        clients_ = nullptr;
    }
    result.rows_loaded = shared.loaded;
    result.refused = std::move(shared.refused);
    std::sort(result.refused.begin(), result.refused.end(),
              [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (shared.error) return *shared.error;
    if (read_error) return *read_error;
    return {};
}

}  // namespace datalake::cli
