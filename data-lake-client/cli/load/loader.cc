#include "data-lake-client/cli/load/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <thread>

#include "data-lake-client/cli/load/load_batch.h"
#include "data-lake-client/cli/load/row_source.h"

namespace datalake::cli {
namespace {

constexpr std::size_t kBatchBytesMax = 16u << 20;  // wide rows: smaller batches
constexpr std::uint32_t kConnectionsMax = 16;
constexpr std::uint64_t kRowsBetweenLooks = 4096;  // at the clock and for a cancel

Error cancelled_error() {
    return Error(ErrorCode::cancelled, "the load was cancelled");
}

}  // namespace

Loader::Loader(std::string address, Options client_options, LoadOptions options)
    : address_(std::move(address)), client_options_(client_options), options_(std::move(options)) {}
Loader::~Loader() = default;

// What the reading thread and the senders share.
struct Loader::Shared {
    std::mutex mutex;
    std::condition_variable work, room;
    std::deque<std::unique_ptr<LoadBatch>> ready, free;
    std::size_t ready_max = 2;
    bool finished = false;
    std::optional<Error> error;
    std::uint64_t loaded = 0;
    std::vector<RefusedRow> refused;
    std::uint32_t refused_max = 0;
    bool keep_texts = false;
};

void Loader::send_batches(const FileSet& files, Shared& shared, Client& client) {
    for (;;) {
        std::unique_ptr<LoadBatch> batch;
        {
            std::unique_lock lock(shared.mutex);
            shared.work.wait(lock, [&] { return !shared.ready.empty() || shared.finished || shared.error; });
            if (shared.error || shared.ready.empty()) return;
            batch = std::move(shared.ready.front());
            shared.ready.pop_front();
        }
        shared.room.notify_one();
        std::uint64_t loaded = 0;
        std::vector<BatchRefusal> refused;
        const auto room = [&] {
            std::lock_guard lock(shared.mutex);
            return shared.refused.size() + refused.size() < shared.refused_max;
        };
        const auto send = [&](std::uint32_t first, std::uint32_t end) -> Result<void> {
            if (cancelled_) return cancelled_error();
            return batch->send(client, first, end);
        };
        Result<void> sent;
        for (std::uint32_t first = 0; first < batch->rows() && sent.ok();) {
            const auto end = batch->run_end(first);
            sent = send_splitting(send, first, end, loaded, refused, room);
            first = end;
        }
        std::lock_guard lock(shared.mutex);
        shared.loaded += loaded;
        for (const auto& row : refused) {
            const auto& origin = batch->origin(row.row);
            shared.refused.push_back({origin, files.files()[origin.file].name, problem_of(row.error),
                                      shared.keep_texts ? batch->text(row.row) : ""});
        }
        batch->clear();
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

double Loader::done(const FileSet& files, std::size_t file, const RowSource* source) const {
    std::uint64_t total = 0, before = 0;
    for (std::size_t i = 0; i < files.files().size(); ++i) {
        if (i < file) before += files.files()[i].bytes;
        total += files.files()[i].bytes;
    }
    if (total == 0) return -1;
    const double part = source == nullptr ? -1 : source->fraction();
    const double here = part >= 0 ? part * static_cast<double>(files.files()[file].bytes)
                                  : static_cast<double>(std::min(read_.done, files.files()[file].bytes));
    return (static_cast<double>(before) + here) / static_cast<double>(total);
}

Result<void> Loader::read_files(const FileSet& files, Shared& shared, LoadResult& result,
                                const Progress& on_progress) {
    const auto rows_wanted = options_.rows_max == 0 ? ~std::uint64_t{0} : options_.rows_max;
    std::vector<std::string> names;
    std::vector<bool> defaults;
    if (row_number_) {
        names.push_back(row_number_column_);
        defaults.push_back(false);
    }
    for (const auto column : sent_) {
        names.push_back(columns_.name(column));
        defaults.push_back(defaults_[column]);
    }
    std::unique_ptr<LoadBatch> batch;
    std::size_t file = 0;
    std::unique_ptr<RowSource> source;
    const auto progress = [&](std::uint64_t loaded) {
        on_progress({false, done(files, file, source.get()), loaded});
    };
    // Hands the batch over and takes an empty one; false when the load is to end.
    const auto hand_over = [&] {
        std::unique_lock lock(shared.mutex);
        if (batch && batch->rows() > 0) {
            // Wakes up to draw and to notice a cancel while the server is slow.
            while (shared.ready.size() >= shared.ready_max && !shared.error && !cancelled_) {
                shared.room.wait_for(lock, std::chrono::milliseconds(100));
                const auto loaded = shared.loaded;
                lock.unlock();
                progress(loaded);
                lock.lock();
            }
        }
        if (cancelled_ && !shared.error) shared.error = cancelled_error();
        if (shared.error) return false;
        if (batch && batch->rows() > 0) shared.ready.push_back(std::move(batch));
        if (!batch && !shared.free.empty()) {
            batch = std::move(shared.free.front());
            shared.free.pop_front();
        }
        const auto loaded = shared.loaded;
        lock.unlock();
        shared.work.notify_one();
        if (!batch) batch = std::make_unique<LoadBatch>(options_.table, names, defaults);
        progress(loaded);
        return true;
    };
    if (!hand_over()) return {};
    SourceRow row;
    RowProblem problem;
    for (; file < files.files().size() && result.rows_read < rows_wanted; ++file) {
        auto opened = open(files, files.files()[file], false, nullptr);
        if (!opened.ok()) return opened.error();
        source = std::move(*opened);
        while (result.rows_read < rows_wanted) {
            auto more = source->next(row);
            if (!more.ok()) {
                (void)hand_over();
                return more.error();
            }
            if (!*more) break;
            const auto number = ++result.rows_read;
            const RowOrigin origin{static_cast<std::uint32_t>(file), row.line, number};
            problem.clear();
            const bool refused = !convert(row, number, *batch, origin, problem);
            if (refused) {
                std::lock_guard lock(shared.mutex);
                shared.refused.push_back({origin, files.files()[file].name, std::move(problem),
                                          shared.keep_texts ? text_of(row) : ""});
                if (shared.refused.size() >= shared.refused_max && !shared.error)
                    shared.error =
                        Error(ErrorCode::limit_exceeded,
                              "too many rows were refused, the last one: " + shared.refused.back().message());
            }
            const bool full = batch->rows() >= options_.batch_rows || batch->bytes() >= kBatchBytesMax;
            if ((full || number % kRowsBetweenLooks == 0 || refused) && (full ? !hand_over() : [&] {
                    std::lock_guard lock(shared.mutex);
                    if (cancelled_ && !shared.error) shared.error = cancelled_error();
                    return shared.error.has_value();
                }()))
                return {};
        }
    }
    file = files.files().empty() ? 0 : files.files().size() - 1;
    (void)hand_over();
    return {};
}

Result<void> Loader::load_rows(const FileSet& files, std::vector<Client>& clients, LoadResult& result,
                               const Progress& on_progress) {
    Shared shared;
    shared.ready_max = clients.size() + 1;
    shared.refused_max = std::max(options_.refused_max, 1u);
    shared.keep_texts = !options_.rejects_file.empty();
    {
        std::lock_guard lock(clients_mutex_);
        clients_ = &clients;
    }
    std::vector<std::jthread> senders;
    for (auto& client : clients)
        senders.emplace_back([&] { send_batches(files, shared, client); });
    auto read = read_files(files, shared, result, on_progress);
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
              [](const RefusedRow& a, const RefusedRow& b) { return a.origin.number < b.origin.number; });
    if (shared.error) return *shared.error;
    return read;
}

Result<void> Loader::run(LoadResult& result, const Progress& on_progress) {
    const auto start = std::chrono::steady_clock::now();
    const auto seconds = [&] {
        result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    auto resolved = FileSet::resolve(options_);
    if (!resolved.ok()) return resolved.error();
    auto& files = *resolved;
    RejectsWriter rejects;
    if (!options_.rejects_file.empty() && !options_.dry_run) {
        for (const auto& file : files.files())
            if (is_same_file(file.path, options_.rejects_file))
                return Error(ErrorCode::invalid_argument, "--rejects " + options_.rejects_file +
                                                              " is one of the files to load (" + file.name +
                                                              "); name another one");
        if (auto opened = rejects.open(options_.rejects_file); !opened.ok()) return opened;
    }
    const bool twice =
        options_.create || options_.dry_run || files.files().size() > 1 || files.format() != FileFormat::json;
    if (twice)
        if (auto spooled = files.spool(); !spooled.ok()) return spooled;
    if (options_.key == "row_number" || options_.key.starts_with("row_number:")) {
        row_number_ = true;
        row_number_column_ = options_.key.size() > 11 ? options_.key.substr(11) : "id";
    } else if (!options_.key.empty()) {
        key_ = table_column_name(options_.key);
    }
    if (options_.row_number_from && !row_number_)
        return Error(ErrorCode::invalid_argument, "--row-number-from goes with --key row_number");
    if (options_.create)
        if (auto looked = look(files, on_progress, result); !looked.ok()) return looked;

    std::vector<Client> clients;
    const auto connect = [&]() -> Result<void> {
        auto client = Client::connect(address_, client_options_);
        if (!client.ok()) return client.error();
        clients.push_back(std::move(*client));
        return {};
    };
    if (!options_.create || !options_.dry_run) {
        if (auto connected = connect(); !connected.ok()) return connected;
    }
    if (!options_.create) {
        if (auto described = describe_table(clients[0]); !described.ok()) return described;
        if (auto checked = check_numbers(clients[0]); !checked.ok()) return checked;
    }
    if (auto checked = check_headers(files, result); !checked.ok()) return checked;
    finish_plan(files, result);
    if (options_.dry_run) {
        auto filled = fill_preview(files, result);
        seconds();
        return filled;
    }
    const auto connections =
        options_.connections != 0 ? std::min(options_.connections, kConnectionsMax) : (row_number_ ? 2u : 1u);
    while (clients.size() < connections)
        if (auto connected = connect(); !connected.ok()) return connected;
    if (options_.create)
        if (auto created = create_table(clients[0], result); !created.ok()) return created;
    auto loaded = load_rows(files, clients, result, on_progress);
    note_repeated_keys(clients.size(), result);
    if (loaded.ok() && result.rows_loaded == 0 && !result.refused.empty())
        loaded = Error(ErrorCode::invalid_value,
                       "every row was refused, the first one: " + result.refused[0].message());
    if (!loaded.ok() && result.created) {
        // A cancelled client has no connection any more; it makes a new one.
        result.removed = clients[0].drop(options_.table).ok();
        if (result.removed) result.rows_loaded = 0;
        result.notes.push_back(result.removed
                                   ? "the load failed; the table it made was removed again"
                                   : "the load failed, and the table it made could not be removed");
    }
    auto written = rejects.write(result.refused);
    seconds();
    if (!loaded.ok() && !result.created && result.rows_loaded > 0)
        loaded = Error(loaded.error().code(),
                       loaded.error().message() + "; " + std::to_string(result.rows_loaded) +
                           " rows were stored before it",
                       Outcome::done_in_part);
    if (!loaded.ok()) return loaded;
    return written;
}

}  // namespace datalake::cli
