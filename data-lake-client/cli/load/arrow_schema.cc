#include "data-lake-client/cli/load/arrow_schema.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

namespace datalake::cli {
namespace {

constexpr std::uint8_t kInterval = 11;
constexpr std::uint8_t kDuration = 18;
constexpr std::uint8_t kSchemaHeader = 1;
constexpr std::uint32_t kFieldsMax = 100'000;

// A flatbuffer, read with every position checked.
class FlatBytes {
  public:
    explicit FlatBytes(std::string_view bytes) : bytes_(bytes) {}

    template <class T>
    std::optional<T> read(std::size_t at) const {
        if (at > bytes_.size() || bytes_.size() - at < sizeof(T)) return std::nullopt;
        T value;
        std::memcpy(&value, bytes_.data() + at, sizeof(T));
        return value;
    }
    // Where an offset that lies at `at` leads.
    std::optional<std::size_t> follow(std::size_t at) const {
        const auto offset = read<std::uint32_t>(at);
        if (!offset || *offset > bytes_.size() || at + *offset >= bytes_.size()) return std::nullopt;
        return at + *offset;
    }
    // Where field `number` of the table at `table` lies.
    std::optional<std::size_t> field(std::size_t table, unsigned number) const {
        const auto back = read<std::int32_t>(table);
        if (!back) return std::nullopt;
        const auto vtable = static_cast<std::int64_t>(table) - *back;
        if (vtable < 0) return std::nullopt;
        const auto at = static_cast<std::size_t>(vtable);
        const auto size = read<std::uint16_t>(at);
        const std::size_t slot = 4 + 2 * std::size_t{number};
        if (!size || slot + 2 > *size) return std::nullopt;
        const auto offset = read<std::uint16_t>(at + slot);
        if (!offset || *offset == 0) return std::nullopt;
        return table + *offset;
    }
    std::optional<std::string> string(std::size_t at) const {
        const auto size = read<std::uint32_t>(at);
        if (!size || *size > bytes_.size() - at - 4) return std::nullopt;
        return std::string(bytes_.substr(at + 4, *size));
    }

  private:
    std::string_view bytes_;
};

// Whether the field is one, or has one in it: of a list, a struct, a map. `left`: fields that may be looked
// at yet; in bytes that are no schema children may be their own parents.
bool has_duration(const FlatBytes& bytes, std::size_t field, int depth, std::uint32_t& left) {
    constexpr int kDepthMax = 64;
    if (depth > kDepthMax || left == 0) return false;
    --left;
    if (const auto type_at = bytes.field(field, 2)) {
        const auto type = bytes.read<std::uint8_t>(*type_at);
        if (type == kInterval || type == kDuration) return true;
    }
    const auto children_at = bytes.field(field, 5);
    const auto children = children_at ? bytes.follow(*children_at) : std::nullopt;
    const auto count = children ? bytes.read<std::uint32_t>(*children) : std::nullopt;
    if (!count || *count > kFieldsMax) return false;
    for (std::uint32_t i = 0; i < *count; ++i) {
        const auto child = bytes.follow(*children + 4 + 4 * std::size_t{i});
        if (!child) return false;
        if (has_duration(bytes, *child, depth + 1, left)) return true;
    }
    return false;
}

// What the numbers of a field count; empty when it is no duration by itself.
std::string duration_unit(const FlatBytes& bytes, std::size_t field) {
    constexpr std::uint16_t kMilliseconds = 1;  // what is left out
    constexpr std::array<const char*, 4> kUnits = {"seconds", "milliseconds", "microseconds", "nanoseconds"};
    const auto kind_at = bytes.field(field, 2), type_at = bytes.field(field, 3);
    if (!kind_at || !type_at || bytes.read<std::uint8_t>(*kind_at) != kDuration) return "";
    const auto type = bytes.follow(*type_at);
    if (!type) return "";
    const auto unit_at = bytes.field(*type, 0);
    const auto unit = unit_at ? bytes.read<std::uint16_t>(*unit_at) : std::optional(kMilliseconds);
    return unit && *unit < kUnits.size() ? kUnits[*unit] : "";
}

}  // namespace

std::vector<ArrowDuration> arrow_durations(std::string_view message) {
    std::vector<ArrowDuration> names;
    std::uint32_t left = kFieldsMax;
    // ffffffff, size, flatbuffer; older ones begin with the size.
    const std::size_t skip = message.starts_with("\xff\xff\xff\xff") ? 8 : 4;
    if (message.size() < skip) return names;
    const FlatBytes bytes(message.substr(skip));
    const auto root = bytes.follow(0);
    if (!root) return names;
    const auto kind_at = bytes.field(*root, 1), header_at = bytes.field(*root, 2);
    if (!kind_at || !header_at || bytes.read<std::uint8_t>(*kind_at) != kSchemaHeader) return names;
    const auto schema = bytes.follow(*header_at);
    if (!schema) return names;
    const auto fields_at = bytes.field(*schema, 1);
    const auto fields = fields_at ? bytes.follow(*fields_at) : std::nullopt;
    const auto count = fields ? bytes.read<std::uint32_t>(*fields) : std::nullopt;
    if (!count || *count > kFieldsMax) return names;
    for (std::uint32_t i = 0; i < *count; ++i) {
        const auto field = bytes.follow(*fields + 4 + 4 * std::size_t{i});
        if (!field) return names;
        const auto name_at = bytes.field(*field, 0);
        if (!name_at || !has_duration(bytes, *field, 0, left)) continue;
        const auto name = bytes.follow(*name_at);
        if (auto text = name ? bytes.string(*name) : std::nullopt)
            names.push_back({std::move(*text), duration_unit(bytes, *field)});
    }
    return names;
}

}  // namespace datalake::cli
