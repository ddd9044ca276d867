#include "common/record/batch_concat.h"

#include "common/base/check.h"

namespace dl {
namespace {

constexpr std::size_t kDirectoryEntryBytes = 32;

void pad8(std::string& out) {
    out.append((8 - (out.size() & 7)) & 7, '\0');
}

void set_bit(std::string& out, std::size_t start, std::uint64_t bit) {
    out[start + (bit >> 3)] = static_cast<char>(out[start + (bit >> 3)] | (1 << (bit & 7)));
}

struct Joiner {
    std::span<const ColumnBatch> batches;
    std::uint64_t rows = 0;
    std::string out;

    std::uint32_t start_bitmap() {
        pad8(out);
        const auto at = static_cast<std::uint32_t>(out.size());
        out.append((rows + 7) / 8, '\0');
        return at;
    }

    void join_deletes() {
        const auto at = start_bitmap();
        std::uint64_t done = 0;
        for (const auto& batch : batches) {
            if (batch.has_deletes())
                for (std::uint32_t r = 0; r < batch.rows(); ++r)
                    if (batch.is_delete(r)) set_bit(out, at, done + r);
            done += batch.rows();
        }
    }

    std::uint32_t join_validity(std::size_t column) {
        const auto at = start_bitmap();
        std::uint64_t done = 0;
        for (const auto& batch : batches) {
            const auto& view = batch.columns()[column];
            for (std::uint32_t r = 0; r < batch.rows(); ++r)
                if (!view.is_null(r)) set_bit(out, at, done + r);
            done += batch.rows();
        }
        return at;
    }

    void join_fixed(std::size_t column, std::size_t width) {
        for (const auto& batch : batches)
            out.append(batch.columns()[column].data, batch.rows() * width);
    }

    void join_string_offsets(std::size_t column) {
        append_le(out, std::uint32_t{0});
        std::uint32_t heap_done = 0;
        for (const auto& batch : batches) {
            const auto& view = batch.columns()[column];
            for (std::uint32_t r = 1; r <= batch.rows(); ++r)
                append_le(out, heap_done + load_le<std::uint32_t>(view.data + std::size_t{r} * 4));
            heap_done += view.heap_bytes;
        }
    }
};

}  // namespace

bool same_columns(const ColumnBatch& a, const ColumnBatch& b) {
    const auto left = a.columns();
    const auto right = b.columns();
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i)
        if (left[i].field != right[i].field || left[i].type != right[i].type) return false;
    return true;
}

Result<ColumnBatch> concat_batches(std::span<const ColumnBatch> batches) {
    DL_CHECK(!batches.empty(), "at least one batch to join");
    if (batches.size() == 1) return batches[0];
    Joiner joiner{.batches = batches, .rows = 0, .out = {}};
    std::size_t bytes = 0;
    bool deletes = false;
    for (const auto& batch : batches) {
        DL_CHECK(same_columns(batch, batches[0]), "joined batches have the same columns");
        joiner.rows += batch.rows();
        bytes += batch.body().size();
        deletes = deletes || batch.has_deletes();
    }
    if (bytes >= (std::size_t{1} << 32) || joiner.rows >= (std::uint64_t{1} << 32))
        return make_error(
            ErrorCode::limit_exceeded,
            "batches of " + std::to_string(bytes) + " bytes are too large to be joined; the limit is 4 GiB");
    const auto columns = batches[0].columns();
    auto& out = joiner.out;
    out.reserve(bytes + 64);
    append_le(out, static_cast<std::uint32_t>(columns.size()));
    append_le(out, std::uint32_t{deletes ? 1u : 0u});
    out.append(columns.size() * kDirectoryEntryBytes, '\0');
    if (deletes) joiner.join_deletes();
    for (std::size_t c = 0; c < columns.size(); ++c) {
        bool nulls = false;
        std::uint32_t heap_bytes = 0;
        for (const auto& batch : batches) {
            nulls = nulls || batch.columns()[c].validity != nullptr;
            heap_bytes += batch.columns()[c].heap_bytes;
        }
        const auto physical = physical_type(columns[c].type);
        const std::uint32_t validity_at = nulls ? joiner.join_validity(c) : 0;
        pad8(out);
        const auto data_at = static_cast<std::uint32_t>(out.size());
        if (physical == PhysicalType::bytes)
            joiner.join_string_offsets(c);
        else
            joiner.join_fixed(c, physical_width(physical));
        const auto data_bytes = static_cast<std::uint32_t>(out.size()) - data_at;
        DL_CHECK(data_bytes == (physical == PhysicalType::bytes ? (joiner.rows + 1) * 4
                                                                : joiner.rows * physical_width(physical)),
                 "a joined column has a value for each row");
        std::uint32_t heap_at = 0;
        if (physical == PhysicalType::bytes) {
            pad8(out);
            heap_at = static_cast<std::uint32_t>(out.size());
            for (const auto& batch : batches)
                out.append(batch.columns()[c].heap, batch.columns()[c].heap_bytes);
            DL_CHECK(out.size() - heap_at == heap_bytes,
                     "the offsets of a joined column end where its heap does");
        }
        char* entry = out.data() + 8 + c * kDirectoryEntryBytes;
        store_le(entry, columns[c].field.value);
        store_le(entry + 4, static_cast<std::uint8_t>(columns[c].type.kind));
        store_le(entry + 5, columns[c].type.precision);
        store_le(entry + 6, columns[c].type.scale);
        store_le(entry + 7, static_cast<std::uint8_t>(nulls ? 1 : 0));
        store_le(entry + 8, validity_at);
        store_le(entry + 12, data_at);
        store_le(entry + 16, data_bytes);
        store_le(entry + 20, heap_at);
        store_le(entry + 24, heap_bytes);
    }
    pad8(out);
    return ColumnBatch::decode(SharedBytes::from_string(std::move(out)),
                               static_cast<std::uint32_t>(joiner.rows));
}

}  // namespace dl
