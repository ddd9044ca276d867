#include "slave/query/fragment_codec.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "common/base/byte_io.h"
#include "slave/query/found_rows.h"
#include "slave/query/shared_view.h"
#include "slave/snapshot/delete_vector.h"

namespace dl::slave {
namespace {

// Batches from here on are sealed once and not copied for each statement.
constexpr std::size_t kSealedBytesMin = 64u << 10;
constexpr auto kFarAway = std::chrono::hours(24 * 365);

enum class Place : std::uint8_t { joined, own };  // in the memory all small parts share, or in one of its own

bool may_count(std::string_view sql) {
    constexpr std::string_view kCount = "count";
    return std::search(sql.begin(), sql.end(), kCount.begin(), kCount.end(),
                       [](char a, char b) { return (a | 0x20) == b; }) != sql.end();
}

// The rows of a file that are dead, a bit each.
std::vector<std::uint64_t> dead_bits(const RowFilter& filter, std::uint64_t rows) {
    std::vector<std::uint64_t> words((rows + 63) / 64);
    if (const auto* dead = dynamic_cast<const DeleteVector*>(&filter)) {
        for (const auto row : dead->rows_since(DeleteVector(dead->rows())))
            words[row / 64] |= std::uint64_t{1} << (row % 64);
        return words;
    }
    constexpr std::size_t kAtOnce = 2048;
    std::array<std::int64_t, kAtOnce> numbers;
    std::array<bool, kAtOnce> keep;
    for (std::uint64_t first = 0; first < rows; first += kAtOnce) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kAtOnce, rows - first));
        std::iota(numbers.begin(), numbers.end(), static_cast<std::int64_t>(first));
        filter.filter(numbers.data(), count, keep.data());
        for (std::size_t i = 0; i < count; ++i)
            if (!keep[i]) words[(first + i) / 64] |= std::uint64_t{1} << ((first + i) % 64);
    }
    return words;
}

std::string_view bytes_of(std::span<const std::uint64_t> words) {
    return {reinterpret_cast<const char*>(words.data()), words.size_bytes()};
}

class Encoder {
  public:
    explicit Encoder(SealedCache& cache) : cache_(cache) {}

    Result<EncodedFragment> encode(const FragmentQuery& query) {
        const bool counts = query.view->tables.size() == 1 && may_count(query.sql);
        append_string(head_, query.sql);
        number(query.names.size());
        for (const auto& [name, id] : query.names) {
            append_string(head_, name);
            append_le(head_, id.value);
        }
        std::set<TableId> named;
        for (const auto& [name, id] : query.names)
            if (query.view->tables.contains(id)) named.insert(id);
        number(named.size());
        for (const auto id : named) {
            append_le(head_, id.value);
            DL_TRY(table(query.view->tables.at(id), counts));
        }
        number(query.broadcasts.size());
        for (const auto& broadcast : query.broadcasts) {
            append_string(head_, broadcast.name);
            number(broadcast.columns.size());
            for (const auto& column : broadcast.columns) {
                append_string(head_, column.name);
                type(column.type);
            }
            number(broadcast.batches.size());
            for (const auto& batch : broadcast.batches) {
                append_le(head_, batch.rows());
                joined(batch.body().view());
            }
        }
        EncodedFragment encoded;
        if (!joined_.empty()) {
            const std::string_view part = joined_;
            DL_TRY_ASSIGN(auto memory, SealedMemory::copy_of({&part, 1}));
            encoded.memory.push_back(std::move(memory));
        }
        encoded.memory.insert(encoded.memory.end(), own_.begin(), own_.end());
        append_le(encoded.head, static_cast<std::uint8_t>(joined_.empty() ? 0 : 1));
        encoded.head += head_;
        return encoded;
    }

  private:
    void number(std::size_t value) { append_le(head_, static_cast<std::uint32_t>(value)); }
    void type(DataType type) {
        append_le(head_, static_cast<std::uint8_t>(type.kind));
        append_le(head_, type.precision);
        append_le(head_, type.scale);
    }

    void joined(std::string_view bytes) {
        joined_.resize((joined_.size() + 7) / 8 * 8);
        append_le(head_, static_cast<std::uint8_t>(Place::joined));
        append_le(head_, static_cast<std::uint64_t>(joined_.size()));
        append_le(head_, static_cast<std::uint64_t>(bytes.size()));
        joined_.append(bytes);
    }

    Result<void> own(const void* of, std::shared_ptr<const void> owner,
                     const std::function<Result<SealedCache::Memory>()>& make) {
        DL_TRY_ASSIGN(auto memory, cache_.get(of, std::move(owner), make));
        append_le(head_, static_cast<std::uint8_t>(Place::own));
        number(own_.size());
        own_.push_back(std::move(memory));
        return {};
    }

    void schema(const TableMeta& table) {
        append_string(head_, table.name);
        append_le(head_, table.index_hash_seed);
        number(table.schema.key_index);
        number(table.schema.fields.size());
        for (const auto& field : table.schema.fields) {
            append_le(head_, field.id.value);
            append_string(head_, field.name);
            type(field.type);
            append_le(head_, static_cast<std::uint8_t>(field.default_text ? 1 : 0));
            if (field.default_text) append_string(head_, *field.default_text);
        }
    }

    Result<void> unit(const ScanUnit& unit) {
        append_le(head_, unit.batch.rows());
        append_le(head_, unit.base_offset);
        const auto& body = unit.batch.body();
        if (body.size() < kSealedBytesMin) {
            joined(body.view());
        } else {
            DL_TRY(own(body.data(), std::make_shared<const SharedBytes>(body), [&body] {
                const auto part = body.view();
                return SealedMemory::copy_of({&part, 1});
            }));
        }
        append_le(head_, static_cast<std::uint8_t>(unit.all_rows ? 1 : 0));
        if (unit.all_rows) return {};
        std::vector<std::uint64_t> bits((unit.batch.rows() + 63) / 64);
        for (const auto row : unit.rows)
            bits[row / 64] |= std::uint64_t{1} << (row % 64);
        joined(bytes_of(bits));
        return {};
    }

    Result<void> units(std::span<const ScanUnit> all) {
        number(all.size());
        for (const auto& one : all)
            DL_TRY(unit(one));
        return {};
    }

    Result<void> table(const PinnedTable& pinned, bool counts) {
        schema(*pinned.table);
        std::optional<std::vector<ScanUnit>> found;
        if (pinned.keys) {
            DL_TRY_ASSIGN(found, find_rows(pinned, *pinned.keys, pinned.table->schema.fields));
        }
        append_le(head_, static_cast<std::uint8_t>(found ? 1 : 0));
        if (found) return units(*found);
        number(pinned.partitions.size());
        for (const auto& [id, view] : pinned.partitions) {
            append_le(head_, id.value);
            DL_TRY(partition(*view, counts && !pinned.keys));
        }
        return {};
    }

    Result<void> partition(const ReadView& view, bool counts) {
        append_le(head_, view.end_offset());
        const auto rows = counts ? view.count_rows() : std::nullopt;
        append_le(head_, static_cast<std::uint8_t>(rows ? 1 : 0));
        append_le(head_, rows.value_or(0));
        append_le(head_, view.tail_rows());
        std::vector<ScanUnit> tail;
        if (view.tail_rows() != 0) {
            const auto source = view.tail({});
            for (;;) {
                DL_TRY_ASSIGN(auto next, source->next());
                if (!next) break;
                tail.push_back(std::move(*next));
            }
        }
        DL_TRY(units(tail));
        number(view.files().size());
        for (const auto& file : view.files()) {
            append_string(head_, file.path);
            number(file.fields.size());
            for (const auto field : file.fields)
                append_le(head_, field.value);
            append_le(head_, file.rows);
            append_le(head_, file.dead_rows);
            if (file.dead_rows == 0) continue;
            if (file.dead_rows == file.rows) continue;  // nothing of it is read
            DL_TRY(own(file.filter.get(), file.filter, [&file] {
                const auto words = dead_bits(*file.filter, file.rows);
                const auto part = bytes_of(words);
                return SealedMemory::copy_of({&part, 1});
            }));
        }
        return {};
    }

    SealedCache& cache_;
    std::string head_;
    std::string joined_;
    std::vector<std::shared_ptr<const SealedMemory>> own_;
};

Error corrupt() {
    return make_error(ErrorCode::corrupt_data, "what came of a query is cut short or does not fit");
}

class Decoder {
  public:
    explicit Decoder(std::string_view head) : in_(head) {}

    Result<FragmentQuery> decode(std::vector<UniqueFd> memory) {
        const bool has_joined = in_.read<std::uint8_t>() != 0;
        std::size_t first = 0;
        if (has_joined) {
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
        if (static_cast<Place>(in_.read<std::uint8_t>()) == Place::own) {
            const auto at = number();
            if (!in_.ok() || at >= own_.size()) return corrupt();
            return own_[at];
        }
        const auto offset = in_.read<std::uint64_t>();
        const auto length = in_.read<std::uint64_t>();
        if (!in_.ok() || offset > joined_.size() || length > joined_.size() - offset) return corrupt();
        return joined_.slice(offset, length);
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

    Result<ViewFile> file() {
        ViewFile file;
        file.path = in_.read_string();
        for (auto left = number(); left > 0 && in_.ok(); --left)
            file.fields.push_back(FieldId{in_.read<std::uint32_t>()});
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

Result<EncodedFragment> encode_fragment(const FragmentQuery& query, SealedCache& cache) {
    return Encoder(cache).encode(query);
}

Result<FragmentQuery> decode_fragment(std::string_view head, std::vector<UniqueFd> memory) {
    return Decoder(head).decode(std::move(memory));
}

}  // namespace dl::slave
