#include "datalake/consumer.h"

#include <algorithm>
#include <utility>

#include "data-lake-client/src/consumer_impl.h"
#include "data-lake-client/src/json_text.h"

namespace datalake {
namespace {

constexpr std::chrono::milliseconds kWaitMax{300'000};

// A read that may go well in a moment: a slave went and another one is about to lead.
bool is_passing(const Error& error) {
    switch (error.code()) {
        case ErrorCode::unavailable:
        case ErrorCode::not_leader:
        case ErrorCode::connection_lost:
            return true;
        default:
            return false;
    }
}

Error not_asked_for(const RecordBatch& batch) {
    return Error(ErrorCode::protocol_error,
                 "stream_read returned partition " + std::to_string(batch.partition()) + " offset " +
                     std::to_string(batch.offset(0)) + ", which was not asked for");
}

}  // namespace

Result<std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>>> parse_offset_ranges(
    std::string_view json) {
    const Error bad(ErrorCode::protocol_error, "the list of ranges of offsets is not as documented");
    std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>> ranges;
    JsonReader reader(json);
    reader.enter();
    while (reader.next()) {
        const auto partition = JsonSlice{JsonKind::number, reader.raw_key()}.integer();
        JsonReader range(reader.value().raw);
        if (!partition || *partition < 0 || !range.enter() || !range.next()) return bad;
        const auto first = range.value().integer();
        if (!first || !range.next() || !range.value().integer()) return bad;
        ranges[static_cast<std::uint32_t>(*partition)] = {*first, *range.value().integer()};
    }
    if (reader.failed()) return bad;
    return ranges;
}

Result<std::map<std::uint32_t, std::int64_t>> parse_offsets(std::string_view json) {
    std::map<std::uint32_t, std::int64_t> offsets;
    JsonReader reader(json);
    reader.enter();
    while (reader.next()) {
        const auto partition = JsonSlice{JsonKind::number, reader.raw_key()}.integer();
        const auto offset = reader.value().integer();
        if (!partition || !offset || *partition < 0)
            return Error(ErrorCode::protocol_error, "the list of offsets is not as documented");
        offsets[static_cast<std::uint32_t>(*partition)] = *offset;
    }
    if (reader.failed()) return Error(ErrorCode::protocol_error, "the list of offsets is not as documented");
    return offsets;
}

Result<void> Consumer::Impl::open(Client& client) {
    if (settings.read_count == 0) return Error(ErrorCode::invalid_argument, "read_count must be at least 1");
    auto known = client.describe(table);
    if (!known.ok()) return known.error();
    table = known->name;
    using Start = ConsumerOptions::Start;
    if ((settings.start == Start::time) == settings.since.empty())
        return Error(ErrorCode::invalid_argument, "Start::time and `since` belong together");
    auto offsets = client.offsets(table, settings.since);
    if (!offsets.ok()) return offsets.error();
    table_id = settings.table_id.empty() ? offsets->table_id : settings.table_id;
    auto wanted = settings.partitions;
    if (wanted.empty())
        for (const auto& [partition, info] : known->partitions)
            wanted.push_back(partition);
    for (const auto partition : wanted) {
        if (!known->partitions.contains(partition))
            return Error(ErrorCode::invalid_argument, "table " + table + " has no partition " +
                                                          std::to_string(partition) + "; it has " +
                                                          std::to_string(known->partitions.size()));
        const auto known_offsets = offsets->partitions.find(partition);
        if (known_offsets == offsets->partitions.end())
            return Error(ErrorCode::protocol_error, "the server names no offsets of partition " +
                                                        std::to_string(partition) + " of table " + table);
        const auto& there = known_offsets->second;
        positions[partition] = settings.start == Start::end    ? there.last + 1
                               : settings.start == Start::time ? there.since.value_or(there.last + 1)
                                                               : 0;
    }
    for (const auto& [partition, offset] : settings.positions) {
        const auto at = positions.find(partition);
        if (at == positions.end())
            return Error(ErrorCode::invalid_argument,
                         "a position for partition " + std::to_string(partition) + ", which is not consumed");
        at->second = offset;
    }
    return {};
}

std::string Consumer::Impl::request(std::chrono::milliseconds max_wait) const {
    std::string json = "{\"stream_read\":{\"table_name\":";
    append_json_string(json, table);
    json += ",\"patition_mess\":[";
    for (const auto& [partition, offset] : positions) {
        if (json.back() != '[') json += ',';
        json +=
            "{\"patition_code\":" + std::to_string(partition) + ",\"offset\":" + std::to_string(offset) + '}';
    }
    json += "],\"read_count\":" + std::to_string(settings.read_count) + '}';
    json += ",\"options\":{\"meta\":true,\"check_offsets\":true,\"table_id\":";
    append_json_string(json, table_id);
    if (settings.format == StreamFormat::columnar) json += ",\"format\":\"columnar\"";
    if (settings.any_copy) json += ",\"read\":\"any\"";
    if (max_wait.count() > 0) json += ",\"max_wait_ms\":" + std::to_string(max_wait.count());
    return json + "}}";
}

// What came before a break counts: the next poll reads on behind it. Without any the read is repeated, as a
// lost connection is.
Result<std::vector<RecordBatch>> Consumer::Impl::poll(std::chrono::milliseconds max_wait) {
    using Clock = std::chrono::steady_clock;
    max_wait = std::clamp(max_wait, std::chrono::milliseconds(0), kWaitMax);
    session.set_timeout(silence.count() == 0 ? silence : silence + max_wait);
    const auto& options = session.options();
    const auto give_up = Clock::now() + max_wait + options.retry_for;
    auto pause = options.retry_pause_min;
    for (;;) {
        std::vector<RecordBatch> batches;
        auto read = read_once(max_wait, batches);
        if (read.ok()) return batches;
        if (!is_passing(read.error())) return read.error();
        if (!batches.empty()) {
            if (auto moved = move_behind(batches); !moved.ok()) return moved.error();
            return batches;
        }
        if (options.retry_for.count() == 0 || Clock::now() + pause > give_up) return read.error();
        auto& canceller = session.canceller();
        canceller.begin();
        const bool slept = canceller.sleep_ms(static_cast<int>(pause.count()));
        canceller.end();
        if (!slept)
            return Error(ErrorCode::cancelled,
                         "cancelled while waiting to read on after " + read.error().to_text());
        pause = std::min(pause * 2, options.retry_pause_max);
    }
}

Result<void> Consumer::Impl::read_once(std::chrono::milliseconds max_wait,
                                       std::vector<RecordBatch>& batches) {
    std::optional<Error> failed;
    bool first = true;
    const auto take = [&](std::string&& frame) {
        if (settings.format == StreamFormat::columnar && std::exchange(first, false)) {
            if (frame == schema_text) return true;
            auto parsed = parse_columnar_schema(frame);
            if (!parsed.ok()) return failed = parsed.error(), false;
            schema = std::move(*parsed);
            schema_text = std::move(frame);
            return true;
        }
        auto batch = settings.format == StreamFormat::columnar
                         ? decode_columnar_batch(schema, std::move(frame))
                         : decode_rows_batch(frame);
        if (!batch.ok()) return failed = batch.error(), false;
        if (batch->rows() > 0) batches.push_back(std::move(*batch));
        return true;
    };
    const auto json = request(max_wait);
    // The last frame of a reply that is whole is no record.
    std::optional<std::string> newest;
    auto done = session.run({json, std::nullopt, Session::Resend::lost, false}, [&](ReplyItem&& item) {
        if (item.kind != ReplyItem::Kind::frame) return true;
        auto before = std::exchange(newest, std::move(item.body));
        return !before || take(std::move(*before));
    });
    if (failed) return *failed;
    if (!done.ok()) {
        // A connection that broke may have broken behind that frame.
        const bool is_meta = newest && json_member(*newest, "meta").has_value();
        if (newest && !is_meta && !take(std::move(*newest))) return *failed;
        return done.error();
    }
    Positions next = positions;
    for (const auto& batch : batches) {
        const auto at = next.find(batch.partition());
        if (at == next.end() || batch.offset(0) < at->second) return not_asked_for(batch);
        at->second = batch.offset(batch.rows() - 1) + 1;
    }
    if (auto read = read_meta(newest.value_or(""), next); !read.ok()) return read.error();
    positions = std::move(next);
    return {};
}

Result<void> Consumer::Impl::move_behind(const std::vector<RecordBatch>& batches) {
    Positions next = positions;
    std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>> missing;
    for (const auto& batch : batches) {
        const auto at = next.find(batch.partition());
        if (at == next.end() || batch.offset(0) < at->second) return not_asked_for(batch);
        for (std::uint32_t row = 0; row < batch.rows(); ++row) {
            const auto offset = batch.offset(row);
            if (offset > at->second)
                missing.try_emplace(at->first, at->second, 0).first->second.second = offset - 1;
            at->second = offset + 1;
        }
    }
    compacted = std::move(missing);
    positions = std::move(next);
    return {};
}

Result<void> Consumer::Impl::read_meta(std::string_view frame, Positions& next) {
    const Error bad(ErrorCode::protocol_error, "stream_read returned no meta frame that is as documented");
    const auto meta = json_member(frame, "meta");
    if (!meta || meta->kind != JsonKind::object) return bad;
    const auto next_json = json_member(meta->raw, "next");
    const auto compacted_json = json_member(meta->raw, "compacted");
    if (!next_json || !compacted_json) return bad;
    auto read_on = parse_offsets(next_json->raw);
    auto passed_over = parse_offset_ranges(compacted_json->raw);
    if (!read_on.ok() || !passed_over.ok()) return bad;
    for (const auto& [partition, offset] : *read_on) {
        const auto at = next.find(partition);
        if (at == next.end() || offset < at->second) return bad;
        at->second = offset;
    }
    compacted = std::move(*passed_over);
    return {};
}

Consumer::Consumer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Consumer::Consumer(Consumer&&) noexcept = default;
Consumer& Consumer::operator=(Consumer&&) noexcept = default;
Consumer::~Consumer() = default;

Result<std::vector<RecordBatch>> Consumer::poll(std::chrono::milliseconds max_wait) {
    return impl_->poll(max_wait);
}
const Positions& Consumer::positions() const {
    return impl_->positions;
}
const std::string& Consumer::table() const {
    return impl_->table;
}
const std::string& Consumer::table_id() const {
    return impl_->table_id;
}
const std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>>& Consumer::compacted() const {
    return impl_->compacted;
}
void Consumer::cancel() {
    impl_->session.canceller().cancel();
}

Result<void> Consumer::seek(const Positions& positions) {
    for (const auto& [partition, offset] : positions)
        if (!impl_->positions.contains(partition))
            return Error(ErrorCode::invalid_argument,
                         "a position for partition " + std::to_string(partition) + ", which is not consumed");
    for (const auto& [partition, offset] : positions)
        impl_->positions[partition] = offset;
    return {};
}

}  // namespace datalake
