// Inserts and deletes: the rows are typed and split already, they go to the slaves that lead their
// partitions.
#include <utility>

#include "common/base/failpoint.h"
#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext& context, AppendRows command) {
    DL_FAILPOINT("append.after-parse");
    RowsAppended appended;
    appended.rows = command.rows.batch->rows;
    appended.refused = command.rows.batch->refused;
    appended.had_batch_id = command.batch_id.has_value();
    if (appended.rows != 0) {
        appended.partitions =
            co_await services.appends.append(std::move(command.rows.table), std::move(command.rows.batch),
                                             std::move(command.batch_id), context.deadline);
        appended.whole = append_outcome(appended.partitions, appended.had_batch_id);
    }
    co_return reply_with(std::move(appended));
}

}  // namespace dl::master
