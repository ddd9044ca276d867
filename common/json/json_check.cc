#include "common/json/json_check.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dl {

namespace {

// Which brackets are open: bits, true for an object.
class OpenBrackets {
  public:
    bool empty() const { return depth_ == 0; }
    bool in_object() const { return (words_[(depth_ - 1) / 64] >> ((depth_ - 1) % 64) & 1) != 0; }
    void open(bool object) {
        const auto word = depth_ / 64;
        if (word == words_.size()) words_.push_back(0);
        const auto bit = std::uint64_t{1} << (depth_ % 64);
        words_[word] = object ? words_[word] | bit : words_[word] & ~bit;
        ++depth_;
    }
    void close() { --depth_; }

  private:
    std::size_t depth_ = 0;
    std::vector<std::uint64_t> words_;
};

class Checker {
  public:
    explicit Checker(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

    bool run() {
        OpenBrackets open;
        for (;;) {
            // A value.
            blanks();
            if (at_ == end_) return false;
            const char c = *at_;
            if (c == '{' || c == '[') {
                ++at_;
                blanks();
                if (!take(c == '{' ? '}' : ']')) {
                    open.open(c == '{');
                    if (c == '{' && !key()) return false;
                    continue;
                }
            } else if (!scalar(c)) {
                return false;
            }
            // What follows a value.
            for (;;) {
                blanks();
                if (open.empty()) return at_ == end_;
                if (take(',')) break;
                if (!take(open.in_object() ? '}' : ']')) return false;
                open.close();
            }
            if (open.in_object() && !key()) return false;
        }
    }

  private:
    bool take(char c) {
        if (at_ == end_ || *at_ != c) return false;
        ++at_;
        return true;
    }
    void blanks() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t'))
            ++at_;
    }
    bool word(std::string_view word) {
        if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, word.size()) != word)
            return false;
        at_ += word.size();
        return true;
    }
    bool digits() {
        const char* const begin = at_;
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9')
            ++at_;
        return at_ != begin;
    }
    bool key() {
        blanks();
        if (!string()) return false;
        blanks();
        return take(':');
    }
    bool string() {
        if (!take('"')) return false;
        while (at_ != end_) {
            const char c = *at_++;
            if (c == '"') return true;
            if (static_cast<unsigned char>(c) < 0x20) return false;
            if (c == '\\' && !escape()) return false;
        }
        return false;
    }
    bool escape() {
        if (at_ == end_) return false;
        const char c = *at_++;
        if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
        for (int i = 0; i < 4; ++i) {
            if (at_ == end_) return false;
            const char digit = *at_++;
            const char small = static_cast<char>(digit | 0x20);
            if (!(digit >= '0' && digit <= '9') && !(small >= 'a' && small <= 'f')) return false;
        }
        return true;
    }
    bool number() {
        take('-');
        if (!take('0') && !digits()) return false;
        if (take('.') && !digits()) return false;
        if (!take('e') && !take('E')) return true;
        if (!take('+')) take('-');
        return digits();
    }
    bool scalar(char c) {
        switch (c) {
            case '"':
                return string();
            case 't':
                return word("true");
            case 'f':
                return word("false");
            case 'n':
                return word("null");
            default:
                return number();
        }
    }

    const char* at_;
    const char* const end_;
};

}  // namespace

bool is_json_text(std::string_view text) {
    return Checker(text).run();
}

}  // namespace dl
