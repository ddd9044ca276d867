#include "common/meta/table_meta.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/limits.h"

namespace dl {
namespace {

using nlohmann::json;

constexpr int kFormatVersion = 4;  // written when a column was renamed, else 3
constexpr int kFormatWithoutRenames = 3;
constexpr int kFormatWithoutHistory = 2;
constexpr int kFormatWithPlacement = 1;

Error corrupt(const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "table metadata: " + what);
}

Result<void> check_keys(const json& tree, const char* what, std::initializer_list<std::string_view> required,
                        std::initializer_list<std::string_view> optional = {}) {
    if (!tree.is_object()) return corrupt(std::string(what) + " is not an object");
    for (const auto key : required)
        if (!tree.contains(key)) return corrupt(std::string(what) + " lacks \"" + std::string(key) + "\"");
    for (const auto& [key, value] : tree.items()) {
        const auto known = [&](const auto& list) {
            return std::find(list.begin(), list.end(), key) != list.end();
        };
        if (!known(required) && !known(optional))
            return corrupt(std::string(what) + " has an unknown \"" + key + "\"");
    }
    return {};
}

// Whole, not negative and within the type: nlohmann's get() would cut silently.
template <class T>
Result<T> number(const json& tree, const char* key, std::uint64_t max = std::numeric_limits<T>::max()) {
    const auto& value = tree.at(key);
    if (!value.is_number_integer() || (!value.is_number_unsigned() && value.get<std::int64_t>() < 0) ||
        value.get<std::uint64_t>() > max)
        return corrupt(std::string("\"") + key + "\" is not a number from 0 to " + std::to_string(max));
    return static_cast<T>(value.get<std::uint64_t>());
}

Result<std::string> text(const json& tree, const char* key) {
    if (!tree.at(key).is_string()) return corrupt(std::string("\"") + key + "\" is not a string");
    return tree.at(key).get<std::string>();
}

Result<Field> field_from_json(const json& tree) {
    DL_TRY(check_keys(tree, "a column", {"id", "name", "type"}, {"not_null", "default"}));
    Field field;
    DL_TRY_ASSIGN(field.id.value, number<std::uint32_t>(tree, "id"));
    DL_TRY_ASSIGN(field.name, text(tree, "name"));
    DL_TRY_ASSIGN(const auto type, text(tree, "type"));
    auto parsed = parse_type(type);
    if (parsed.has_error()) return corrupt("column " + field.name + ": " + parsed.error().message);
    field.type = *parsed;
    if (tree.contains("not_null")) {
        if (!tree["not_null"].is_boolean())
            return corrupt("\"not_null\" of column " + field.name + " is not a boolean");
        field.not_null = tree["not_null"].get<bool>();
    }
    if (tree.contains("default")) {
        DL_TRY_ASSIGN(field.default_text, text(tree, "default"));
    }
    return field;
}

Result<Schema> schema_from_json(const json& tree) {
    DL_TRY(check_keys(tree, "the schema", {"id", "key", "fields"}));
    Schema schema;
    DL_TRY_ASSIGN(schema.id.value, number<std::uint32_t>(tree, "id"));
    DL_TRY_ASSIGN(const auto key, text(tree, "key"));
    if (!tree["fields"].is_array() || tree["fields"].size() > limits::columns_max)
        return corrupt("\"fields\" is not a list of at most " + std::to_string(limits::columns_max) +
                       " columns");
    std::set<std::string> names;
    std::set<std::uint32_t> ids;
    bool key_found = false;
    for (const auto& entry : tree["fields"]) {
        DL_TRY_ASSIGN(auto field, field_from_json(entry));
        if (!names.insert(field.name).second) return corrupt("column " + field.name + " appears twice");
        if (!ids.insert(field.id.value).second)
            return corrupt("field id " + std::to_string(field.id.value) + " appears twice");
        if (field.name == key) {
            schema.key_index = schema.fields.size();
            key_found = true;
        }
        schema.fields.push_back(std::move(field));
    }
    if (!key_found) return corrupt("the key column " + key + " is not among the columns");
    return schema;
}

// "partitions" of format 1: leaders and followers by address, which the catalog knows better, and the epochs.
Result<LeaderEpochs> epochs_from_json(const json& tree, std::uint32_t partition_count) {
    if (!tree.is_array() || tree.size() != partition_count)
        return corrupt("\"partitions\" does not list " + std::to_string(partition_count) + " partitions");
    LeaderEpochs epochs;
    for (const auto& entry : tree) {
        DL_TRY(check_keys(entry, "a partition", {"leader", "followers", "leader_epoch"}));
        auto& epoch = epochs[PartitionId{static_cast<std::uint32_t>(epochs.size())}];
        DL_TRY_ASSIGN(epoch.value, number<std::uint32_t>(entry, "leader_epoch"));
    }
    return epochs;
}

// Runs of slots of one partition, [[partition, slots], ...]: the default map is one run a partition.
json slot_map_to_json(const std::vector<std::uint16_t>& slots) {
    json runs = json::array();
    for (std::size_t i = 0; i < slots.size();) {
        std::size_t end = i + 1;
        while (end < slots.size() && slots[end] == slots[i])
            ++end;
        runs.push_back(json::array({slots[i], end - i}));
        i = end;
    }
    return runs;
}

Result<std::vector<std::uint16_t>> slot_map_from_json(const json& tree, std::uint32_t partition_count) {
    if (!tree.is_array()) return corrupt("\"slot_map\" is not a list");
    std::vector<std::uint16_t> slots;
    for (const auto& run : tree) {
        if (!run.is_array() || run.size() != 2 || !run[0].is_number_unsigned() ||
            !run[1].is_number_unsigned())
            return corrupt("an entry of \"slot_map\" is not [partition, slots]");
        const auto partition = run[0].get<std::uint64_t>();
        const auto count = run[1].get<std::uint64_t>();
        if (partition >= partition_count || count == 0 || count > kSlotCount - slots.size())
            return corrupt("an entry of \"slot_map\" is out of range");
        slots.insert(slots.end(), count, static_cast<std::uint16_t>(partition));
    }
    if (slots.size() != kSlotCount)
        return corrupt("\"slot_map\" has " + std::to_string(slots.size()) + " slots instead of " +
                       std::to_string(kSlotCount));
    return slots;
}

Result<std::vector<FormerName>> former_names_from_json(const json& tree, const TableMeta& meta) {
    if (!tree.is_array() || tree.size() > FormerName::kPerTableMax)
        return corrupt("\"former_names\" is not a list of at most " +
                       std::to_string(FormerName::kPerTableMax) + " names");
    std::vector<FormerName> names;
    for (const auto& entry : tree) {
        DL_TRY(check_keys(entry, "a former name", {"id", "until", "name"}));
        FormerName former;
        DL_TRY_ASSIGN(former.field.value, number<std::uint32_t>(entry, "id"));
        DL_TRY_ASSIGN(former.until.value, number<std::uint32_t>(entry, "until", meta.schema.id.value));
        DL_TRY_ASSIGN(former.name, text(entry, "name"));
        if (!meta.schema.find(former.field)) return corrupt("a former name is of no column");
        if (!names.empty() && former.until < names.back().until)
            return corrupt("\"former_names\" are not in the order of their schemas");
        names.push_back(std::move(former));
    }
    return names;
}

Result<TableMeta> meta_from_tree(const json& tree, LeaderEpochs* epochs) {
    if (!tree.is_object() || !tree.contains("format")) return corrupt("is not an object with a \"format\"");
    const bool placed = tree["format"] == kFormatWithPlacement;
    const bool renamed = tree["format"] == kFormatVersion;
    const bool with_history = renamed || tree["format"] == kFormatWithoutRenames;
    if (!placed && !with_history && tree["format"] != kFormatWithoutHistory)
        return corrupt("format version " + tree["format"].dump().substr(0, 32) +
                       " is unknown, this program knows 1 to 4");
    // A key of the newest format is needed there and unknown in the older ones.
    const std::string_view hours = with_history ? "history_hours" : "format";
    const std::string_view bytes = with_history ? "history_bytes" : "format";
    const std::string_view former = renamed ? "former_names" : "format";
    DL_TRY(check_keys(
        tree, "the table",
        {"format", "id", "name", "schema", "partition_count", "copies", "next_field_id", "partition_hash",
         "index_hash_seed", "slot_map", placed ? "partitions" : "incarnation", hours, bytes, former}));
    TableMeta meta;
    DL_TRY_ASSIGN(meta.id.value, number<std::uint64_t>(tree, "id"));
    if (!placed) {
        DL_TRY_ASSIGN(meta.incarnation, number<std::uint64_t>(tree, "incarnation"));
    }
    DL_TRY_ASSIGN(meta.name, text(tree, "name"));
    DL_TRY_ASSIGN(meta.schema, schema_from_json(tree["schema"]));
    DL_TRY_ASSIGN(meta.partition_count,
                  number<std::uint32_t>(tree, "partition_count", limits::partitions_max));
    DL_TRY_ASSIGN(meta.copies, number<std::uint32_t>(tree, "copies"));
    DL_TRY_ASSIGN(meta.next_field_id.value, number<std::uint32_t>(tree, "next_field_id"));
    DL_TRY_ASSIGN(meta.partition_hash, text(tree, "partition_hash"));
    DL_TRY_ASSIGN(meta.index_hash_seed, number<std::uint64_t>(tree, "index_hash_seed"));
    if (meta.partition_count == 0) return corrupt("\"partition_count\" is 0");
    if (meta.partition_hash != kPartitionHashName)
        return corrupt("partition hash \"" + meta.partition_hash + "\" is unknown, this program knows " +
                       std::string(kPartitionHashName));
    for (const auto& field : meta.schema.fields)
        if (field.id >= meta.next_field_id)
            return corrupt("column " + field.name + " has an id that is not assigned yet");
    DL_TRY_ASSIGN(meta.slot_map, slot_map_from_json(tree["slot_map"], meta.partition_count));
    if (with_history) {
        DL_TRY_ASSIGN(meta.history.hours,
                      number<std::uint32_t>(tree, "history_hours", TableHistory::kHoursMax));
        DL_TRY_ASSIGN(meta.history.bytes,
                      number<std::uint64_t>(tree, "history_bytes", TableHistory::kBytesMax));
    }
    if (renamed) {
        DL_TRY_ASSIGN(meta.former_names, former_names_from_json(tree["former_names"], meta));
    }
    if (placed) {
        DL_TRY_ASSIGN(auto found, epochs_from_json(tree["partitions"], meta.partition_count));
        if (epochs != nullptr) *epochs = std::move(found);
    }
    return meta;
}

}  // namespace

std::vector<std::uint16_t> default_slot_map(std::uint32_t partition_count) {
    std::vector<std::uint16_t> slots(kSlotCount);
    for (std::uint32_t slot = 0; slot < kSlotCount; ++slot)
        slots[slot] = static_cast<std::uint16_t>(std::uint64_t{slot} * partition_count / kSlotCount);
    return slots;
}

std::string table_meta_to_json(const TableMeta& meta) {
    json fields = json::array();
    for (const auto& field : meta.schema.fields) {
        json entry = {{"id", field.id.value}, {"name", field.name}, {"type", type_name(field.type)}};
        if (field.not_null) entry["not_null"] = true;
        if (field.default_text) entry["default"] = *field.default_text;
        fields.push_back(std::move(entry));
    }
    json tree = {
        {"format", meta.former_names.empty() ? kFormatWithoutRenames : kFormatVersion},
        {"id", meta.id.value},
        {"incarnation", meta.incarnation},
        {"name", meta.name},
        {"schema",
         {{"id", meta.schema.id.value}, {"key", meta.schema.key().name}, {"fields", std::move(fields)}}},
        {"partition_count", meta.partition_count},
        {"copies", meta.copies},
        {"next_field_id", meta.next_field_id.value},
        {"partition_hash", meta.partition_hash},
        {"index_hash_seed", meta.index_hash_seed},
        {"slot_map", slot_map_to_json(meta.slot_map)},
        {"history_hours", meta.history.hours},
        {"history_bytes", meta.history.bytes}};
    if (!meta.former_names.empty()) {
        auto& former = tree["former_names"] = json::array();
        for (const auto& one : meta.former_names)
            former.push_back({{"id", one.field.value}, {"until", one.until.value}, {"name", one.name}});
    }
    return tree.dump();
}

Result<TableMeta> table_meta_from_json(std::string_view text, LeaderEpochs* epochs) {
    try {
        // Depth first: the parser and the destructor of a deep tree recurse.
        int depth = 0;
        bool in_string = false;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const char c = text[i];
            if (in_string) {
                if (c == '\\') ++i;
                if (c == '"') in_string = false;
            } else if (c == '"') {
                in_string = true;
            } else if (c == '[' || c == '{') {
                if (++depth > static_cast<int>(limits::json_depth_max))
                    return corrupt("is nested too deeply");
            } else if (c == ']' || c == '}') {
                --depth;
            }
        }
        return meta_from_tree(json::parse(text), epochs);
    } catch (const json::exception& error) {
        return corrupt(error.what());
    }
}

}  // namespace dl
