#include "master/sql/whole_plans.h"

#include <algorithm>
#include <utility>

#include "common/base/byte_io.h"
#include "master/sql/constants_of_text.h"

namespace dl::master {
namespace {

// Whatever the constants are: no key says which rows or partitions it wants.
bool reads_whole_tables(const WholePlan& plan) {
    return plan.pin.tables.size() == plan.names.size() &&
           std::ranges::all_of(plan.pin.tables, [](const auto& table) {
               return table.asked.keys.empty() &&
                      table.asked.partitions.size() == table.meta->partition_count;
           });
}

}  // namespace

std::optional<std::string> WholePlans::key_of(std::string_view sql, const QueryOptions& options) {
    if (sql.size() > kTextBytesMax || !options.cut.min_offsets.empty() || options.cut.as_of)
        return std::nullopt;
    std::string key;
    append_string(key, sql);
    for (const auto& value : options.params) {
        append_le(key, static_cast<std::uint32_t>(value.kind));
        append_string(key, value.text);
    }
    return key;
}

bool WholePlans::is_current(const Kept& kept, const TableLookup& lookup, const FragmentRunner& runner,
                            Clock::time_point now) {
    if (now >= kept.until) return false;
    const auto& plan = kept.plan;
    const bool same_tables = std::ranges::all_of(plan.tables, [&](const auto& table) {
        const auto found = lookup(table.first);
        return found && *found == table.second;
    });
    if (!same_tables) return false;
    for (const auto& table : plan.pin.tables) {
        for (const auto& part : table.asked.partitions) {
            const auto leader = runner.leader_of(*table.meta, part.partition);
            if (!leader || *leader != plan.pin.node) return false;
        }
    }
    return true;
}

std::shared_ptr<const WholePlan> WholePlans::find(std::string_view sql, const QueryOptions& options,
                                                  const TableLookup& lookup, const FragmentRunner& runner,
                                                  Clock::time_point now) {
    const auto key = key_of(sql, options);
    if (!key) return nullptr;
    if (auto kept = plans_.find(*key); kept != nullptr && is_current(*kept, lookup, runner, now))
        return std::shared_ptr<const WholePlan>(kept, &kept->plan);
    if (!options.params.empty()) return nullptr;
    const auto written = without_end(sql);
    const auto kept = alike_.find(without_constants(written));
    if (kept == nullptr || !is_current(*kept, lookup, runner, now)) return nullptr;
    auto plan = std::make_shared<WholePlan>(kept->plan);
    plan->sql = written;
    return plan;
}

void WholePlans::keep(std::string_view sql, const QueryOptions& options, WholePlan plan,
                      Clock::time_point now) {
    const auto key = key_of(sql, options);
    if (!key) return;
    const auto kept = std::make_shared<const Kept>(Kept{std::move(plan), now + kKept});
    plans_.keep(*key, kept);
    const auto written = without_end(sql);
    if (!options.params.empty() || !reads_whole_tables(kept->plan) || kept->plan.sql != written) return;
    if (auto alike = without_constants(written); !alike.empty()) alike_.keep(alike, kept);
}

}  // namespace dl::master
