#include "slave/handlers/request_json.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/limits.h"

namespace dl::slave {
namespace {

using Json = nlohmann::json;

// The library recurses; depth is looked at before.
bool too_deep(std::string_view json) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (in_string) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > limits::json_depth_max) return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return false;
}

template <class T>
bool parse_number(const std::string& text, T& out) {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
    return !text.empty() && parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
}

}  // namespace

struct RequestJson::Node {
    std::shared_ptr<const Json> root;
    const Json* at = nullptr;
    const Json* find(std::string_view key) const {
        const auto found = at->find(key);
        return found == at->end() ? nullptr : &*found;
    }
};

Result<RequestJson> RequestJson::parse(std::string_view method, std::string_view json) {
    const auto refuse = [&](std::string_view what) {
        return make_error(ErrorCode::invalid_request,
                          std::string(method) + ": the request " + std::string(what));
    };
    if (too_deep(json)) return refuse("is nested too deeply");
    auto root = std::make_shared<Json>(Json::parse(json, nullptr, false));
    if (!root->is_object()) return refuse("is not a JSON object");
    auto node = std::make_shared<Node>();
    node->at = root.get();
    node->root = std::move(root);
    return RequestJson(std::string(method), std::move(node));
}

Error RequestJson::wrong(std::string_view key, std::string_view expected) const {
    return make_error(ErrorCode::invalid_request,
                      method_ + ": '" + std::string(key) + "' must be " + std::string(expected));
}

bool RequestJson::has(std::string_view key) const {
    return node_->find(key) != nullptr;
}

Result<std::int64_t> RequestJson::integer(std::string_view key, std::int64_t min, std::int64_t max) const {
    const auto* value = node_->find(key);
    const auto refuse = [&] {
        return wrong(key, "a number from " + std::to_string(min) + " to " + std::to_string(max));
    };
    if (value == nullptr || !value->is_number_integer()) return refuse();
    if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(max))
        return refuse();
    const auto number = value->get<std::int64_t>();
    if (number < min || number > max) return refuse();
    return number;
}

Result<std::int64_t> RequestJson::integer_or(std::string_view key, std::int64_t min, std::int64_t max,
                                             std::int64_t fallback) const {
    if (!has(key)) return fallback;
    return integer(key, min, max);
}

Result<std::string> RequestJson::text(std::string_view key) const {
    const auto* value = node_->find(key);
    if (value == nullptr || !value->is_string()) return wrong(key, "a string");
    return value->get<std::string>();
}

Result<std::vector<std::string>> RequestJson::texts(std::string_view key) const {
    const auto* value = node_->find(key);
    if (value == nullptr || !value->is_array()) return wrong(key, "a list of strings");
    std::vector<std::string> texts;
    for (const auto& item : *value) {
        if (!item.is_string()) return wrong(key, "a list of strings");
        texts.push_back(item.get<std::string>());
    }
    return texts;
}

Result<TableId> RequestJson::table_id() const {
    const auto* value = node_->find("table_id");
    if (value == nullptr || !value->is_number_unsigned()) return wrong("table_id", "a number");
    return TableId{value->get<std::uint64_t>()};
}

Result<std::vector<PartitionId>> RequestJson::partition_ids() const {
    const auto* value = node_->find("partitions");
    if (value == nullptr || !value->is_array() || value->size() > limits::partitions_max)
        return wrong("partitions", "a list of partition numbers");
    std::vector<PartitionId> ids;
    std::set<PartitionId> seen;
    for (const auto& item : *value) {
        if (!item.is_number_unsigned() || item.get<std::uint64_t>() >= limits::partitions_max)
            return wrong("partitions", "a list of partition numbers");
        const PartitionId id{item.get<std::uint32_t>()};
        if (!seen.insert(id).second) return wrong("partitions", "a list with each partition once");
        ids.push_back(id);
    }
    return ids;
}

Result<std::vector<RequestJson>> RequestJson::objects(std::string_view key) const {
    const auto* value = node_->find(key);
    if (value == nullptr || !value->is_array() || value->size() > limits::partitions_max)
        return wrong(key, "a list of objects");
    std::vector<RequestJson> items;
    for (const auto& item : *value) {
        if (!item.is_object()) return wrong(key, "a list of objects");
        auto node = std::make_shared<Node>();
        node->root = node_->root;
        node->at = &item;
        items.push_back(RequestJson(method_, std::move(node)));
    }
    return items;
}

Result<std::string> RequestJson::object_text(std::string_view key) const {
    const auto* value = node_->find(key);
    if (value == nullptr || !value->is_object()) return wrong(key, "an object");
    return value->dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::map<PartitionId, Offset>> RequestJson::offsets_or_empty(std::string_view key) const {
    std::map<PartitionId, Offset> offsets;
    const auto* value = node_->find(key);
    if (value == nullptr) return offsets;
    if (!value->is_object()) return wrong(key, "an object of offsets by partition");
    for (const auto& [name, offset] : value->items()) {
        std::uint32_t partition = 0;
        if (!parse_number(name, partition) || !offset.is_number_integer())
            return wrong(key, "an object of offsets by partition");
        offsets[PartitionId{partition}] = offset.get<Offset>();
    }
    return offsets;
}

Result<LeaderEpochs> RequestJson::epochs_or_empty() const {
    LeaderEpochs epochs;
    const auto* value = node_->find("epochs");
    if (value == nullptr) return epochs;
    const auto refuse = [&] { return wrong("epochs", "an object of leader epochs by partition"); };
    if (!value->is_object() || value->size() > limits::partitions_max) return refuse();
    for (const auto& [name, epoch] : value->items()) {
        std::uint32_t partition = 0;
        if (!parse_number(name, partition) || partition >= limits::partitions_max ||
            !epoch.is_number_unsigned() || epoch.get<std::uint64_t>() == 0 ||
            epoch.get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max())
            return refuse();
        epochs[PartitionId{partition}] = LeaderEpoch{epoch.get<std::uint32_t>()};
    }
    return epochs;
}

Result<std::map<std::string, TableId>> RequestJson::table_names(std::string_view key) const {
    const auto* value = node_->find(key);
    if (value == nullptr || !value->is_object()) return wrong(key, "an object of table ids by name");
    std::map<std::string, TableId> names;
    for (const auto& [name, id] : value->items()) {
        if (!id.is_number_unsigned()) return wrong(key, "an object of table ids by name");
        names[name] = TableId{id.get<std::uint64_t>()};
    }
    return names;
}

Result<std::vector<std::pair<PartitionId, Offset>>> RequestJson::partition_offsets() const {
    DL_TRY_ASSIGN(const auto items, objects("partitions"));
    std::vector<std::pair<PartitionId, Offset>> positions;
    std::set<PartitionId> seen;
    for (const auto& item : items) {
        DL_TRY_ASSIGN(const auto partition, item.integer("partition", 0, limits::partitions_max - 1));
        DL_TRY_ASSIGN(const auto offset, item.integer("offset", std::numeric_limits<std::int64_t>::min(),
                                                      std::numeric_limits<std::int64_t>::max()));
        const PartitionId id{static_cast<std::uint32_t>(partition)};
        if (!seen.insert(id).second) return wrong("partitions", "a list with each partition once");
        positions.emplace_back(id, offset);
    }
    return positions;
}

std::string offsets_json(const std::map<PartitionId, Offset>& offsets) {
    std::string json = "{";
    for (const auto& [partition, offset] : offsets)
        json += (json.size() == 1 ? "\"" : ",\"") + std::to_string(partition.value) +
                "\":" + std::to_string(offset);
    return json + "}";
}

}  // namespace dl::slave
