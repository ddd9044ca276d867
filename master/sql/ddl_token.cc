#include "master/sql/ddl_token.h"

#include <utility>

#include "common/base/ascii.h"
#include "common/base/error.h"

namespace dl::master {
namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
// Bytes of other scripts are all >= 0x80; names are checked to the letter when they are normalised.
bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}

class Scanner {
  public:
    explicit Scanner(std::string_view sql) : sql_(sql) {}

    std::vector<DdlToken> run() {
        for (;;) {
            DdlToken token;
            auto scanned = skip_blanks();
            token.begin = at_;
            if (scanned.has_value() && at_ < sql_.size()) scanned = scan(token);
            token.end = at_;
            if (scanned.has_error()) {
                token.kind = DdlToken::Kind::bad;
                token.text = std::move(scanned).error().message;
                tokens_.push_back(std::move(token));
                token = DdlToken();
                token.begin = token.end = sql_.size();
            }
            tokens_.push_back(std::move(token));
            if (tokens_.back().kind == DdlToken::Kind::end) return std::move(tokens_);
        }
    }

  private:
    char peek(std::size_t ahead = 0) const { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }

    static Error unterminated(std::string_view what, std::size_t begin) {
        return make_error(ErrorCode::syntax_error, "the " + std::string(what) + " that starts at position " +
                                                       std::to_string(begin + 1) + " is not closed");
    }

    Result<void> skip_blanks() {
        for (;;) {
            while (at_ < sql_.size() && is_space(sql_[at_]))
                ++at_;
            if (peek() == '-' && peek(1) == '-') {
                while (at_ < sql_.size() && sql_[at_] != '\n')
                    ++at_;
            } else if (peek() == '/' && peek(1) == '*') {
                const auto close = sql_.find("*/", at_ + 2);
                if (close == std::string_view::npos) return unterminated("comment", at_);
                at_ = close + 2;
            } else {
                return {};
            }
        }
    }

    Result<void> scan(DdlToken& token) {
        const char c = sql_[at_];
        if (c == '\'') return scan_quoted(token, '\'', DdlToken::Kind::string, "string");
        if (c == '"') return scan_quoted(token, '"', DdlToken::Kind::quoted_name, "quoted name");
        if (c == '`') return scan_quoted(token, '`', DdlToken::Kind::quoted_name, "quoted name");
        if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return scan_number(token);
        if (is_word_byte(c)) {
            while (at_ < sql_.size() && is_word_byte(sql_[at_]))
                ++at_;
            token.kind = DdlToken::Kind::word;
            token.text = sql_.substr(token.begin, at_ - token.begin);
            token.lower = ascii_lowercase(token.text);
            return {};
        }
        token.kind = DdlToken::Kind::symbol;
        token.text = std::string(1, c);
        ++at_;
        return {};
    }

    Result<void> scan_quoted(DdlToken& token, char quote, DdlToken::Kind kind, std::string_view what) {
        token.kind = kind;
        ++at_;
        for (;;) {
            const auto next = sql_.find(quote, at_);
            if (next == std::string_view::npos) return unterminated(what, token.begin);
            token.text += sql_.substr(at_, next - at_);
            at_ = next + 1;
            if (peek() != quote) return {};
            token.text += quote;
            ++at_;
        }
    }

    Result<void> scan_number(DdlToken& token) {
        token.kind = DdlToken::Kind::number;
        while (is_digit(peek()))
            ++at_;
        if (peek() == '.') ++at_;
        while (is_digit(peek()))
            ++at_;
        if ((peek() == 'e' || peek() == 'E') &&
            (is_digit(peek(1)) || ((peek(1) == '+' || peek(1) == '-') && is_digit(peek(2))))) {
            at_ += 2;
            while (is_digit(peek()))
                ++at_;
        }
        if (is_word_byte(peek())) {
            while (is_word_byte(peek()))
                ++at_;
            return make_error(ErrorCode::syntax_error,
                              "'" + std::string(sql_.substr(token.begin, at_ - token.begin)) +
                                  "' at position " + std::to_string(token.begin + 1) +
                                  " is neither a number nor a name (names do not start with a digit)");
        }
        token.text = sql_.substr(token.begin, at_ - token.begin);
        return {};
    }

    std::string_view sql_;
    std::size_t at_ = 0;
    std::vector<DdlToken> tokens_;
};

}  // namespace

std::vector<DdlToken> tokenize_ddl(std::string_view sql) {
    return Scanner(sql).run();
}

}  // namespace dl::master
