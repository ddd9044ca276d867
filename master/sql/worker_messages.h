// What the master and the processes that plan and finish its SELECTs (query_worker.h) tell each other, beside
// rows: JSON of the form that nodes use (common/rpc/messages/message_codec.h), with bytes attached. Both
// sides are the same program, so it has no version. What a process sends is checked as if it came from
// outside.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/shared_bytes.h"
#include "common/rpc/messages/message_codec.h"
#include "common/rpc/messages/query_messages.h"

namespace dl::master {

// Of what the master sends: it is trusted.
inline constexpr auto kTrustedSize = rpc::at_most(std::numeric_limits<std::size_t>::max());
inline constexpr std::size_t kWorkerPinsMax = 4096;

struct PartitionOffset {
    std::uint32_t partition = 0;
    Offset offset = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partition", m.partition);
        v("offset", m.offset);
    }
};

struct TableTold {
    std::vector<std::string> nodes;
    std::vector<std::uint32_t> leaders;  // by partition: position in `nodes`; beyond them: there is none
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("nodes", m.nodes);
        v("leaders", m.leaders);
    }
};
struct NodePin {
    std::string node;
    std::vector<rpc::PinTable> tables;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("node", m.node);
        v("tables", m.tables, rpc::at_most(rpc::kQueryTablesMax));
    }
};
struct WholeAsked {
    NodePin pin;
    std::vector<rpc::NamedTable> names;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("pin", m.pin);
        v("names", m.names, rpc::at_most(rpc::kQueryTablesMax));
    }
};
// A table that a statement is likely to ask for, told before it does.
struct ForeseenTable {
    std::string json;
    TableTold told;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("json", m.json, kTrustedSize);
        v("told", m.told);
    }
};

// A statement; its text is attached.
struct StatementTask {
    enum Work : std::uint32_t { run, awaited, describe };
    struct Parameter {
        std::uint32_t kind = 0;  // of SqlLiteral
        std::string text;
        template <class Self, class Visitor>
        static void fields(Self& m, Visitor& v) {
            v("kind", m.kind);
            v("text", m.text, kTrustedSize);
        }
    };
    std::uint32_t work = run;
    std::int64_t timeout_ms = 0;
    std::vector<PartitionOffset> min_offsets;
    std::optional<std::vector<PartitionOffset>> as_of;
    std::vector<Parameter> parameters;
    std::vector<ForeseenTable> tables;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("work", m.work);
        v("timeout_ms", m.timeout_ms);
        v.maybe("min_offsets", m.min_offsets);
        v.maybe("as_of", m.as_of);
        v.maybe("parameters", m.parameters, kTrustedSize);
        v.maybe("tables", m.tables);
    }
};

// What comes before the rows of a statement that was run.
struct ResultHead {
    std::vector<rpc::NamedType> columns;
    std::optional<WholeAsked>
        whole;  // one slave runs it, the SQL attached: the master sends it and has its rows
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("columns", m.columns, rpc::at_most(rpc::QueryHead::kResultColumnsMax));
        v.maybe("whole", m.whole);
    }
};

// Whose offsets the statement waits for; "": nobody's.
struct AwaitedHead {
    std::string table;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("table", m.table, rpc::at_most(limits::name_bytes_max));
    }
};

struct ShapeHead {
    struct Column {
        std::string name;
        std::optional<DataType> type;
        std::string table = {};  // whose column it is; empty: of none that is known
        FieldId field = {};
        template <class Self, class Visitor>
        static void fields(Self& m, Visitor& v) {
            v("name", m.name, rpc::at_most(limits::sql_bytes_max));
            v.maybe("type", m.type);
            v("table", m.table, rpc::at_most(limits::name_bytes_max));
            v("field", m.field);
        }
    };
    struct Parameter {
        std::optional<DataType> type;
        template <class Self, class Visitor>
        static void fields(Self& m, Visitor& v) {
            v.maybe("type", m.type);
        }
    };
    std::vector<Column> columns;
    std::vector<Parameter> parameters;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("columns", m.columns, rpc::at_most(rpc::QueryHead::kResultColumnsMax));
        v("parameters", m.parameters, rpc::at_most(1u << 16));
    }
};

// What a process asks of its master.
enum class WorkerCall : std::uint8_t {
    table = 1,  // TableAsked -> TableTold, table.json attached
    leader,     // LeaderAsked -> LeaderTold
    system,     // SystemAsked -> SystemTold, rows attached
    pin,        // PinAsked -> PinTold
    broadcast,  // rpc::BroadcastHeader, bodies of its batches attached -> Numbered
    open,       // OpenAsked, SQL attached -> StreamTold
    next,       // Numbered, a stream -> nothing, or u32 rows and the body of a batch attached
    close,      // Numbered, a stream; not answered
    whole,      // WholeAsked, SQL attached -> StreamTold
};

struct TableAsked {
    std::string name;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("name", m.name, rpc::at_most(limits::sql_bytes_max));
    }
};
struct LeaderAsked {
    std::string table;
    PartitionId partition;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("table", m.table, rpc::at_most(limits::name_bytes_max));
        v("partition", m.partition);
    }
};
struct LeaderTold {
    std::string node;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("node", m.node);
    }
};
struct SystemAsked {
    std::string schema, table;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("schema", m.schema, rpc::at_most(limits::sql_bytes_max));
        v("table", m.table, rpc::at_most(limits::sql_bytes_max));
    }
};
struct SystemTold {
    struct Column {
        std::string name, type;
        template <class Self, class Visitor>
        static void fields(Self& m, Visitor& v) {
            v("name", m.name);
            v("type", m.type);
        }
    };
    std::vector<Column> columns;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("columns", m.columns);
    }
};
struct PinAsked {
    std::vector<NodePin> pins;
    std::int64_t lease_ms = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("pins", m.pins, rpc::at_most(kWorkerPinsMax));
        v("lease_ms", m.lease_ms, rpc::from_to(1, rpc::kQueryTimeMsMax));
    }
};
struct PinTold {
    struct One {
        rpc::Cut cut;
        template <class Self, class Visitor>
        static void fields(Self& m, Visitor& v) {
            v("cut", m.cut, rpc::at_most(rpc::kQueryTablesMax));
        }
    };
    std::uint32_t first = 0;  // number of the first; the others follow
    std::vector<One> cuts;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("first", m.first);
        v("cuts", m.cuts, rpc::at_most(kWorkerPinsMax));
    }
};
struct Numbered {
    std::uint32_t number = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("number", m.number);
    }
};
struct OpenAsked {
    std::uint32_t pinned = 0;
    std::vector<rpc::NamedTable> names;
    std::vector<std::uint32_t> broadcasts;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("pinned", m.pinned);
        v("names", m.names, rpc::at_most(rpc::kQueryTablesMax));
        v("broadcasts", m.broadcasts, rpc::at_most(limits::broadcast_tables_max));
    }
};
struct StreamTold {
    std::uint32_t stream = 0;
    std::vector<rpc::NamedType> columns;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("stream", m.stream);
        v("columns", m.columns, rpc::at_most(rpc::QueryHead::kResultColumnsMax));
    }
};

// u32 length | JSON | attachment: the form of a statement and of each head, call and answer.
struct Envelope {
    std::string_view json;
    SharedBytes attached;
};
std::string sealed_json(const std::string& json);  // length and JSON
Result<Envelope> open_envelope(const SharedBytes& bytes);
// CORRUPT_DATA for what is no such message.
template <class M>
Result<M> read_worker_message(std::string_view json) {
    auto message = rpc::decode_message<M>(json);
    if (!message) return make_error(ErrorCode::corrupt_data, message.error().message);
    return message;
}
std::string encode_error(const Error& error);
Error decode_error(std::string_view bytes);

}  // namespace dl::master
