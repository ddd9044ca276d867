// What a slave answers to a schema that it is told.
#pragma once

#include <optional>

#include "common/rpc/messages/table_messages.h"

namespace dl::rpc {

// The reply to update_table. `newer`: the table as it is here, when the schema here is newer than the one
// sent: the sender's catalog has forgotten it.
struct UpdatedTable {
    static constexpr Method kMethod = Method::update_table;
    std::optional<TableMeta> newer;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v.maybe("newer", m.newer);
    }
};

}  // namespace dl::rpc
