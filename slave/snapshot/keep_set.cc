#include "slave/snapshot/keep_set.h"

#include <algorithm>
#include <bit>

#include "common/base/check.h"

namespace dl::slave {
namespace {

struct Cursor {
    KeyIndex::Entry entry;
    std::uint32_t input = 0;

    // std::*_heap keeps the largest in front: turned round, so that the lowest hash of the newest file is.
    friend bool operator<(const Cursor& a, const Cursor& b) {
        if (a.entry.hash != b.entry.hash) return b.entry.hash < a.entry.hash;
        return a.input < b.input;
    }
};

}  // namespace

KeptRows::KeptRows(RowBits bits) : bits_(std::move(bits)) {
    before_word_.reserve(bits_.words().size());
    for (const auto word : bits_.words()) {
        before_word_.push_back(static_cast<std::uint32_t>(count_));
        count_ += static_cast<std::uint64_t>(std::popcount(word));
    }
    DL_CHECK(count_ <= bits_.rows(), "a file keeps no more rows than it has");
}

std::uint64_t KeptRows::rank(std::uint64_t row) const {
    const std::uint64_t below = (std::uint64_t{1} << (row & 63)) - 1;
    return before_word_[row >> 6] +
           static_cast<std::uint64_t>(std::popcount(bits_.words()[row >> 6] & below));
}

std::shared_ptr<const DeleteVector> dead_rows_of(const KeptRows& kept) {
    RowBits dead(kept.rows());
    for (std::uint64_t row = 0; row < kept.rows(); ++row)
        if (!kept.test(row)) dead.set(row);
    auto vector = DeleteVector::from_bits(dead);
    DL_CHECK(vector->dead() + kept.count() == kept.rows(), "INV-5 a row is kept or dead");
    return vector;
}

Result<void> merge_indexes(std::span<const KeepInput> inputs,
                           const std::function<void(std::size_t, const KeyIndex::Entry&)>& visit) {
    std::vector<KeyIndex::Cursor> entries;
    std::vector<Cursor> heap;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        entries.emplace_back(*inputs[i].index);
        Cursor first{{}, static_cast<std::uint32_t>(i)};
        DL_TRY_ASSIGN(const bool any, entries.back().next(&first.entry));
        if (any) heap.push_back(first);
    }
    std::make_heap(heap.begin(), heap.end());
    while (!heap.empty()) {
        std::pop_heap(heap.begin(), heap.end());
        Cursor& cursor = heap.back();
        visit(cursor.input, cursor.entry);
        DL_TRY_ASSIGN(const bool more, entries[cursor.input].next(&cursor.entry));
        if (more)
            std::push_heap(heap.begin(), heap.end());
        else
            heap.pop_back();
    }
    return {};
}

Result<std::vector<KeptRows>> find_kept_rows(std::span<const KeepInput> inputs) {
    std::vector<RowBits> bits;
    for (const auto& input : inputs)
        bits.emplace_back(input.rows);
    bool any = false;
    Hash128 last;
    DL_TRY(merge_indexes(inputs, [&](std::size_t input, const KeyIndex::Entry& entry) {
        if (any && entry.hash == last) return;  // an older record of the key
        any = true;
        last = entry.hash;
        if (!entry.is_delete) bits[input].set(entry.row);
    }));
    std::vector<KeptRows> kept;
    for (auto& b : bits)
        kept.emplace_back(std::move(b));
    DL_CHECK(kept.size() == inputs.size(), "every file is told which rows it keeps");
    return kept;
}

std::uint64_t live_rows_not_kept(const DeleteVector& dead, const KeptRows& kept) {
    DL_CHECK(dead.rows() == kept.rows(), "INV-5 vector and kept rows are of one file");
    std::uint64_t wrong = 0;
    for (std::uint64_t row = 0; row < kept.rows(); ++row)
        if (!kept.test(row) && !dead.is_dead(row)) ++wrong;
    return wrong;
}

}  // namespace dl::slave
