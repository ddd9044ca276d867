#include "tests/sim/history.h"

#include <algorithm>
#include <utility>

#include "common/base/hash.h"
#include "tests/sim/programs.h"

namespace dl::sim {
namespace {

std::vector<std::string> names_of(const slave::StoredBatch& stored) {
    std::vector<std::string> names;
    const auto batch = decode_record_batch_body(stored.header, stored.body);
    if (batch.has_error()) return names;
    const auto* column = batch->find(FieldId{2});
    for (std::uint32_t row = 0; row < batch->rows(); ++row)
        names.push_back(column == nullptr ? "" : std::string(column->bytes(row)));
    return names;
}

std::uint64_t hash_of(const slave::StoredBatch& stored) {
    char header[RecordBatchHeader::kHeaderBytes];
    auto alike = stored.header;
    alike.synced_end = 0;  // each copy says its own
    encode_record_batch_header(alike, header);
    std::uint64_t hash = 14695981039346656037u;
    const auto add = [&](std::string_view bytes) {
        for (const char c : bytes)
            hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    };
    add({header, sizeof header});
    add(stored.body.view());
    return hash;
}

std::string place(std::uint32_t partition, Offset offset) {
    return "partition " + std::to_string(partition) + ", offset " + std::to_string(offset);
}

}  // namespace

void History::fail(const std::string& text) const {
    const auto all = "at " + std::to_string(world_.now / 1000) + " ms: " + text;
    if (violation_.empty()) violation_ = all;
    throw Violation{all};
}

void History::set_table(TableId table, std::uint64_t incarnation, std::uint32_t partitions) {
    table_ = table;
    incarnation_ = incarnation;
    partitions_ = partitions;
}

Host* History::host_of(NodeId node) const {
    for (auto* host : slaves_)
        if (node != NodeId{} && Slave::node_id(*host) == node) return host;
    return nullptr;
}

std::shared_ptr<slave::Partition> History::partition_on(const Host& host, std::uint32_t partition) const {
    if (host.process == nullptr || !host.process->runs()) return nullptr;
    auto* registry = Slave::registry(host);
    if (registry == nullptr) return nullptr;
    auto found = registry->partition(table_, PartitionId{partition});
    return found.has_value() ? *found : nullptr;
}

void History::look() {
    if (partitions_ == 0) return;
    for (auto* host : slaves_)
        for (std::uint32_t p = 0; p < partitions_; ++p)
            look_at(*host, p);
    look_at_catalog();
}

void History::look_at(Host& host, std::uint32_t p) {
    const auto partition = partition_on(host, p);
    if (partition == nullptr) return;
    auto& copy = copies_[{host.number, p}];
    if (copy.partition.lock() != partition)
        copy = Copy{partition, partition->copy()->log().first_offset(), 0};
    const auto end = partition->copy()->ends().high_watermark;
    if (end < copy.high_watermark) fail(place(p, end) + ": a high watermark of " + host.address + " fell");
    copy.high_watermark = end;
    if (end <= copy.looked_up_to) return;
    const auto batches = partition->copy()->log().read(copy.looked_up_to, end, std::uint64_t{1} << 30);
    if (batches.has_error()) {
        if (batches.error().code == ErrorCode::io_error) return;  // of a disk that fails
        fail("what is committed at " + host.address + " cannot be read: " + batches.error().to_text());
    }
    for (const auto& batch : *batches)
        if (batch.header.end_offset() <= end) take(host, p, batch);
    copy.looked_up_to = end;
}

void History::take(const Host& host, std::uint32_t p, const slave::StoredBatch& stored) {
    auto& log = logs_[p];
    const auto base = stored.header.base_offset;
    const auto hash = hash_of(stored);
    const auto known = log.batches.find(base);
    if (known != log.batches.end()) {
        if (known->second.hash == hash && known->second.end == stored.header.end_offset()) return;
        fail(place(p, base) + ": " + host.address +
             " has committed another record than was committed before");
    }
    if (base != log.end)
        fail(place(p, base) + ": " + host.address + " has committed batches that others have cut otherwise");
    Batch batch;
    batch.end = stored.header.end_offset();
    batch.epoch = stored.header.epoch.value;
    batch.hash = hash;
    batch.names = names_of(stored);
    log.end = batch.end;
    log.batches.emplace(base, std::move(batch));
}

void History::look_at_catalog() {
    auto* master = Master::program(master_);
    if (master == nullptr || master_.process->paused) return;
    const auto placed = master->catalog->tables().placement(table_);
    if (placed == nullptr) return;
    for (std::uint32_t p = 0; p < placed->partitions.size(); ++p) {
        const auto& now = placed->partitions[p];
        auto& before = placements_[p];
        if (now.version != before.version) {
            if (now.version < before.version) fail("the version of a placement fell");
            if (now.leader_epoch < before.leader_epoch) fail("a leader epoch fell");
            if (auto legal = check_placement(now); legal.has_error())
                fail("a placement is not legal: " + legal.error().to_text());
            if (now.leader_epoch != before.leader_epoch) ++leaders_;
            before = now;
        }
        for (const auto node : now.in_sync) {
            auto* host = host_of(node);
            if (host == nullptr) continue;
            const auto partition = partition_on(*host, p);
            if (partition == nullptr) continue;
            const auto end = partition->copy()->log().end_offset();
            if (end < logs_[p].end)
                fail(place(p, logs_[p].end) + ": committed, and not at " + host->address +
                     ", which ends at " + std::to_string(end) + " and is in sync");
        }
    }
}

const std::string* History::name_at(std::uint32_t p, Offset offset) const {
    const auto log = logs_.find(p);
    if (log == logs_.end() || log->second.batches.empty()) return nullptr;
    auto at = log->second.batches.upper_bound(offset);
    if (at == log->second.batches.begin()) return nullptr;
    --at;
    if (offset >= at->second.end) return nullptr;
    return &at->second.names.at(static_cast<std::size_t>(offset - at->first));
}

void History::acknowledged(std::uint32_t p, Offset first, Offset last,
                           const std::vector<std::string>& names) {
    if (last - first + 1 != static_cast<Offset>(names.size()))
        fail("an acknowledgement names other offsets than rows");
    for (Offset offset = first; offset <= last; ++offset) {
        const auto& name = names[static_cast<std::size_t>(offset - first)];
        const auto* found = name_at(p, offset);
        // A leader that stops in good order commits and closes in one step, before anybody could look: at the
        // end the row has to be there.
        if (found == nullptr && offset < (logs_.contains(p) ? logs_.at(p).end : 0))
            fail(place(p, offset) + ": acknowledged and not committed (" + name + ")");
        if (found != nullptr && *found != name)
            fail(place(p, offset) + ": acknowledged as " + name + ", holds " + *found);
        acknowledged_[name] = {p, offset};
    }
    acknowledged_rows_ += names.size();
    auto& end = seen_end_[p];
    end = std::max(end, last + 1);
}

void History::refused(std::uint32_t, const std::vector<std::string>& names, const std::string& why) {
    for (const auto& name : names)
        refused_.emplace(name, why);
}

void History::answered_append(const Host& host, std::uint32_t p, LeaderEpoch epoch) {
    const auto [at, fresh] = accepted_by_.try_emplace({p, epoch.value}, host.number);
    if (!fresh && at->second != host.number)
        fail("partition " + std::to_string(p) + " took writes in epoch " + std::to_string(epoch.value) +
             " at two slaves");
}

void History::read_end(std::uint32_t p, Offset end, Offset floor) {
    if (end < floor)
        fail(place(p, end) + ": a reader is told that the log ends here; it was told " +
             std::to_string(floor) + " before");
    if (end > logs_[p].end) fail(place(p, end) + ": a reader is told of records that are not committed");
    auto& seen = seen_end_[p];
    seen = std::max(seen, end);
}

void History::read_record(std::uint32_t p, Offset offset, const std::string& name) {
    const auto* found = name_at(p, offset);
    if (found == nullptr) fail(place(p, offset) + ": a consumer was given a record that is not committed");
    if (*found != name)
        fail(place(p, offset) + ": a consumer was given " + name + ", committed is " + *found);
    const auto [at, fresh] = consumed_.try_emplace({p, offset}, name);
    if (!fresh && at->second != name) fail(place(p, offset) + ": a consumed record has changed");
}

bool History::is_settled(std::string* why) const {
    auto* master = Master::program(master_);
    const auto say = [why](const std::string& text) {
        *why = text;
        return false;
    };
    if (master == nullptr) return say("the master does not serve");
    const auto placed = master->catalog->tables().placement(table_);
    for (std::uint32_t p = 0; p < placed->partitions.size(); ++p) {
        const auto& one = placed->partitions[p];
        const auto name = "partition " + std::to_string(p);
        if (one.leader == NodeId{}) return say(name + " has no leader");
        if (one.in_sync.size() != one.replicas.size() || !one.adding.empty())
            return say(name + " has copies that are not in sync");
        for (const auto node : one.in_sync) {
            auto* host = host_of(node);
            if (host == nullptr) return say("node " + std::to_string(node.value) + " is not there");
            const auto partition = partition_on(*host, p);
            if (partition == nullptr) return say(name + " is not served by " + host->address);
            const auto end = logs_.contains(p) ? logs_.at(p).end : 0;
            const auto ends = partition->copy()->ends();
            if (ends.log_end != ends.high_watermark || ends.high_watermark != end)
                return say(name + " at " + host->address + " has committed up to " +
                           std::to_string(ends.high_watermark) + " of " + std::to_string(ends.log_end) +
                           ", known is " + std::to_string(end));
        }
    }
    return true;
}

void History::check_end() {
    std::map<std::string, int> found;
    for (const auto& [p, log] : logs_)
        for (const auto& [base, batch] : log.batches)
            for (const auto& name : batch.names)
                ++found[name];
    for (const auto& [name, where] : acknowledged_)
        if (found[name] != 1)
            fail(name + " was acknowledged and is there " + std::to_string(found[name]) + " times");
    for (const auto& [name, times] : found) {
        if (times > 1 && name.find("once") != std::string::npos)
            fail(name + " has a batch id and is there " + std::to_string(times) + " times");
        if (times > 0 && refused_.contains(name))
            fail(name + " was refused and is there: " + refused_.at(name));
    }
}

std::size_t History::committed_records() const {
    std::size_t count = 0;
    for (const auto& [p, log] : logs_)
        count += static_cast<std::size_t>(log.end);
    return count;
}

}  // namespace dl::sim
