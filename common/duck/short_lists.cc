#include "common/duck/short_lists.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "common/base/ascii.h"
#include "common/duck/sql_token.h"

namespace dl {
namespace {

constexpr std::size_t kTextBytesMin = 2 * (2 * ShortLists::kKept);  // a shorter one has no such list
constexpr std::size_t kDigitsMax = 18;                              // with more a number is of another type
constexpr std::size_t kListsMax = 64;                               // each is looked for in the whole text
// Marks are such numbers, or texts of them, so that they fit whatever the values of a list are compared with.
constexpr std::int64_t kFirstMark = 2'139'205'861;
constexpr std::int64_t kMarkStep = 7919;
constexpr int kMarkTries = 256;

enum class Kind : std::uint8_t { none, number, text };

// A text like 2024-01-31: as a constant it may be compared as a date, which a mark is not.
bool looks_like_date(std::string_view text) {
    constexpr std::size_t kYearEnd = 5, kMonthEnd = 8;  // behind the quote
    return text.size() > kMonthEnd && text[kYearEnd] == '-' && text[kMonthEnd] == '-';
}

Kind kind_of(const SqlToken& token) {
    if (token.kind == SqlToken::Kind::number) {
        const bool whole = std::ranges::all_of(token.text, [](char c) { return c >= '0' && c <= '9'; });
        return whole && token.text.size() <= kDigitsMax ? Kind::number : Kind::none;
    }
    const bool plain = token.kind == SqlToken::Kind::literal && token.text.starts_with('\'');
    return plain && !looks_like_date(token.text) ? Kind::text : Kind::none;
}

// What stands between the parentheses of one list, read from its "(" on.
struct List {
    Kind kind = Kind::none;  // none: it is something else
    std::size_t count = 0;
    std::string_view cut;  // the values behind the first kKept
};

class ListReader {
  public:
    explicit ListReader(std::string_view rest) : rest_(rest) {}

    List read() {
        List list;
        const char* cut_from = nullptr;
        for (;;) {
            auto token = next();
            const auto* begin = token.text.data();
            if (token.text == "-") {
                token = next();
                if (kind_of(token) != Kind::number) return {};
            }
            const auto kind = kind_of(token);
            if (kind == Kind::none || (list.count != 0 && kind != list.kind)) return {};
            list.kind = kind;
            if (++list.count == ShortLists::kKept + 1) cut_from = begin;
            const auto* end = token.text.data() + token.text.size();
            const auto behind = next();
            if (behind.text == ",") continue;
            if (behind.text != ")") return {};
            if (cut_from != nullptr) list.cut = {cut_from, static_cast<std::size_t>(end - cut_from)};
            return list;
        }
    }

  private:
    // An empty one at the end.
    SqlToken next() {
        while (!rest_.empty()) {
            const auto token = take_sql_token(rest_);
            if (token.kind != SqlToken::Kind::blank) return token;
        }
        return {SqlToken::Kind::symbol, {}};
    }

    std::string_view rest_;
};

// Constants that do not occur in the text, each once.
class Marks {
  public:
    explicit Marks(std::string_view sql) : sql_(sql) {}

    std::optional<std::string> next(Kind kind) {
        while (tried_ < kMarkTries) {
            auto mark = std::to_string(kFirstMark - kMarkStep * tried_++);
            if (sql_.find(mark) != std::string_view::npos) continue;
            return kind == Kind::number ? mark : "'" + mark + "'";
        }
        return std::nullopt;
    }

  private:
    std::string_view sql_;
    int tried_ = 0;
};

}  // namespace

std::string ShortLists::in_full(std::string sql) const {
    for (const auto& rest : rests) {
        std::string full;
        std::size_t from = 0;
        for (auto at = sql.find(rest.mark); at != std::string::npos; at = sql.find(rest.mark, from)) {
            full.append(sql, from, at - from);
            full += rest.values;
            from = at + rest.mark.size();
        }
        if (from == 0) continue;
        full.append(sql, from);
        sql = std::move(full);
    }
    return sql;
}

std::optional<ShortLists> with_short_lists(std::string_view sql) {
    if (sql.size() < kTextBytesMin) return std::nullopt;
    ShortLists shorter;
    const char* copied = sql.data();
    const auto* const end = sql.data() + sql.size();
    Marks marks(sql);
    bool behind_in = false;
    for (auto rest = sql; !rest.empty() && shorter.rests.size() < kListsMax;) {
        const auto token = take_sql_token(rest);
        if (token.kind == SqlToken::Kind::blank) continue;
        const bool opens = std::exchange(behind_in, token.kind == SqlToken::Kind::word &&
                                                        ascii_lowercase(token.text) == "in") &&
                           token.text == "(";
        if (!opens) continue;
        const auto list = ListReader(rest).read();
        if (list.count <= 2 * ShortLists::kKept) continue;
        auto mark = marks.next(list.kind);
        if (!mark) break;
        shorter.text.append(copied, static_cast<std::size_t>(list.cut.data() - copied));
        shorter.text += *mark;
        copied = list.cut.data() + list.cut.size();
        shorter.rests.push_back({std::move(*mark), std::string(list.cut)});
        rest = {copied, static_cast<std::size_t>(end - copied)};
    }
    if (shorter.rests.empty()) return std::nullopt;
    shorter.text.append(copied, static_cast<std::size_t>(end - copied));
    return shorter;
}

}  // namespace dl
