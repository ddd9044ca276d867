#include "data-lake-client/cli/statement_reader.h"

#include <algorithm>
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
    if (words.size() < 3 || words[1] != "table") return false;
    if (words.size() == 3) return is_name(words[2]);
    return words.size() == 5 && words[2] == "if" && words[3] == "exists" && is_name(words[4]);
}

void StatementReader::add_line(std::string_view line, bool pasted) {
    blank_line_ = !pasted && trimmed(line).empty();
    buffer_ += line;
    buffer_ += '\n';
}

bool StatementReader::pending() const {
    return !trimmed(buffer_).empty();
}

char StatementReader::open_quote() const {
    if (within_ == Within::quote) return '\'';
    return within_ == Within::name || json_.in_string() ? '"' : '\0';
}

std::string_view prompt_of(const StatementReader& reader) {
    if (!reader.pending()) return "datalake> ";
    const char quote = reader.open_quote();
    return quote == '\'' ? "      '> " : quote == '"' ? "      \"> " : "      -> ";
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

// Whether a line begins at `at`, but for blanks.
bool StatementReader::begins_a_line(std::size_t at) const {
    while (at > 0 && buffer_[at - 1] != '\n' && is_blank(buffer_[at - 1]))
        --at;
    return at == 0 || buffer_[at - 1] == '\n';
}

// A command on a line of its own within a statement: run at once, the statement goes on behind it.
std::optional<Statement> StatementReader::take_command(std::size_t at) {
    const auto end = buffer_.find('\n', at);
    if (end == std::string::npos) return std::nullopt;
    Statement command{Statement::Kind::command,
                      std::string(trimmed(std::string_view(buffer_).substr(at, end - at)))};
    buffer_.erase(at, end + 1 - at);
    return command;
}

// True when sql_at_ is on a `;` outside of quotes and comments, or on the backslash of a command.
bool StatementReader::scan_sql() {
    for (; sql_at_ < buffer_.size(); ++sql_at_) {
        const char c = buffer_[sql_at_];
        const char next = sql_at_ + 1 < buffer_.size() ? buffer_[sql_at_ + 1] : '\0';
        switch (within_) {
            case Within::nothing:
                if (c == ';' || (c == '\\' && begins_a_line(sql_at_))) return true;
                if (c == '\'') within_ = Within::quote;
                if (c == '"') within_ = Within::name;
                if (c == '-' && next == '-') within_ = Within::line_comment;
                if (c == '/' && next == '*') {
                    within_ = Within::block_comment;
                    ++sql_at_;
                }
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
        if (json_.at_backslash()) return take_command(json_.end());
        return std::nullopt;
    }
    // What closes nothing is a mistake by itself, not the begin of SQL that goes on to the next `;`.
    if (first == '}' || first == ']') {
        const auto end = std::min(buffer_.find_first_not_of("}] \t"), buffer_.size());
        return take(Statement::Kind::sql, end, end);
    }
    if (buffer_.starts_with("/*") && sql_at_ == 0 && buffer_.find("*/", 2) == std::string::npos)
        return std::nullopt;
    if (sql_at_ == 0) {
        const auto line_end = buffer_.find('\n');
        if (line_end != std::string::npos) {
            const auto line = trimmed(std::string_view(buffer_).substr(0, line_end));
            auto word = line;
            while (!word.empty() && (word.back() == ';' || is_blank(word.back())))
                word.remove_suffix(1);
            const auto lower = dl::ascii_lowercase(word);
            if (lower == "quit" || lower == "exit") {
                buffer_.replace(0, line_end, "\\q");
                return next();
            }
            if (lower == "help") {
                buffer_.replace(0, line_end, "\\?");
                return next();
            }
            if (is_bare_statement(line)) return take(Statement::Kind::sql, line_end, line_end + 1);
        }
    }
    if (scan_sql())
        return buffer_[sql_at_] == ';' ? take(Statement::Kind::sql, sql_at_, sql_at_ + 1)
                                       : take_command(sql_at_);
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
