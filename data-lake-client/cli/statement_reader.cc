#include "data-lake-client/cli/statement_reader.h"

#include <vector>

#include "common/base/ascii.h"

namespace datalake::cli {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    bool inside = false;
    for (const char c : line) {
        if (is_blank(c)) {
            inside = false;
            continue;
        }
        if (!inside) words.emplace_back();
        inside = true;
        words.back() += dl::ascii_lowercase(c);
    }
    return words;
}

bool is_name(const std::string& word) {
    if (word == "table" || word == "column" || word == "if" || word == "exists") return false;
    for (const char c : word)
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
              static_cast<unsigned char>(c) >= 0x80))
            return false;
    return !word.empty();
}

}  // namespace

bool is_bare_statement(std::string_view line) {
    const auto words = words_of(line);
    if (words.empty() || words.size() > 5) return false;
    const auto& first = words[0];
    if (first == "show_table" || first == "show_tables") return words.size() == 1;
    if (first == "show") return words.size() == 2 && (words[1] == "tables" || words[1] == "table");
    if (first == "desc" || first == "describe" || first == "max_offset" || first == "compress")
        return words.size() == 2 && is_name(words[1]);
    if (first == "check") {
        const std::size_t named = words.size() > 1 && words[1] == "table" && words.size() > 2 ? 2 : 1;
        const bool repair = words.size() == named + 2 && words[named + 1] == "repair";
        return (words.size() == named + 1 || repair) && is_name(words[named]);
    }
    if (first != "drop") return false;
    if (words.size() == 2) return is_name(words[1]);
    if (words[1] != "table") return false;
    if (words.size() == 3) return is_name(words[2]);
    return words.size() == 5 && words[2] == "if" && words[3] == "exists" && is_name(words[4]);
}

void StatementReader::add_line(std::string_view line) {
    blank_line_ = trimmed(line).empty();
    buffer_ += line;
    buffer_ += '\n';
}

bool StatementReader::pending() const {
    return !trimmed(buffer_).empty();
}

void StatementReader::reset() {
    buffer_.clear();
    json_.reset();
    sql_at_ = 0;
    within_ = Within::nothing;
}

// Blanks, stray `;` and comments in front of a statement.
void StatementReader::skip_between() {
    if (sql_at_ != 0 || json_.end() != 0) return;
    std::size_t at = 0;
    while (at < buffer_.size()) {
        if (is_blank(buffer_[at]) || buffer_[at] == ';') {
            ++at;
        } else if (buffer_.compare(at, 2, "--") == 0) {
            const auto end = buffer_.find('\n', at);
            at = end == std::string::npos ? buffer_.size() : end + 1;
        } else if (buffer_.compare(at, 2, "/*") == 0) {
            const auto end = buffer_.find("*/", at + 2);
            if (end == std::string::npos) break;
            at = end + 2;
        } else {
            break;
        }
    }
    buffer_.erase(0, at);
}

std::optional<Statement> StatementReader::take(Statement::Kind kind, std::size_t text_end, std::size_t end) {
    Statement statement{kind, std::string(trimmed(std::string_view(buffer_).substr(0, text_end)))};
    std::string rest = buffer_.substr(end);
    reset();
    buffer_ = std::move(rest);
    return statement;
}

// True when a `;` outside of quotes and comments was found, sql_at_ is on it.
bool StatementReader::scan_sql() {
    for (; sql_at_ < buffer_.size(); ++sql_at_) {
        const char c = buffer_[sql_at_];
        const char next = sql_at_ + 1 < buffer_.size() ? buffer_[sql_at_ + 1] : '\0';
        switch (within_) {
            case Within::nothing:
                if (c == ';') return true;
                if (c == '\'') within_ = Within::quote;
                if (c == '"') within_ = Within::name;
                if (c == '-' && next == '-') within_ = Within::line_comment;
                if (c == '/' && next == '*') within_ = Within::block_comment;
                break;
            case Within::quote:
                if (c == '\'') within_ = Within::nothing;
                break;
            case Within::name:
                if (c == '"') within_ = Within::nothing;
                break;
            case Within::line_comment:
                if (c == '\n') within_ = Within::nothing;
                break;
            case Within::block_comment:
                if (c == '*' && next == '/') {
                    within_ = Within::nothing;
                    ++sql_at_;
                }
                break;
        }
    }
    return false;
}

std::optional<Statement> StatementReader::next() {
    skip_between();
    if (buffer_.empty()) return std::nullopt;
    const char first = buffer_[0];
    if (first == '\\') {
        const auto end = buffer_.find('\n');
        if (end == std::string::npos) return std::nullopt;
        return take(Statement::Kind::command, end, end + 1);
    }
    if (first == '{' || first == '[' || first == '"') {
        if (json_.scan(buffer_)) return take(Statement::Kind::json, json_.end(), json_.end());
        return std::nullopt;
    }
    if (buffer_.starts_with("/*") && sql_at_ == 0 && buffer_.find("*/", 2) == std::string::npos)
        return std::nullopt;
    if (sql_at_ == 0) {
        const auto line_end = buffer_.find('\n');
        if (line_end != std::string::npos) {
            const auto line = trimmed(std::string_view(buffer_).substr(0, line_end));
            if (line == "quit" || line == "exit") {
                buffer_.replace(0, line_end, "\\q");
                return next();
            }
            if (line == "help") {
                buffer_.replace(0, line_end, "\\?");
                return next();
            }
            if (is_bare_statement(line)) return take(Statement::Kind::sql, line_end, line_end + 1);
        }
    }
    if (scan_sql()) return take(Statement::Kind::sql, sql_at_, sql_at_ + 1);
    if (interactive_ && blank_line_) return take(Statement::Kind::sql, buffer_.size(), buffer_.size());
    return std::nullopt;
}

std::optional<Statement> StatementReader::finish() {
    if (auto statement = next()) return statement;
    if (!pending()) return std::nullopt;
    const char first = buffer_[0];
    const bool json = first == '{' || first == '[' || first == '"';
    return take(first == '\\' ? Statement::Kind::command
                : json        ? Statement::Kind::json
                              : Statement::Kind::sql,
                buffer_.size(), buffer_.size());
}

}  // namespace datalake::cli
