#include "slave/server/epochs_file.h"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/io/sealed_text.h"

namespace dl::slave {

using nlohmann::json;

std::string encode_epochs_file(TableId table, const LeaderEpochs& epochs) {
    json by_partition = json::object();
    for (const auto& [partition, epoch] : epochs)
        by_partition[std::to_string(partition.value)] = epoch.value;
    const json tree = {{"format", 1}, {"table_id", table.value}, {"epochs", std::move(by_partition)}};
    return seal_text(tree.dump());
}

Result<LeaderEpochs> decode_epochs_file(std::string_view text, TableId table, const std::string& file) {
    const auto damaged = [&](const std::string& why) {
        return make_error(ErrorCode::corrupt_data, file + " is damaged: " + why);
    };
    DL_TRY_ASSIGN(text, unseal_text(text, file));
    const auto tree = json::parse(text, nullptr, false);
    if (!tree.is_object() || !tree.contains("format") || !tree.contains("table_id") ||
        !tree.contains("epochs") || !tree["epochs"].is_object())
        return damaged("it lacks \"format\", \"table_id\" or \"epochs\"");
    if (tree["format"] != 1)
        return damaged("format " + tree["format"].dump().substr(0, 32) + " is unknown, this program knows 1");
    if (tree["table_id"] != table.value) return damaged("it is of another table");
    LeaderEpochs epochs;
    for (const auto& [name, epoch] : tree["epochs"].items()) {
        std::uint32_t partition = 0;
        const auto parsed = std::from_chars(name.data(), name.data() + name.size(), partition);
        if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size() ||
            partition >= limits::partitions_max || !epoch.is_number_unsigned() ||
            epoch.get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max())
            return damaged("\"" + name.substr(0, 32) + "\" has no epoch");
        epochs[PartitionId{partition}] = LeaderEpoch{epoch.get<std::uint32_t>()};
    }
    return epochs;
}

bool merge_epochs(LeaderEpochs& into, const LeaderEpochs& from) {
    bool newer = false;
    for (const auto& [partition, epoch] : from) {
        auto& known = into[partition];
        if (known < epoch) {
            known = epoch;
            newer = true;
        }
    }
    return newer;
}

LeaderEpoch epoch_of(const LeaderEpochs& epochs, PartitionId id) {
    const auto found = epochs.find(id);
    return found == epochs.end() ? LeaderEpoch{1} : found->second;
}

}  // namespace dl::slave
