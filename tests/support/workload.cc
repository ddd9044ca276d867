#include "tests/support/workload.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <unordered_map>

#include "tests/support/wire_bytes.h"

namespace dl::test {
namespace {

std::int64_t to_number(const std::string& text) {
    std::int64_t value = -1;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

struct Workload::Writer {
    int index = 0;
    std::mt19937_64 random;
    std::optional<RawClient> client;
    std::vector<WrittenBatch> batches;
    std::unordered_map<std::int64_t, std::int64_t>
        current;  // key -> write id when all its writes are settled; -1 deleted
    std::unordered_map<std::int64_t, bool> unsettled;  // keys with an unknown write

    bool chance(double share) { return std::uniform_real_distribution<>(0, 1)(random) < share; }
    int below(int bound) { return static_cast<int>(random() % static_cast<std::uint64_t>(bound)); }
};

Workload::Workload(std::uint16_t master_port, WorkloadOptions options)
    : port_(master_port), options_(std::move(options)) {
    for (int i = 0; i < options_.writers; ++i) {
        auto& writer = *writers_.emplace_back(std::make_unique<Writer>());
        writer.index = i;
        writer.random.seed(options_.seed * 1000 + static_cast<std::uint64_t>(i));
    }
}

Workload::~Workload() {
    stop();
}

void Workload::create_table() {
    const auto text =
        "create table " + options_.table +
        "(id long primary key, w long not null, writer int, payload string default 'none')" +
        " partition.number = " + std::to_string(options_.partitions) +
        (options_.copies > 1 ? ", replicas.number = " + std::to_string(options_.copies - 1) : "");
    RawClient client(port_);
    const auto reply = client.request(nlohmann::json{{"sql", text}}.dump());
    if (!reply.ok()) throw std::runtime_error(text + ": " + reply.text);
}

void Workload::start() {
    stopping_ = false;
    for (auto& writer : writers_)
        threads_.emplace_back([this, w = writer.get()] { write_loop(*w); });
    threads_.emplace_back([this] { consume_loop(); });
}

void Workload::stop() {
    stopping_ = true;
    for (auto& thread : threads_)
        thread.join();
    threads_.clear();
}

void Workload::run_some(int batches) {
    for (int i = 0; i < batches && !stopping_; ++i) {
        const auto unknown_before = unknown_.load();
        one_batch(*writers_[static_cast<std::size_t>(i) % writers_.size()]);
        if (unknown_ != unknown_before) return;
    }
}

void Workload::write_loop(Writer& writer) {
    while (!stopping_)
        one_batch(writer);
}

void Workload::one_batch(Writer& writer) {
    if (!writer.client) {
        try {
            writer.client.emplace(port_, options_.statement_timeout);
        } catch (const TransportError&) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            return;
        }
    }
    WrittenBatch batch;
    batch.writer = writer.index;
    const int row_count = 1 + writer.below(options_.batch_rows_max);
    const bool is_bad = writer.chance(options_.bad_batch_share);
    const int bad_row = is_bad ? writer.below(row_count) : -1;
    auto data = nlohmann::json::array();
    std::vector<std::vector<Text>> plain_rows;
    for (int i = 0; i < row_count; ++i) {
        WrittenRow row;
        row.key = static_cast<std::int64_t>(writer.below(options_.keys_per_writer)) * options_.writers +
                  writer.index;
        row.write_id = next_write_id_++;
        row.is_delete = writer.chance(options_.delete_share);
        batch.rows.push_back(row);
        const auto id = std::to_string(row.key);
        const auto write_id = i == bad_row ? std::string("not a number") : std::to_string(row.write_id);
        const std::string payload(static_cast<std::size_t>(writer.below(options_.value_bytes + 1)),
                                  static_cast<char>('a' + i % 26));
        const char* crud = row.is_delete ? "delete" : "insert";
        if (options_.binary)
            plain_rows.push_back({id, write_id, std::to_string(writer.index), payload, crud});
        else
            data.push_back({{"id", id},
                            {"w", write_id},
                            {"writer", writer.index},
                            {"payload", payload},
                            {"crud", crud}});
    }
    nlohmann::json statement{{"batch_insert", {{"table_name", options_.table}, {"data", std::move(data)}}}};
    if (options_.batch_ids)
        statement["options"] = {{"batch_id", "w" + std::to_string(batch.rows[0].write_id)}};
    const auto bytes =
        options_.binary
            ? binary_batch_request(options_.table, {"id", "w", "writer", "payload", "_crud_type"}, plain_rows)
            : frame(statement.dump());

    batch.outcome = Outcome::unknown;
    // With a batch id an unknown outcome is resolved by sending the same batch again.
    for (;;) {
        try {
            if (!writer.client) writer.client.emplace(port_, options_.statement_timeout);
            const auto reply = writer.client->send_batch(bytes);
            if (reply.ok())
                batch.outcome = Outcome::acknowledged;
            else if (!error_leaves_outcome_open(reply.code())) {
                // A refusal of a repeat says nothing of the first try, unless it is about the batch itself.
                const bool about_batch = reply.code() == "INVALID_VALUE";
                if (batch.outcome == Outcome::unknown && (about_batch || !options_.batch_ids))
                    batch.outcome = Outcome::refused;
            }
        } catch (const TransportError&) {
            writer.client.reset();
        }
        if (!options_.batch_ids || batch.outcome != Outcome::unknown || stopping_) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }

    if (is_bad && batch.outcome == Outcome::acknowledged) {
        const std::lock_guard lock(problems_mutex_);
        problems_.push_back("a batch with a bad row was acknowledged");
    }
    for (const auto& row : batch.rows) {
        if (batch.outcome == Outcome::acknowledged)
            writer.current[row.key] = row.is_delete ? -1 : row.write_id;
        if (batch.outcome == Outcome::unknown) writer.unsettled[row.key] = true;
    }
    if (batch.outcome == Outcome::acknowledged) ++acknowledged_;
    if (batch.outcome == Outcome::refused) ++refused_;
    if (batch.outcome == Outcome::unknown) ++unknown_;
    writer.batches.push_back(batch);
    if (batch.outcome == Outcome::acknowledged && writer.client && writer.chance(options_.read_back_share))
        read_back(writer, batch);
    if (batch.outcome == Outcome::refused && !is_bad)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));  // e.g. UNAVAILABLE
}

// An acknowledged write is visible at once, on any connection.
void Workload::read_back(Writer& writer, const WrittenBatch& batch) {
    const auto key =
        batch.rows[static_cast<std::size_t>(writer.below(static_cast<int>(batch.rows.size())))].key;
    if (writer.unsettled.contains(key)) return;
    const auto expected = writer.current.at(key);
    try {
        RawClient other(port_, options_.statement_timeout);
        const auto reply = other.request(nlohmann::json{
            {"query", "select w from " + options_.table + " where id = " + std::to_string(key)}}
                                             .dump());
        if (!reply.ok()) return;
        const auto seen =
            reply.frames.empty() ? -1 : nlohmann::json::parse(reply.frames[0])["w"].get<std::int64_t>();
        if (seen == expected && reply.frames.size() <= 1) return;
        const std::lock_guard lock(problems_mutex_);
        problems_.push_back("UNSEEN: key " + std::to_string(key) + " was acknowledged as write " +
                            std::to_string(expected) + " and queried right after as " + std::to_string(seen) +
                            " (" + std::to_string(reply.frames.size()) + " rows)");
    } catch (const TransportError&) {  // the server died; nothing can be said
    }
}

std::vector<ReadRecord> Workload::read_stream(RawClient& client, std::vector<std::int64_t>& positions,
                                              int read_count) {
    auto parts = nlohmann::json::array();
    for (std::size_t i = 0; i < positions.size(); ++i)
        parts.push_back({{"patition_code", i}, {"offset", positions[i]}});
    const nlohmann::json statement{
        {"stream_read",
         {{"table_name", options_.table}, {"patition_mess", parts}, {"read_count", read_count}}}};
    const auto reply = client.request(statement.dump());
    if (!reply.ok()) throw TransportError("stream_read: " + reply.text);
    std::vector<ReadRecord> records;
    for (const auto& frame : reply.frames)
        for (const auto& record : decode_stream_frame(frame)) {
            ReadRecord out;
            out.partition = static_cast<std::uint32_t>(record.partition);
            out.offset = record.offset;
            out.key = to_number(record.key);
            const auto write_id = record.values.find("w");
            out.write_id =
                write_id == record.values.end() || !write_id->second ? -1 : to_number(*write_id->second);
            out.is_delete = record.crud == "delete";
            positions.at(out.partition) = out.offset + 1;
            records.push_back(out);
        }
    return records;
}

void Workload::consume_loop() {
    std::vector<std::int64_t> positions(static_cast<std::size_t>(options_.partitions), 0);
    std::optional<RawClient> client;
    while (!stopping_) {
        try {
            if (!client) client.emplace(port_, options_.statement_timeout);
            auto records = read_stream(*client, positions, 500);
            early_.insert(early_.end(), records.begin(), records.end());
            std::this_thread::sleep_for(std::chrono::milliseconds(records.empty() ? 10 : 1));
        } catch (const TransportError&) {
            client.reset();
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
}

std::string Workload::verify(bool compacted, bool late_unknown_allowed) {
    History history;
    history.compacted = compacted;
    history.late_unknown_allowed = late_unknown_allowed;
    for (const auto& writer : writers_)
        history.batches.insert(history.batches.end(), writer->batches.begin(), writer->batches.end());
    history.early = early_;
    RawClient client(port_);
    std::vector<std::int64_t> positions(static_cast<std::size_t>(options_.partitions), 0);
    for (;;) {
        auto records = read_stream(client, positions, 20'000);
        if (records.empty()) break;
        history.stream.insert(history.stream.end(), records.begin(), records.end());
    }
    const auto reply =
        client.request(nlohmann::json{{"query", "select id, w from " + options_.table}}.dump());
    if (!reply.ok()) return "query: " + reply.text;
    std::int64_t sum = 0;
    for (const auto& text : reply.frames) {
        const auto row = nlohmann::json::parse(text);
        history.table.push_back({row["id"].get<std::int64_t>(), row["w"].get<std::int64_t>()});
        sum += history.table.back().write_id;
    }
    auto report = to_text(check_history(history));
    // The engine's own aggregation must say the same.
    const auto totals = client.request(nlohmann::json{
        {"query", "select count(*) as n, coalesce(cast(sum(w) as bigint), 0) as total from " +
                      options_.table}}.dump());
    if (!totals.ok()) return report + "query: " + totals.text;
    const auto row = nlohmann::json::parse(totals.frames.at(0));
    if (row["n"].get<std::size_t>() != history.table.size() || row["total"].get<std::int64_t>() != sum)
        report += "TOTALS DIFFER: " + row.dump() + " against " + std::to_string(history.table.size()) +
                  " rows, sum " + std::to_string(sum) + "\n";
    const std::lock_guard lock(problems_mutex_);
    for (const auto& problem : problems_)
        report += problem + "\n";
    return report;
}

}  // namespace dl::test
