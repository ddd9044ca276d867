#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "common/base/byte_io.h"
#include "slave/query/found_rows.h"
#include "slave/query/fragment_codec.h"
#include "slave/query/fragment_form.h"
#include "slave/snapshot/delete_vector.h"

namespace dl::slave {
namespace {

// From here on bytes of a tail are sealed once and not copied for each statement: a batch by itself, or small
// ones that follow one another together; those that have come to the larger size once more, so that a long
// tail takes few descriptors.
constexpr std::size_t kSealedBytesMin = 64u << 10;
constexpr std::size_t kSealedTogetherBytes = 1u << 20;
// So much goes along in the head: less than making and mapping a memory costs.
constexpr std::size_t kInHeadBytesMax = 64u << 10;

std::size_t aligned(std::size_t bytes) {
    return (bytes + 7) / 8 * 8;
}

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
        const auto joined_in = joined_.empty()                     ? JoinedIn::nothing
                               : joined_.size() <= kInHeadBytesMax ? JoinedIn::head
                                                                   : JoinedIn::memory;
        append_le(encoded.head, static_cast<std::uint8_t>(joined_in));
        if (joined_in == JoinedIn::head) {
            append_le(encoded.head, static_cast<std::uint64_t>(joined_.size()));
            encoded.head += joined_;
        }
        if (joined_in == JoinedIn::memory) {
            const std::string_view part = joined_;
            DL_TRY_ASSIGN(auto memory, SealedMemory::copy_of({&part, 1}));
            encoded.memory.push_back(std::move(memory));
        }
        encoded.memory.insert(encoded.memory.end(), own_.begin(), own_.end());
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
        joined_.resize(aligned(joined_.size()));
        append_le(head_, static_cast<std::uint8_t>(Place::joined));
        append_le(head_, static_cast<std::uint64_t>(joined_.size()));
        append_le(head_, static_cast<std::uint64_t>(bytes.size()));
        joined_.append(bytes);
    }

    // Which of the memories has it.
    Result<std::uint32_t> sealed(SealedCache::Key of, std::shared_ptr<const void> owner,
                                 const std::function<Result<SealedCache::Memory>()>& make) {
        DL_TRY_ASSIGN(auto memory, cache_.get(std::move(of), std::move(owner), make));
        own_.push_back(std::move(memory));
        return static_cast<std::uint32_t>(own_.size() - 1);
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

    static bool is_small(const ScanUnit& unit) { return unit.batch.body().size() < kSealedBytesMin; }

    // Units at the front that lie in one memory, or go with the other small parts.
    struct Run {
        std::size_t units;
        bool sealed;
    };
    // The same for as long as they stay the first of theirs, whatever is appended, up to a larger one.
    static Run next_run(std::span<const ScanUnit> units) {
        if (!is_small(units.front())) return {1, true};
        std::size_t bytes = 0, count = 0, enough = 0;
        while (count < units.size() && is_small(units[count])) {
            bytes += aligned(units[count++].batch.body().size());
            if (bytes >= kSealedTogetherBytes) return {count, true};
            if (bytes >= kSealedBytesMin && enough == 0) enough = count;
        }
        return enough > 0 ? Run{enough, true} : Run{count, false};
    }

    Result<std::uint32_t> seal(std::span<const ScanUnit> units) {
        SealedCache::Key of;
        auto bodies = std::make_shared<std::vector<SharedBytes>>();
        for (const auto& unit : units) {
            of.push_back(unit.batch.body().data());
            bodies->push_back(unit.batch.body());
        }
        return sealed(std::move(of), bodies, [&bodies] {
            constexpr std::string_view kBlanks("\0\0\0\0\0\0\0", 7);
            std::vector<std::string_view> parts;
            for (const auto& body : *bodies) {
                parts.push_back(body.view());
                parts.push_back(kBlanks.substr(0, aligned(body.size()) - body.size()));
            }
            return SealedMemory::copy_of(parts);
        });
    }

    void live_rows(const ScanUnit& unit) {
        append_le(head_, static_cast<std::uint8_t>(unit.all_rows ? 1 : 0));
        if (unit.all_rows) return;
        std::vector<std::uint64_t> bits((unit.batch.rows() + 63) / 64);
        for (const auto row : unit.rows)
            bits[row / 64] |= std::uint64_t{1} << (row % 64);
        joined(bytes_of(bits));
    }

    Result<void> units(std::span<const ScanUnit> all) {
        number(all.size());
        while (!all.empty()) {
            const auto run = next_run(all);
            std::optional<std::uint32_t> memory;
            if (run.sealed) {
                DL_TRY_ASSIGN(memory, seal(all.first(run.units)));
            }
            std::size_t offset = 0;
            for (const auto& unit : all.first(run.units)) {
                const auto& body = unit.batch.body();
                append_le(head_, unit.batch.rows());
                append_le(head_, unit.base_offset);
                if (memory) {
                    append_le(head_, static_cast<std::uint8_t>(Place::within));
                    append_le(head_, *memory);
                    append_le(head_, static_cast<std::uint64_t>(offset));
                    append_le(head_, static_cast<std::uint64_t>(body.size()));
                    offset += aligned(body.size());
                } else {
                    joined(body.view());
                }
                live_rows(unit);
            }
            all = all.subspan(run.units);
        }
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
            for (const auto& field : file.fields) {
                append_le(head_, field.id.value);
                type(field.type);
            }
            append_le(head_, file.rows);
            append_le(head_, file.dead_rows);
            if (file.dead_rows == 0) continue;
            if (file.dead_rows == file.rows) continue;  // nothing of it is read
            DL_TRY_ASSIGN(const auto memory, sealed({file.filter.get()}, file.filter, [&file] {
                              const auto words = dead_bits(*file.filter, file.rows);
                              const auto part = bytes_of(words);
                              return SealedMemory::copy_of({&part, 1});
                          }));
            append_le(head_, static_cast<std::uint8_t>(Place::own));
            append_le(head_, memory);
        }
        return {};
    }

    SealedCache& cache_;
    std::string head_;
    std::string joined_;
    std::vector<std::shared_ptr<const SealedMemory>> own_;
};

}  // namespace

Result<EncodedFragment> encode_fragment(const FragmentQuery& query, SealedCache& cache) {
    return Encoder(cache).encode(query);
}

}  // namespace dl::slave
