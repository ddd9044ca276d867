#include "tests/support/duck_reference.h"

#include <duckdb.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace dl::test {

namespace {

std::string base64(const void* data, std::size_t size) {
    static const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto* bytes = static_cast<const unsigned char*>(data);
    std::string text;
    for (std::size_t i = 0; i < size; i += 3) {
        const std::size_t left = size - i;
        const unsigned bits =
            bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        text += digits[bits >> 18 & 63];
        text += digits[bits >> 12 & 63];
        text += left > 1 ? digits[bits >> 6 & 63] : '=';
        text += left > 2 ? digits[bits & 63] : '=';
    }
    return text;
}

// Zeros at the end of a fraction of a second are written by some and left out by others.
std::string without_zeros(std::string moment) {
    const auto point = moment.find('.');
    if (point == std::string::npos || moment.find(':') == std::string::npos) return moment;
    while (moment.back() == '0')
        moment.pop_back();
    if (moment.back() == '.') moment.pop_back();
    return moment;
}

std::string value_text(duckdb_result* result, idx_t column, idx_t row) {
    if (duckdb_column_type(result, column) == DUCKDB_TYPE_BLOB) {
        const auto blob = duckdb_value_blob(result, column, row);
        auto text = base64(blob.data, blob.size);
        duckdb_free(blob.data);
        return text;
    }
    const auto value = duckdb_value_string(result, column, row);
    std::string text(value.data, value.size);
    duckdb_free(value.data);
    return text;
}

// Of columns with one name the second is name_1, as our replies have it.
std::string distinct_name(const std::vector<std::string>& taken, const std::string& name) {
    const auto is_taken = [&](const std::string& word) {
        return std::find(taken.begin(), taken.end(), word) != taken.end();
    };
    std::string distinct = name;
    for (int n = 1; is_taken(distinct); ++n)
        distinct = name + "_" + std::to_string(n);
    return distinct;
}

// Takes one row apart, keeping names that occur twice and the digits of numbers.
class RowReader : public nlohmann::json_sax<nlohmann::json> {
  public:
    std::vector<std::string> names;
    std::vector<std::optional<std::string>> values;

    bool null() override { return add(std::nullopt); }
    bool boolean(bool value) override { return add(value ? "true" : "false"); }
    bool number_integer(number_integer_t value) override { return add(std::to_string(value)); }
    bool number_unsigned(number_unsigned_t value) override { return add(std::to_string(value)); }
    bool number_float(number_float_t, const string_t& text) override { return add(text); }
    bool string(string_t& value) override { return add(value); }
    bool binary(binary_t&) override { return false; }
    bool start_object(std::size_t) override { return ++depth_ == 1; }
    bool key(string_t& name) override {
        names.push_back(name);
        return true;
    }
    bool end_object() override { return true; }
    bool start_array(std::size_t) override { return false; }
    bool end_array() override { return false; }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
        return false;
    }

  private:
    bool add(std::optional<std::string> value) {
        values.push_back(std::move(value));
        return true;
    }
    int depth_ = 0;
};

bool same_number(const std::string& a, const std::string& b) {
    const double x = std::strtod(a.c_str(), nullptr), y = std::strtod(b.c_str(), nullptr);
    if (std::isnan(x) || std::isnan(y)) return std::isnan(x) && std::isnan(y);
    if (x == y) return true;
    return std::abs(x - y) <= 1e-9 * std::max(std::abs(x), std::abs(y));
}

std::string shown(const std::vector<std::optional<std::string>>& row) {
    std::string text;
    for (const auto& value : row)
        text += (text.empty() ? "" : " | ") + value.value_or("NULL").substr(0, 80);
    return "(" + text + ")";
}

}  // namespace

struct DuckReference::State {
    duckdb_database database = nullptr;
    duckdb_connection connection = nullptr;
};

DuckReference::DuckReference() : state_(std::make_unique<State>()) {
    if (duckdb_open(nullptr, &state_->database) != DuckDBSuccess ||
        duckdb_connect(state_->database, &state_->connection) != DuckDBSuccess) {
        throw std::runtime_error("DuckDB does not start");
    }
    execute("SET TimeZone = 'UTC'");
}

DuckReference::~DuckReference() {
    duckdb_disconnect(&state_->connection);
    duckdb_close(&state_->database);
}

void DuckReference::execute(const std::string& sql) {
    const auto done = query(sql);
    if (!done.error.empty()) throw std::runtime_error(sql.substr(0, 200) + ": " + done.error);
}

Answer DuckReference::query(const std::string& sql) {
    Answer answer;
    duckdb_result result;
    if (duckdb_query(state_->connection, sql.c_str(), &result) != DuckDBSuccess) {
        const char* message = duckdb_result_error(&result);
        answer.error = message == nullptr ? "failed" : message;
        duckdb_destroy_result(&result);
        return answer;
    }
    const idx_t columns = duckdb_column_count(&result);
    for (idx_t c = 0; c < columns; ++c) {
        answer.names.push_back(distinct_name(answer.names, duckdb_column_name(&result, c)));
        const auto type = duckdb_column_type(&result, c);
        answer.floating.push_back(type == DUCKDB_TYPE_DOUBLE || type == DUCKDB_TYPE_FLOAT);
    }
    for (idx_t r = 0; r < duckdb_row_count(&result); ++r) {
        auto& row = answer.rows.emplace_back();
        for (idx_t c = 0; c < columns; ++c) {
            if (duckdb_value_is_null(&result, c, r)) {
                row.emplace_back();
            } else {
                row.push_back(without_zeros(value_text(&result, c, r)));
            }
        }
    }
    duckdb_destroy_result(&result);
    return answer;
}

Answer answer_of_frames(const std::vector<std::string>& frames) {
    Answer answer;
    for (const auto& frame : frames) {
        RowReader reader;
        if (!nlohmann::json::sax_parse(frame, &reader)) throw std::runtime_error("no row: " + frame);
        for (auto& value : reader.values) {
            if (value) value = without_zeros(*value);
        }
        answer.names = std::move(reader.names);
        answer.rows.push_back(std::move(reader.values));
    }
    return answer;
}

std::string difference(const Answer& expected, const Answer& got, bool ordered) {
    if (expected.rows.size() != got.rows.size()) {
        return std::to_string(got.rows.size()) + " rows instead of " + std::to_string(expected.rows.size());
    }
    if (expected.rows.empty()) return {};
    if (expected.names != got.names) {
        std::string names;
        for (const auto& name : got.names)
            names += " " + name;
        return "names" + names;
    }
    auto want = expected.rows, have = got.rows;
    if (!ordered) {
        // By the columns that compare exactly first, so that rounding cannot change the order.
        const auto before = [&](const auto& a, const auto& b) {
            for (const bool floating : {false, true}) {
                for (std::size_t c = 0; c < a.size(); ++c) {
                    if (expected.floating[c] != floating || a[c] == b[c]) continue;
                    if (!floating || !a[c] || !b[c]) return a[c] < b[c];
                    if (same_number(*a[c], *b[c])) continue;
                    return std::strtod(a[c]->c_str(), nullptr) < std::strtod(b[c]->c_str(), nullptr);
                }
            }
            return false;
        };
        std::stable_sort(want.begin(), want.end(), before);
        std::stable_sort(have.begin(), have.end(), before);
    }
    for (std::size_t r = 0; r < want.size(); ++r) {
        bool same = want[r].size() == have[r].size();
        for (std::size_t c = 0; same && c < want[r].size(); ++c) {
            const auto &a = want[r][c], &b = have[r][c];
            same = a == b || (a && b && expected.floating[c] && same_number(*a, *b));
        }
        if (!same)
            return "row " + std::to_string(r) + ": " + shown(have[r]) + " instead of " + shown(want[r]);
    }
    return {};
}

}  // namespace dl::test
