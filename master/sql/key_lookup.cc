#include "master/sql/key_lookup.h"

#include <set>

#include "common/base/ascii.h"
#include "master/sql/query_ast.h"

namespace dl::master {

namespace {

using nlohmann::json;

// Of a DECIMAL constant, which is kept unscaled.
std::string decimal_text(const json& unscaled, const json& type) {
    std::uint64_t scale = 0;
    if (const auto info = type.find("type_info"); info != type.end())
        scale = info->value("scale", std::uint64_t{0});
    auto digits = unscaled.dump();
    const bool negative = digits.starts_with('-');
    if (negative) digits.erase(0, 1);
    if (scale == 0) return (negative ? "-" : "") + digits;
    if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
    digits.insert(digits.size() - scale, 1, '.');
    return (negative ? "-" : "") + digits;
}

std::optional<KeyLiteral> literal_of(const json& expression) {
    if (text_of(expression, "class") != "CONSTANT") return std::nullopt;
    const auto value = expression.find("value");
    if (value == expression.end() || value->value("is_null", true) || !value->contains("type"))
        return std::nullopt;
    const auto kind = text_of((*value)["type"], "id");
    const auto content = value->find("value");
    if (content == value->end()) return std::nullopt;
    if (kind == "VARCHAR" && content->is_string()) return KeyLiteral{true, content->get<std::string>()};
    if (kind == "DECIMAL" && content->is_number_integer())
        return KeyLiteral{false, decimal_text(*content, (*value)["type"])};
    const bool whole = kind == "TINYINT" || kind == "SMALLINT" || kind == "INTEGER" || kind == "BIGINT";
    if (!whole || !content->is_number_integer()) return std::nullopt;
    return KeyLiteral{false, content->dump()};
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = ascii_lowercase(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
std::optional<std::string> bytes_of_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const auto high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes.push_back(static_cast<char>(high << 4 | low));
    }
    return bytes;
}
// The text of a BLOB literal: plain ASCII, other bytes as \xHH.
std::optional<std::string> bytes_of_blob(std::string_view text) {
    std::string bytes;
    while (!text.empty()) {
        if (text.front() != '\\') {
            if (static_cast<unsigned char>(text.front()) >= 0x80) return std::nullopt;
            bytes.push_back(text.front());
            text.remove_prefix(1);
            continue;
        }
        if (text.size() < 4 || text[1] != 'x') return std::nullopt;
        const auto one = bytes_of_hex(text.substr(2, 2));
        if (!one) return std::nullopt;
        bytes += *one;
        text.remove_prefix(4);
    }
    return bytes;
}

// `'...'::BLOB`, `from_hex('...')`, `from_base64('...')`; the text form of a binary is base64.
std::optional<std::string> binary_key_text(const json& expression) {
    std::optional<std::string> bytes;
    if (text_of(expression, "class") == "CAST") {
        const bool plain = expression.contains("cast_type") && expression.contains("child") &&
                           text_of(expression["cast_type"], "id") == "BLOB";
        const auto literal = plain ? literal_of(expression["child"]) : std::nullopt;
        if (!literal || !literal->quoted) return std::nullopt;
        bytes = bytes_of_blob(literal->text);
    } else if (text_of(expression, "class") == "FUNCTION" && expression.contains("children") &&
               expression["children"].size() == 1) {
        const auto literal = literal_of(expression["children"][0]);
        if (!literal || !literal->quoted) return std::nullopt;
        const auto name = ascii_lowercase(text_of(expression, "function_name"));
        if (name == "from_base64") return literal->text;
        if (name == "from_hex" || name == "unhex") bytes = bytes_of_hex(literal->text);
    }
    if (!bytes) return std::nullopt;
    std::string text;
    append_base64(text, *bytes);
    return text;
}

// Also `DATE '...'` for a date key and `TIMESTAMP '...'` for a timestamp.
std::optional<std::string> key_text(const json& expression, DataType type) {
    if (type.kind == TypeKind::binary) return binary_key_text(expression);
    if (text_of(expression, "class") == "CAST") {
        const auto target = expression.contains("cast_type") ? text_of(expression["cast_type"], "id") : "";
        const bool same = (type.kind == TypeKind::date && target == "DATE") ||
                          (type.kind == TypeKind::timestamp && target == "TIMESTAMP");
        if (!same || !expression.contains("child")) return std::nullopt;
        return key_text(expression["child"], type);
    }
    const auto literal = literal_of(expression);
    return literal ? exact_key_text(*literal, type) : std::nullopt;
}

// A table in FROM that may be looked up, under the name it has in its SELECT.
struct Reference {
    std::string table;
    std::string alias;
};

class Finder {
  public:
    explicit Finder(const QueryTables& tables) : tables_(tables) {}

    std::map<std::string, KeyLookup> find(const json& tree) {
        walk(tree);
        for (const auto& name : repeated_)
            found_.erase(name);
        return std::move(found_);
    }

  private:
    void walk(const json& node) {
        if (node.is_array()) {
            for (const auto& element : node)
                walk(element);
            return;
        }
        if (!node.is_object()) return;
        const auto type = text_of(node, "type");
        if (type == "BASE_TABLE") {
            auto name = ascii_lowercase(text_of(node, "table_name"));
            if (!named_.insert(name).second) repeated_.insert(std::move(name));
        }
        if (type == "SELECT_NODE") look_at(node);
        for (const auto& [key, value] : node.items())
            walk(value);
    }

    void look_at(const json& select) {
        const auto where = select.find("where_clause");
        const auto from = select.find("from_table");
        if (where == select.end() || from == select.end() || select.contains("sample")) return;
        std::vector<Reference> references;
        if (!collect(*from, references)) return;
        conditions(*where, references);
    }

    // The base tables of inner joins; false where leaving rows out early could change the result.
    bool collect(const json& from, std::vector<Reference>& references) const {
        if (from.contains("sample")) return false;
        const auto type = text_of(from, "type");
        if (type == "BASE_TABLE") {
            if (from.contains("column_name_alias")) return false;
            const auto name = ascii_lowercase(text_of(from, "table_name"));
            const auto alias = ascii_lowercase(text_of(from, "alias"));
            if (!tables_.contains(name)) return true;  // a WITH entry
            references.push_back({name, alias.empty() ? name : alias});
            return true;
        }
        if (type == "JOIN") {
            const auto kind = text_of(from, "ref_type");
            const bool inner =
                text_of(from, "join_type") == "INNER" && (kind == "REGULAR" || kind == "CROSS");
            return (inner || kind == "CROSS") && !from.contains("using_columns") &&
                   collect(from["left"], references) && collect(from["right"], references);
        }
        return type == "SUBQUERY";  // rows of its own
    }

    void conditions(const json& expression, const std::vector<Reference>& references) {
        const auto type = text_of(expression, "type");
        if (type == "CONJUNCTION_AND" && expression.contains("children")) {
            for (const auto& child : expression["children"])
                conditions(child, references);
        } else if (type == "COMPARE_EQUAL" && expression.contains("left") && expression.contains("right")) {
            if (!restrict_to(expression["left"], {&expression["right"]}, references))
                (void)restrict_to(expression["right"], {&expression["left"]}, references);
        } else if (type == "COMPARE_IN" && expression.contains("children") &&
                   expression["children"].size() > 1) {
            std::vector<const json*> values;
            for (std::size_t i = 1; i < expression["children"].size(); ++i)
                values.push_back(&expression["children"][i]);
            (void)restrict_to(expression["children"][0], values, references);
        }
    }

    const Reference* referenced(const json& column, const std::vector<Reference>& references) const {
        if (text_of(column, "class") != "COLUMN_REF" || !column.contains("column_names")) return nullptr;
        const auto& names = column["column_names"];
        if (names.size() == 2) {
            const auto alias = ascii_lowercase(names[0].get<std::string>());
            for (const auto& reference : references)
                if (reference.alias == alias) return &reference;
            return nullptr;
        }
        // Without the table's name it is certain in a FROM of one table only.
        return names.size() == 1 && references.size() == 1 ? &references.front() : nullptr;
    }

    bool restrict_to(const json& column, const std::vector<const json*>& values,
                     const std::vector<Reference>& references) {
        const auto* reference = referenced(column, references);
        if (reference == nullptr || values.size() > kLookupKeysMax) return false;
        const auto& meta = *tables_.at(reference->table);
        if (ascii_lowercase(column["column_names"].back().get<std::string>()) != meta.schema.key().name)
            return false;
        std::vector<std::string> keys;
        for (const auto* value : values) {
            auto text = key_text(*value, meta.schema.key().type);
            if (!text) return false;
            keys.push_back(std::move(*text));
        }
        auto lookup = locate_keys(meta, std::move(keys));
        if (!lookup) return false;
        const auto [entry, fresh] = found_.try_emplace(reference->table, *lookup);
        if (!fresh && lookup->keys.size() < entry->second.keys.size()) entry->second = std::move(*lookup);
        return true;
    }

    const QueryTables& tables_;
    std::map<std::string, KeyLookup> found_;
    std::set<std::string> named_;
    std::set<std::string> repeated_;
};

}  // namespace

Result<KeyLookup> locate_keys(const TableMeta& table, std::vector<std::string> keys) {
    const auto& key = table.schema.key();
    ColumnBatchBuilder builder({{key.id, key.type}});
    for (const auto& text : keys) {
        DL_TRY(append_parsed_text(builder, 0, key.type, text));
        builder.finish_row(false);
    }
    DL_TRY_ASSIGN(const auto batch,
                  ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows()));
    std::set<PartitionId> partitions;
    char scratch[16];
    for (std::uint32_t row = 0; row < batch.rows(); ++row)
        partitions.insert(table.partition_of(key_bytes(batch.columns()[0], row, scratch)));
    return KeyLookup{std::move(keys), {partitions.begin(), partitions.end()}};
}

std::map<std::string, KeyLookup> find_key_lookups(const SelectAst& ast, const QueryTables& tables) {
    return Finder(tables).find(ast.tree());
}

std::optional<KeyLookup> point_lookup(const PointSelect& select, const TableMeta& table) {
    if (select.key != table.schema.key().name) return std::nullopt;
    for (const auto& column : select.columns)
        if (!table.schema.find(column)) return std::nullopt;
    std::vector<std::string> keys;
    for (const auto& value : select.values) {
        auto text = exact_key_text(value, table.schema.key().type);
        if (!text) return std::nullopt;
        keys.push_back(std::move(*text));
    }
    auto lookup = locate_keys(table, std::move(keys));
    if (!lookup) return std::nullopt;
    return std::move(*lookup);
}

std::optional<FoundPoint> find_point(std::string_view sql, const TableLookup& lookup) {
    const auto point = parse_point_select(sql);
    if (!point) return std::nullopt;
    auto meta = lookup(point->table);
    if (!meta) return std::nullopt;
    auto keys = point_lookup(*point, **meta);
    if (!keys) return std::nullopt;
    return FoundPoint{std::move(*meta), std::move(*keys)};
}

}  // namespace dl::master
