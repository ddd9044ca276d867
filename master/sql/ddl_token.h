// Splits the text of an `sql` statement into tokens. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dl::master {

struct DdlToken {
    enum class Kind { word, quoted_name, string, number, symbol, bad, end };
    Kind kind = Kind::end;
    std::string text;       // word: as written; quoted_name, string: without quotes, doubled quotes undone;
                            // bad: what is wrong
    std::string lower;      // word: ASCII lower-case
    std::size_t begin = 0;  // byte position in the statement
    std::size_t end = 0;

    bool is_word(std::string_view keyword) const { return kind == Kind::word && lower == keyword; }
    bool is_symbol(char symbol) const { return kind == Kind::symbol && text[0] == symbol; }
};

// Words are runs of letters and digits of any script, '_' and '$'. `--` and `/* */` comments are skipped. The
// last token is always `end`. What cannot be split (an unclosed quote) is one `bad` token, the last before
// `end`: an error only for a statement that needs to look at it.
std::vector<DdlToken> tokenize_ddl(std::string_view sql);

}  // namespace dl::master
