// The words, names, literals and symbols of a SQL text, as DuckDB's parser divides it. Pure.
#pragma once

#include <string_view>

namespace dl {

struct SqlToken {
    enum class Kind {
        blank,        // or a comment
        word,         // keyword or name
        quoted_name,  // with its quotes
        literal,      // 'text', e'text', $tag$text$tag$
        number,       // without its sign
        parameter,    // $ and digits
        symbol,       // any other byte
    };
    Kind kind;
    std::string_view text;
};

// Of a word or a quoted name: without the quotes around it. A quote within is written twice, and stays so.
std::string_view name_text(const SqlToken& token);

// Takes the first token off `sql`, which is not empty. What is not closed goes on to the end.
SqlToken take_sql_token(std::string_view& sql);

}  // namespace dl
