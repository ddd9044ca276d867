#include "master/sql/hex_texts.h"

#include <string>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/limits.h"
#include "master/sql/query_ast.h"

namespace dl::master {
namespace {

// What is compared with one another.
std::vector<const Json*> compared(const Json& node) {
    std::vector<const Json*> parts;
    const auto kind = class_of(node);
    if (kind != "COMPARISON" && kind != "BETWEEN" && kind != "OPERATOR") return parts;
    for (const char* key : {"left", "right", "input", "lower", "upper"})
        if (const auto* part = member(node, key)) parts.push_back(part);
    if (const auto* children = member(node, "children"))  // IN
        for (const auto& child : *children)
            parts.push_back(&child);
    return parts;
}

bool is_binary_column(const Json& part, const QueryTables& tables) {
    const auto* names = member(part, "column_names");
    if (class_of(part) != "COLUMN_REF" || names == nullptr || names->empty()) return false;
    const auto name = ascii_lowercase(names->back().get<std::string>());
    bool found = false;
    for (const auto& [table_name, table] : tables) {
        const auto position = table->schema.find(name);
        if (!position) continue;
        if (table->schema.fields[*position].type.kind != TypeKind::binary) return false;
        found = true;
    }
    return found;
}

// Its digits; \x41 means the same to both.
std::optional<std::string> digits_of(const Json& part) {
    const auto* value = class_of(part) == "CONSTANT" ? member(part, "value") : nullptr;
    const auto* text = value != nullptr ? member(*value, "value") : nullptr;
    if (text == nullptr || !text->is_string()) return std::nullopt;
    const auto written = text->get<std::string>();
    constexpr std::size_t kOneByte = 4;
    if (!written.starts_with("\\x") || written.size() <= kOneByte ||
        written.find_first_not_of("0123456789abcdefABCDEF", 2) != std::string::npos)
        return std::nullopt;
    return written.substr(2);
}

}  // namespace

Result<void> check_hex_texts(const SelectAst& ast, const QueryTables& tables) {
    if (ast.text().find("\\x") == std::string::npos) return {};
    std::vector<const Json*> waiting{&ast.tree()};
    while (!waiting.empty()) {
        const auto& node = *waiting.back();
        waiting.pop_back();
        const auto parts = compared(node);
        bool has_binary = false;
        for (const auto* part : parts)
            has_binary = has_binary || is_binary_column(*part, tables);
        for (const auto* part : parts) {
            const auto digits = has_binary ? digits_of(*part) : std::nullopt;
            if (!digits) continue;
            const auto shown = digits->substr(0, limits::error_value_bytes_max);
            return make_error(ErrorCode::not_supported, "'\\x" + shown +
                                                            "' would be one byte and a text here; bytes by "
                                                            "their hexadecimal digits are x'" +
                                                            shown + "'");
        }
        for (const auto& child : node)
            if (child.is_structured()) waiting.push_back(&child);
    }
    return {};
}

}  // namespace dl::master
