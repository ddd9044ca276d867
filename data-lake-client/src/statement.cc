#include "data-lake-client/src/statement.h"

#include <algorithm>
#include <array>

#include "common/base/ascii.h"
#include "data-lake-client/src/json_text.h"

namespace datalake {
namespace {

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

std::string lower_word(std::string_view text) {
    std::string word;
    for (const char c : text) {
        if (!is_word(c)) break;
        word += dl::ascii_lowercase(c);
    }
    return word;
}

constexpr std::array<std::string_view, 8> kQueryWords = {"select",  "with",  "values",  "from",
                                                         "explain", "pivot", "unpivot", "summarize"};
constexpr std::array<std::string_view, 6> kOtherReadingWords = {"desc", "describe",   "show_table",
                                                                "show", "max_offset", "cluster_status"};

}  // namespace

std::string_view skip_sql_blanks(std::string_view sql) {
    for (;;) {
        while (!sql.empty() && (sql[0] == ' ' || sql[0] == '\t' || sql[0] == '\n' || sql[0] == '\r'))
            sql.remove_prefix(1);
        if (sql.starts_with("--")) {
            const auto end = sql.find('\n');
            sql = end == std::string_view::npos ? std::string_view() : sql.substr(end + 1);
        } else if (sql.starts_with("/*")) {
            const auto end = sql.find("*/", 2);
            sql = end == std::string_view::npos ? std::string_view() : sql.substr(end + 2);
        } else {
            return sql;
        }
    }
}

std::string sql_first_word(std::string_view sql) {
    sql = skip_sql_blanks(sql);
    auto word = lower_word(sql);
    if (word == "show_tables") return "show_table";
    if (word == "show") {
        const auto second = lower_word(skip_sql_blanks(sql.substr(word.size())));
        if (second == "tables" || second == "table") return "show_table";
    }
    return word;
}

bool is_query_sql(std::string_view sql) {
    const auto word = sql_first_word(sql);
    return std::find(kQueryWords.begin(), kQueryWords.end(), word) != kQueryWords.end() ||
           skip_sql_blanks(sql).starts_with('(');
}

bool only_reads_sql(std::string_view sql) {
    const auto word = sql_first_word(sql);
    return is_query_sql(sql) ||
           std::find(kOtherReadingWords.begin(), kOtherReadingWords.end(), word) != kOtherReadingWords.end();
}

StatementTraits statement_traits(std::string_view json) {
    StatementTraits traits;
    const auto begin = json.find_first_not_of(" \t\r\n");
    if (begin != std::string_view::npos && json[begin] == '"') {
        const auto end = json.find_last_not_of(" \t\r\n");
        if (json.substr(begin, end - begin + 1) == "\"batch_insert\"") {
            traits.name = "batch_insert";
            traits.takes_attachment = true;
        }
        return traits;
    }
    JsonReader reader(json);
    if (!reader.enter()) return traits;
    while (reader.next()) {
        const auto key = reader.key();
        const auto& value = reader.value();
        if (key == "options") {
            traits.has_batch_id =
                value.kind == JsonKind::object && (json_member(value.raw, "batch_id").has_value() ||
                                                   json_member(value.raw, "producer_id").has_value());
            continue;
        }
        if (!traits.name.empty()) continue;
        traits.name = key;
        if (key == "batch_insert") traits.takes_attachment = value.kind == JsonKind::null;
        if (key == "query" || key == "stream_read" || key == "metadata") traits.read_only = true;
        if (key == "sql" && value.kind == JsonKind::string) {
            traits.sql_verb = sql_first_word(value.text());
            traits.one_frame = traits.sql_verb == "show_table";
            if (only_reads_sql(value.text())) traits.read_only = true;
        }
    }
    return traits;
}

}  // namespace datalake
