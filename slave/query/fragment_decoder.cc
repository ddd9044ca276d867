#include <utility>

#include "common/base/byte_io.h"
#include "slave/query/fragment_codec.h"
#include "slave/query/fragment_form.h"
#include "slave/query/shared_view.h"

namespace dl::slave {
namespace {

constexpr auto kFarAway = std::chrono::hours(24 * 365);

Error corrupt() {
    return make_error(ErrorCode::corrupt_data, "what came of a query is cut short or does not fit");
}

class Decoder {
  public:
    explicit Decoder(std::string_view head) : in_(head) {}

    Result<FragmentQuery> decode(std::vector<UniqueFd> memory) {
        const auto joined_in = static_cast<JoinedIn>(in_.read<std::uint8_t>());
        std::size_t first = 0;
        if (joined_in == JoinedIn::head) {
            const auto bytes = in_.read_bytes(in_.read<std::uint64_t>());
            if (!in_.ok()) return corrupt();
            joined_ = SharedBytes::copy_of(bytes.data(), bytes.size());  // and aligned
        } else if (joined_in == JoinedIn::memory) {
            if (memory.empty()) return corrupt();
            DL_TRY_ASSIGN(joined_, map_sealed(std::move(memory[first++])));
        }
        for (; first < memory.size(); ++first) {
            DL_TRY_ASSIGN(auto mapped, map_sealed(std::move(memory[first])));
            own_.push_back(std::move(mapped));
        }
        FragmentQuery query;
        query.sql = in_.read_string();
        for (auto left = number(); left > 0 && in_.ok(); --left) {
            std::string name(in_.read_string());
            query.names.emplace(std::move(name), TableId{in_.read<std::uint64_t>()});
        }
        auto view = std::make_shared<QueryView>();
        for (auto left = number(); left > 0 && in_.ok(); --left) {
            const TableId id{in_.read<std::uint64_t>()};
            DL_TRY_ASSIGN(view->tables[id], table(id));
        }
        query.view = std::move(view);
        for (auto left = number(); left > 0 && in_.ok(); --left) {
            BroadcastTable broadcast;
            broadcast.name = in_.read_string();
            for (auto columns = number(); columns > 0 && in_.ok(); --columns) {
                std::string name(in_.read_string());
                broadcast.columns.push_back({std::move(name), type()});
            }
            for (auto batches = number(); batches > 0 && in_.ok(); --batches) {
                const auto rows = in_.read<std::uint32_t>();
                DL_TRY_ASSIGN(auto body, bytes());
                DL_TRY_ASSIGN(auto batch, ColumnBatch::decode(std::move(body), rows));
                broadcast.batches.push_back(std::move(batch));
            }
            query.broadcasts.push_back(std::move(broadcast));
        }
        if (!in_.at_end()) return corrupt();
        query.deadline = std::chrono::steady_clock::now() + kFarAway;
        query.cancel = std::make_shared<QueryCancel>();
        return query;
    }

  private:
    std::uint32_t number() { return in_.read<std::uint32_t>(); }
    DataType type() {
        DataType type;
        type.kind = static_cast<TypeKind>(in_.read<std::uint8_t>());
        type.precision = in_.read<std::uint8_t>();
        type.scale = in_.read<std::uint8_t>();
        return type;
    }

    Result<SharedBytes> bytes() {
        const auto place = static_cast<Place>(in_.read<std::uint8_t>());
        const auto* memory = &joined_;
        if (place != Place::joined) {
            const auto at = number();
            if (!in_.ok() || at >= own_.size()) return corrupt();
            memory = &own_[at];
        }
        if (place == Place::own) return *memory;
        const auto offset = in_.read<std::uint64_t>();
        const auto length = in_.read<std::uint64_t>();
        if (!in_.ok() || offset > memory->size() || length > memory->size() - offset) return corrupt();
        return memory->slice(offset, length);
    }

    Result<std::shared_ptr<const TableMeta>> schema(TableId id) {
        auto table = std::make_shared<TableMeta>();
        table->id = id;
        table->name = in_.read_string();
        table->index_hash_seed = in_.read<std::uint64_t>();
        table->schema.key_index = number();
        for (auto left = number(); left > 0 && in_.ok(); --left) {
            Field field;
            field.id = FieldId{in_.read<std::uint32_t>()};
            field.name = in_.read_string();
            field.type = type();
            if (in_.read<std::uint8_t>() != 0) field.default_text = in_.read_string();
            table->schema.fields.push_back(std::move(field));
        }
        if (!in_.ok() || table->schema.key_index >= table->schema.fields.size()) return corrupt();
        return std::shared_ptr<const TableMeta>(std::move(table));
    }

    Result<std::vector<SharedUnit>> units() {
        std::vector<SharedUnit> units;
        for (auto left = number(); left > 0 && in_.ok(); --left) {
            SharedUnit unit;
            unit.batch_rows = in_.read<std::uint32_t>();
            unit.base_offset = in_.read<Offset>();
            DL_TRY_ASSIGN(unit.body, bytes());
            if (in_.read<std::uint8_t>() == 0) {
                DL_TRY_ASSIGN(unit.live, bytes());
                if (unit.live->size() != (unit.batch_rows + std::uint64_t{63}) / 64 * 8) return corrupt();
            }
            units.push_back(std::move(unit));
        }
        if (!in_.ok()) return corrupt();
        return units;
    }

    Result<PinnedTable> table(TableId id) {
        PinnedTable pinned;
        DL_TRY_ASSIGN(pinned.table, schema(id));
        if (in_.read<std::uint8_t>() != 0) {
            DL_TRY_ASSIGN(auto found, units());
            pinned.keys.emplace();
            pinned.partitions[PartitionId{0}] = std::make_shared<SharedView>(std::move(found));
            return pinned;
        }
        for (auto left = number(); left > 0 && in_.ok(); --left) {
            const PartitionId partition{in_.read<std::uint32_t>()};
            SharedView::Cut cut;
            cut.end_offset = in_.read<Offset>();
            const bool counted = in_.read<std::uint8_t>() != 0;
            const auto rows = in_.read<std::uint64_t>();
            if (counted) cut.rows = rows;
            cut.tail_rows = in_.read<std::uint64_t>();
            DL_TRY_ASSIGN(cut.tail, units());
            for (auto files = number(); files > 0 && in_.ok(); --files) {
                DL_TRY_ASSIGN(auto one, file());
                cut.files.push_back(std::move(one));
            }
            pinned.partitions[partition] = std::make_shared<SharedView>(std::move(cut));
        }
        if (!in_.ok()) return corrupt();
        return pinned;
    }

    StoredColumn stored_column() {
        StoredColumn column;
        column.id = FieldId{in_.read<std::uint32_t>()};
        column.type = type();
        return column;
    }

    Result<ViewFile> file() {
        ViewFile file;
        file.path = in_.read_string();
        for (auto left = number(); left > 0 && in_.ok(); --left)
            file.fields.push_back(stored_column());
        file.rows = in_.read<std::uint64_t>();
        file.dead_rows = in_.read<std::uint64_t>();
        if (file.dead_rows == 0 || file.dead_rows == file.rows) return file;
        DL_TRY_ASSIGN(const auto dead, bytes());
        DL_TRY_ASSIGN(file.filter, shared_filter(file.rows, dead));
        return file;
    }

    ByteReader in_;
    SharedBytes joined_;
    std::vector<SharedBytes> own_;
};

}  // namespace

Result<FragmentQuery> decode_fragment(std::string_view head, std::vector<UniqueFd> memory) {
    return Decoder(head).decode(std::move(memory));
}

}  // namespace dl::slave
