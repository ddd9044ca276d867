#include "common/meta/schema_lineage.h"

#include <algorithm>

#include "common/types/wider_type.h"

namespace dl {
namespace {

// The finisher of splitmix64 over both: order counts.
std::uint64_t mix(std::uint64_t sum, std::uint64_t value) {
    sum = (sum ^ value) + 0x9e3779b97f4a7c15u;
    sum = (sum ^ (sum >> 30)) * 0xbf58476d1ce4e5b9u;
    sum = (sum ^ (sum >> 27)) * 0x94d049bb133111ebu;
    return sum ^ (sum >> 31);
}

// What the column was called in an earlier schema.
const std::string& name_in(SchemaId schema, const Field& field, const TableMeta& table) {
    for (const auto& former : table.former_names)
        if (former.field == field.id && former.until > schema) return former.name;
    return field.name;
}

// But for the name, and a type that became wider: a default is written otherwise then.
bool continues(const Field& newer, const Field& older) {
    if (newer.id != older.id || newer.not_null != older.not_null) return false;
    if (newer.type == older.type) return newer.default_text == older.default_text;
    return is_wider_type(newer.type, older.type) &&
           newer.default_text.has_value() == older.default_text.has_value();
}

}  // namespace

std::uint64_t schema_digest(const TableMeta& table) {
    auto sum = mix(0, table.schema.id.value);
    sum = mix(sum, table.next_field_id.value);
    sum = mix(sum, table.schema.key().id.value);
    sum = mix(sum, table.index_hash_seed);
    sum = mix(sum, table.partition_count);
    for (const auto& field : table.schema.fields) {
        sum = mix(sum, field.id.value);
        sum = mix(sum, partition_hash(field.name));
        const std::uint64_t kind{static_cast<std::uint8_t>(field.type.kind)};
        sum = mix(sum, kind << 32 | std::uint64_t{field.type.precision} << 16 |
                           std::uint64_t{field.type.scale} << 8 | (field.not_null ? 2u : 0u) |
                           (field.default_text ? 1u : 0u));
        if (field.default_text) sum = mix(sum, partition_hash(*field.default_text));
    }
    return sum == 0 ? 1 : sum;
}

bool descends_from(const TableMeta& newer, const TableMeta& older) {
    if (newer.schema.id == older.schema.id) return schema_digest(newer) == schema_digest(older);
    if (newer.schema.id < older.schema.id || newer.next_field_id < older.next_field_id ||
        newer.schema.key().id != older.schema.key().id || newer.index_hash_seed != older.index_hash_seed ||
        newer.partition_count != older.partition_count)
        return false;
    return std::all_of(newer.schema.fields.begin(), newer.schema.fields.end(), [&](const Field& field) {
        if (field.id >= older.next_field_id) return true;
        const auto before = older.schema.find(field.id);
        return before && continues(field, older.schema.fields[*before]) &&
               name_in(older.schema.id, field, newer) == older.schema.fields[*before].name;
    });
}

}  // namespace dl
