#include "slave/parquet/snappy_marks.h"

#include <snappy-sinksource.h>
#include <snappy.h>

#include <algorithm>
#include <array>

#include "common/base/check.h"

namespace dl::slave {
namespace {

Error damaged(const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "snappy: " + what);
}

struct Tag {
    std::uint64_t plain = 0;   // bytes it makes
    std::uint64_t back = 0;    // of a copy: how far behind they lie; 0: literal bytes
    std::uint64_t stored = 0;  // bytes it takes, literal bytes included
};

// The tag at the beginning of `bytes`, which are not empty; a length or distance of 0 bytes where they end
// early.
Tag read_tag(std::string_view bytes) {
    const auto at = [&](std::size_t i) {
        return i < bytes.size() ? std::uint64_t{static_cast<std::uint8_t>(bytes[i])} : 0;
    };
    const auto number = [&](std::size_t first, std::size_t count) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < count; ++i)
            value |= at(first + i) << (8 * i);
        return value;
    };
    const auto head = at(0);
    const auto upper = head >> 2;
    switch (head & 3) {
        case 0: {
            const auto more = upper < 60 ? 0 : static_cast<std::size_t>(upper) - 59;
            const auto length = (more == 0 ? upper : number(1, more)) + 1;
            return {length, 0, 1 + more + length};
        }
        case 1:
            return {4 + (upper & 7), (head >> 5) << 8 | at(1), 2};
        case 2:
            return {upper + 1, number(1, 2), 3};
        default:
            return {upper + 1, number(1, 4), 5};
    }
}

// A stream of its own: the length, and some tags of a longer stream.
class PartSource final : public snappy::Source {
  public:
    PartSource(std::uint32_t plain_bytes, std::string_view tags) : tags_(tags) {
        std::size_t length = 0;
        for (; plain_bytes >= 128; plain_bytes >>= 7)
            head_[length++] = static_cast<char>(plain_bytes | 128);
        head_[length++] = static_cast<char>(plain_bytes);
        rest_of_head_ = std::string_view(head_.data(), length);
    }
    std::size_t Available() const override { return rest_of_head_.size() + tags_.size(); }
    const char* Peek(std::size_t* length) override {
        const auto& now = rest_of_head_.empty() ? tags_ : rest_of_head_;
        *length = now.size();
        return now.data();
    }
    void Skip(std::size_t count) override {
        const auto of_head = std::min(count, rest_of_head_.size());
        rest_of_head_.remove_prefix(of_head);
        tags_.remove_prefix(count - of_head);
    }

  private:
    std::array<char, 5> head_{};
    std::string_view rest_of_head_;
    std::string_view tags_;
};

}  // namespace

Result<SnappyMarks> SnappyMarks::survey(std::string_view stored, std::uint32_t plain_bytes) {
    std::size_t announced = 0;
    if (!snappy::GetUncompressedLength(stored.data(), stored.size(), &announced) || announced != plain_bytes)
        return damaged("the length of the content does not match");
    std::size_t at = 1;
    while ((static_cast<std::uint8_t>(stored[at - 1]) & 128) != 0)
        ++at;

    SnappyMarks found;
    auto& marks = found.marks_;
    std::uint64_t plain = 0;
    std::uint32_t entry = 0;
    std::uint64_t entry_plain = 0;
    std::uint64_t next_mark = 0;
    bool blocks = true;  // so far none refers to another
    for (;;) {
        if (plain >= next_mark || at == stored.size()) {
            if (blocks && plain % kBlock == 0 && plain != 0) {
                entry = static_cast<std::uint32_t>(marks.size());
                entry_plain = plain;
            }
            marks.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(plain), entry});
            next_mark = (plain / kStep + 1) * kStep;
        }
        if (at == stored.size()) break;
        const auto tag = read_tag(stored.substr(at, std::min<std::size_t>(stored.size() - at, 5)));
        if (tag.stored > stored.size() - at || tag.plain > plain_bytes - plain)
            return damaged("a tag reaches beyond the end");
        const bool is_copy = (static_cast<std::uint8_t>(stored[at]) & 3) != 0;
        if (is_copy && (tag.back == 0 || tag.back > plain)) return damaged("a copy of what is not there");
        if (is_copy && plain - tag.back < entry_plain) {
            blocks = false;
            entry = 0;
            entry_plain = 0;
            for (auto& mark : marks)
                mark.entry = 0;
        }
        at += tag.stored;
        plain += tag.plain;
    }
    if (plain != plain_bytes) return damaged("ends early");
    DL_CHECK(!marks.empty() && marks.front().plain == 0 && marks.back().plain == plain_bytes,
             "marks reach from the beginning to the end");
    marks.shrink_to_fit();
    return found;
}

SnappyMarks::Part SnappyMarks::part_around(std::uint32_t begin, std::uint32_t end) const {
    DL_CHECK(!marks_.empty() && begin <= end && end <= marks_.back().plain, "a part of the plain bytes");
    const auto after = std::upper_bound(marks_.begin(), marks_.end(), begin,
                                        [](std::uint32_t at, const Mark& mark) { return at < mark.plain; });
    DL_CHECK(after != marks_.begin() && (after - 1)->entry < marks_.size(), "the first mark is at 0");
    const auto& entry = marks_[(after - 1)->entry];
    const auto last = std::lower_bound(marks_.begin(), marks_.end(), end,
                                       [](const Mark& mark, std::uint32_t at) { return mark.plain < at; });
    DL_CHECK(last != marks_.end() && entry.plain <= begin && last->plain >= end,
             "a part holds what is asked for");
    return {entry.plain, last->plain, entry.stored, last->stored};
}

bool SnappyMarks::unpack(std::string_view stored, const Part& part, char* out) {
    if (part.stored_begin > part.stored_end || part.stored_end > stored.size()) return false;
    PartSource source(part.end - part.begin,
                      stored.substr(part.stored_begin, part.stored_end - part.stored_begin));
    return snappy::RawUncompress(&source, out);
}

}  // namespace dl::slave
