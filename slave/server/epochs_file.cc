#include "slave/server/epochs_file.h"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/io/sealed_text.h"

namespace dl::slave {

using nlohmann::json;

// Format 1 knows no copies: it is what is written as long as there are none, for the programs that know it.
std::string encode_epochs_file(TableId table, const StoredEpochs& stored) {
    json by_partition = json::object();
    for (const auto& [partition, epoch] : stored.epochs)
        by_partition[std::to_string(partition.value)] = epoch.value;
    json tree = {{"format", stored.replicated.empty() ? 1 : 2},
                 {"table_id", table.value},
                 {"epochs", std::move(by_partition)}};
    if (!stored.replicated.empty()) {
        auto& list = tree["replicated"] = json::array();
        for (const auto partition : stored.replicated)
            list.push_back(partition.value);
    }
    return seal_text(tree.dump());
}

Result<StoredEpochs> decode_epochs_file(std::string_view text, TableId table, const std::string& file) {
    const auto damaged = [&](const std::string& why) {
        return make_error(ErrorCode::corrupt_data, file + " is damaged: " + why);
    };
    DL_TRY_ASSIGN(text, unseal_text(text, file));
    const auto tree = json::parse(text, nullptr, false);
    if (!tree.is_object() || !tree.contains("format") || !tree.contains("table_id") ||
        !tree.contains("epochs") || !tree["epochs"].is_object())
        return damaged("it lacks \"format\", \"table_id\" or \"epochs\"");
    if (tree["format"] != 1 && tree["format"] != 2)
        return damaged("format " + tree["format"].dump().substr(0, 32) +
                       " is unknown, this program knows 1 and 2");
    if (tree["table_id"] != table.value) return damaged("it is of another table");
    StoredEpochs stored;
    for (const auto& [name, epoch] : tree["epochs"].items()) {
        std::uint32_t partition = 0;
        const auto parsed = std::from_chars(name.data(), name.data() + name.size(), partition);
        if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size() ||
            partition >= limits::partitions_max || !epoch.is_number_unsigned() ||
            epoch.get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max())
            return damaged("\"" + name.substr(0, 32) + "\" has no epoch");
        stored.epochs[PartitionId{partition}] = LeaderEpoch{epoch.get<std::uint32_t>()};
    }
    if (tree["format"] == 1) return stored;
    if (!tree.contains("replicated") || !tree["replicated"].is_array())
        return damaged("it lacks \"replicated\"");
    for (const auto& partition : tree["replicated"]) {
        if (!partition.is_number_unsigned() || partition.get<std::uint64_t>() >= limits::partitions_max)
            return damaged("\"replicated\" names no partition");
        stored.replicated.insert(PartitionId{partition.get<std::uint32_t>()});
    }
    return stored;
}

bool merge_epochs(StoredEpochs& into, const StoredEpochs& from) {
    bool newer = merge_epochs(into, from.epochs);
    for (const auto partition : from.replicated)
        newer = into.replicated.insert(partition).second || newer;
    return newer;
}

bool merge_epochs(StoredEpochs& into, const LeaderEpochs& from) {
    bool newer = false;
    for (const auto& [partition, epoch] : from) {
        auto& known = into.epochs[partition];
        if (known < epoch) {
            known = epoch;
            newer = true;
        }
    }
    return newer;
}

LeaderEpoch epoch_of(const StoredEpochs& stored, PartitionId id) {
    const auto found = stored.epochs.find(id);
    return found == stored.epochs.end() ? LeaderEpoch{1} : found->second;
}

}  // namespace dl::slave
