// Keys of a load that would stand for several rows (loader.h).
#include "common/base/scan_integer.h"
#include "common/types/value_text.h"
#include "data-lake-client/cli/load/loader.h"

namespace datalake::cli {

Result<void> Loader::check_numbers(Client& client) {
    if (!row_number_ || options_.row_number_from) return {};
    const auto quoted = [](const std::string& name) {
        std::string out = "\"";
        for (const char c : name)
            out += c == '"' ? "\"\"" : std::string(1, c);
        return out + "\"";
    };
    auto rows = client.query("select max(" + quoted(key_) + ") as last from " + quoted(options_.table));
    if (!rows.ok()) return rows.error();
    auto more = rows->next();
    if (!more.ok()) return more.error();
    if (!*more || rows->is_null(0)) return {};
    const auto last = rows->text(0);
    while (more.ok() && *more)
        more = rows->next();
    std::int64_t number = 0;
    const bool is_number = dl::scan_int64(last, number);
    if (is_number && number < 1) return {};
    return Error(
        ErrorCode::invalid_argument,
        "table " + options_.table + " has rows already, with keys up to " + dl::quoted_value(last) +
            ": the row number begins at 1 and would replace those of the same number; " +
            (is_number ? "--row-number-from " + std::to_string(number + 1) + " goes on behind them, " : "") +
            "--row-number-from 1 replaces");
}

void Loader::note_repeated_keys(std::size_t connections, LoadResult& result) const {
    const auto rows = repeated_keys_.rows();
    if (rows == 0 || deletes_) return;  // with deletes they are changes of one row after the other
    result.notes.push_back(
        std::string(repeated_keys_.complete() ? "" : "at least ") + std::to_string(rows) +
        (rows == 1 ? " row has a key" : " rows have a key") + " that a row before has, too; " +
        (connections == 1 ? "the last row of each key is the one that stays" : "one row of each key stays"));
}

}  // namespace datalake::cli
