#include "master/execution/light_lanes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/duck/sql_token.h"
#include "common/types/schema.h"
#include "master/sql/kept_rows.h"

namespace dl::master {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

std::optional<LightStatement> light_statement(
    std::string_view sql, const std::function<bool(const std::string& name)>& names_table) {
    if (sql.size() > limits::work_here_bytes_max) return std::nullopt;
    bool first = true;
    bool looks = false;
    std::string before;  // the last word or symbol
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        if (token.kind == SqlToken::Kind::blank) continue;
        const bool is_name = token.kind == SqlToken::Kind::word || token.kind == SqlToken::Kind::quoted_name;
        const auto word = is_name ? fold_name(name_text(token)) : std::string(token.text);
        if (std::exchange(first, false) && word == "explain") return LightStatement{LightKind::look, true};
        if (word == "." && (before == "system" || before == "information_schema")) looks = true;
        if (is_name && (before == "from" || before == "join") && names_table(word)) return std::nullopt;
        before = word;
    }
    return LightStatement{looks ? LightKind::look : LightKind::free, false};
}

LightTime::LightTime(std::shared_ptr<QueryCancel> command, Clock::time_point deadline)
    : command_(std::move(command)),
      end_(std::min(deadline, Clock::now() + LightLanes::kTime)),
      cut_short_(end_ < deadline),
      follows_(command_->on_cancel([own = own_](ErrorCode why) { own->cancel(why); })) {}

bool LightTime::was_heavy(const Error& error) const {
    return cut_short_ && !command_->reason() &&
           (error.code == ErrorCode::timeout || own_->reason() == ErrorCode::timeout);
}

TableLookup LightTables::lookup() const {
    if (tells_) return all_;
    return [all = all_, refused = refused_](const std::string& name) {
        auto found = all(name);
        if (found.has_error()) return found;
        *refused = true;
        return decltype(found)(make_error(ErrorCode::overloaded, "a table is read on a query slot"));
    };
}

Result<std::optional<std::unique_ptr<QueryStream>>> all_rows_of(std::unique_ptr<QueryStream> rows) {
    using Few = std::optional<std::unique_ptr<QueryStream>>;
    auto all = std::make_unique<KeptRows>(rows->columns(), rows->offsets(), rows->behind());
    std::size_t bytes = 0;
    for (;;) {
        DL_TRY_ASSIGN(auto batch, rows->next());
        if (!batch) return Few(std::move(all));
        bytes += batch->body().size();
        if (bytes > LightLanes::kRowsBytesMax) return Few();
        all->add(std::move(*batch));
    }
}

}  // namespace dl::master
