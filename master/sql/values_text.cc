#include "master/sql/values_text.h"

#include "common/duck/parquet_file.h"
#include "master/sql/ddl_cursor.h"

namespace dl::master {
namespace {

struct Value {
    enum class Kind : std::uint8_t { null, use_default, text, number, boolean, expression };
    Kind kind = Kind::expression;
    std::string_view written;
    std::string text;  // of a text, a number or a boolean
};

class Values final : public DdlCursor {
  public:
    using DdlCursor::DdlCursor;

    // Rows of as many values each as there are columns; nullopt: something else.
    std::optional<std::vector<std::vector<Value>>> rows(std::size_t columns) {
        if (!accept("values")) return std::nullopt;
        std::vector<std::vector<Value>> rows;
        do {
            if (!accept_symbol('(')) return std::nullopt;
            auto& row = rows.emplace_back();
            do {
                auto read = value();
                if (!read) return std::nullopt;
                row.push_back(std::move(*read));
            } while (accept_symbol(','));
            if (!accept_symbol(')') || row.size() != columns) return std::nullopt;
        } while (accept_symbol(','));
        if (current().kind != Kind::end) return std::nullopt;
        return rows;
    }

  private:
    std::optional<Value> value() {
        const auto begin = at_;
        for (int depth = 0;; advance()) {
            const auto& token = current();
            if (token.kind == Kind::end || token.kind == Kind::bad || token.is_symbol(';'))
                return std::nullopt;
            // Texts whose end these tokens do not know.
            if (token.is_word("e") && ahead(1).kind == Kind::string) return std::nullopt;
            if (token.kind == Kind::word && token.text.find('$', 1) != std::string::npos) return std::nullopt;
            if (depth == 0 && (token.is_symbol(',') || token.is_symbol(')'))) break;
            for (const char open : {'(', '[', '{'})
                depth += token.is_symbol(open) ? 1 : 0;
            for (const char close : {')', ']', '}'})
                depth -= token.is_symbol(close) ? 1 : 0;
        }
        if (at_ == begin) return std::nullopt;
        Value value;
        value.written = sql_.substr(tokens_[begin].begin, tokens_[at_ - 1].end - tokens_[begin].begin);
        classify(value, begin, at_ - begin);
        return value;
    }

    void classify(Value& value, std::size_t begin, std::size_t count) const {
        const auto& first = tokens_[begin];
        const auto& last = tokens_[begin + count - 1];
        const bool is_signed = count == 2 && (first.is_symbol('-') || first.is_symbol('+'));
        const bool is_time = count == 2 && (first.is_word("timestamp") || first.is_word("date"));
        if (last.kind == Kind::number && (count == 1 || is_signed)) {
            value.kind = Value::Kind::number;
            value.text = (is_signed && first.is_symbol('-') ? "-" : "") + last.text;
        } else if (last.kind == Kind::string && (count == 1 || is_time)) {
            value.kind = Value::Kind::text;
            value.text = last.text;
        } else if (count == 1 && first.is_word("null")) {
            value.kind = Value::Kind::null;
        } else if (count == 1 && first.is_word("default")) {
            value.kind = Value::Kind::use_default;
        } else if (count == 1 && (first.is_word("true") || first.is_word("false"))) {
            value.kind = Value::Kind::boolean;
            value.text = first.lower;
        }
    }
};

// Expressions beside anything that may be of another type.
bool is_mixed(const std::vector<std::vector<Value>>& rows, std::size_t column) {
    const Value* expression = nullptr;
    bool others = false;
    for (const auto& row : rows) {
        const auto& value = row[column];
        if (value.kind == Value::Kind::null || value.kind == Value::Kind::use_default) continue;
        if (value.kind != Value::Kind::expression)
            others = true;
        else if (expression == nullptr)
            expression = &value;
        else if (expression->written != value.written)
            others = true;
    }
    return expression != nullptr && others;
}

std::string as_text(const Value& value, const DataType& type) {
    const bool whole = type.kind == TypeKind::int32 || type.kind == TypeKind::int64;
    // 2.0 is a whole number, as it is where a number stands alone.
    const auto computed = [&](std::string_view expression) {
        auto text = "CAST((" + std::string(expression) + "\n) AS VARCHAR)";
        return whole ? "regexp_replace(" + text + ", '\\.0+$', '')" : text;
    };
    switch (value.kind) {
        case Value::Kind::null:
            return "NULL";
        case Value::Kind::use_default:
            return "default";
        case Value::Kind::text:
        case Value::Kind::boolean:
            return sql_literal(value.text);
        case Value::Kind::number:
            return whole ? computed(value.text) : sql_literal(value.text);
        case Value::Kind::expression:
            break;
    }
    return computed(value.written);
}

}  // namespace

std::optional<std::string> values_as_texts(std::string_view sql, const std::vector<DataType>& types) {
    const auto rows = Values(sql).rows(types.size());
    if (!rows) return std::nullopt;
    std::vector<bool> mixed(types.size());
    bool any = false;
    for (std::size_t i = 0; i < types.size(); ++i) {
        // Texts of bytes are written otherwise by the engine.
        mixed[i] = types[i].kind != TypeKind::binary && is_mixed(*rows, i);
        any = any || mixed[i];
    }
    if (!any) return std::nullopt;
    std::string out = "VALUES ";
    for (const auto& row : *rows) {
        out += out.back() == ')' ? ", (" : "(";
        for (std::size_t i = 0; i < row.size(); ++i)
            out +=
                (i == 0 ? "" : ", ") + (mixed[i] ? as_text(row[i], types[i]) : std::string(row[i].written));
        out += ")";
    }
    return out;
}

}  // namespace dl::master
