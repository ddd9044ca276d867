#include "datalake/consumer.h"

#include <algorithm>

#include "data-lake-client/src/consumer_impl.h"
#include "data-lake-client/src/json_text.h"

namespace datalake {
namespace {

constexpr std::chrono::milliseconds kWaitMax{300'000};

}  // namespace

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
    std::map<std::uint32_t, std::int64_t> last;
    if (settings.start == ConsumerOptions::Start::end) {
        auto read = client.max_offset(table);
        if (!read.ok()) return read.error();
        last = std::move(*read);
    }
    auto wanted = settings.partitions;
    if (wanted.empty())
        for (const auto& [partition, info] : known->partitions)
            wanted.push_back(partition);
    for (const auto partition : wanted) {
        if (!known->partitions.contains(partition))
            return Error(ErrorCode::invalid_argument, "table " + table + " has no partition " +
                                                          std::to_string(partition) + "; it has " +
                                                          std::to_string(known->partitions.size()));
        const auto end = last.find(partition);
        positions[partition] = end == last.end() ? 0 : end->second + 1;
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
    std::string options;
    if (settings.format == StreamFormat::columnar) options += ",\"format\":\"columnar\"";
    if (max_wait.count() > 0) options += ",\"max_wait_ms\":" + std::to_string(max_wait.count());
    if (!options.empty()) json += ",\"options\":{" + options.substr(1) + '}';
    return json + '}';
}

Result<std::vector<RecordBatch>> Consumer::Impl::poll(std::chrono::milliseconds max_wait) {
    max_wait = std::clamp(max_wait, std::chrono::milliseconds(0), kWaitMax);
    session.set_timeout(silence.count() == 0 ? silence : silence + max_wait);
    std::vector<RecordBatch> batches;
    std::optional<Error> failed;
    bool first = true;
    const auto json = request(max_wait);
    auto done = session.run({json, std::nullopt, Session::Resend::lost, false}, [&](ReplyItem&& item) {
        if (item.kind != ReplyItem::Kind::frame) return true;
        if (settings.format == StreamFormat::columnar && first) {
            first = false;
            if (item.body == schema_text) return true;
            auto parsed = parse_columnar_schema(item.body);
            if (!parsed.ok()) return failed = parsed.error(), false;
            schema = std::move(*parsed);
            schema_text = std::move(item.body);
            return true;
        }
        auto batch = settings.format == StreamFormat::columnar
                         ? decode_columnar_batch(schema, std::move(item.body))
                         : decode_rows_batch(item.body);
        if (!batch.ok()) return failed = batch.error(), false;
        if (batch->rows() > 0) batches.push_back(std::move(*batch));
        return true;
    });
    if (!done.ok()) return done.error();
    if (failed) return *failed;
    Positions next = positions;
    for (const auto& batch : batches) {
        const auto at = next.find(batch.partition());
        if (at == next.end() || batch.offset(0) < at->second)
            return Error(ErrorCode::protocol_error,
                         "stream_read returned partition " + std::to_string(batch.partition()) + " offset " +
                             std::to_string(batch.offset(0)) + ", which was not asked for");
        at->second = batch.offset(batch.rows() - 1) + 1;
    }
    positions = std::move(next);
    return batches;
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
