// Parts of snappy streams against the library unpacking the whole, and damaged streams.
#include "slave/parquet/snappy_marks.h"

#include <gtest/gtest.h>
#include <snappy.h>

#include <random>

namespace dl::slave::test {
namespace {

std::string texts(std::mt19937& random, std::size_t bytes, unsigned different) {
    std::string plain;
    while (plain.size() < bytes)
        plain +=
            "user " + std::to_string(random() % different) + (random() % 9 == 0 ? std::string(80, 'x') : "");
    plain.resize(bytes);
    return plain;
}

std::string compressed(const std::string& plain) {
    std::string stored;
    snappy::Compress(plain.data(), plain.size(), &stored);
    return stored;
}

std::string unpacked(std::string_view stored, const SnappyMarks::Part& part) {
    std::string out(part.end - part.begin, '\0');
    EXPECT_TRUE(SnappyMarks::unpack(stored, part, out.data()));
    return out;
}

TEST(SnappyMarksTest, PartsAreWhatTheWholeHasThere) {
    std::mt19937 random(1);
    for (const std::size_t bytes : {0u, 1u, 100u, 4096u, 65'535u, 65'536u, 65'537u, 200'000u, 1'000'000u}) {
        for (const unsigned different : {2u, 1000u, 1'000'000'000u}) {
            const auto plain = texts(random, bytes, different);
            const auto stored = compressed(plain);
            const auto marks = SnappyMarks::survey(stored, static_cast<std::uint32_t>(bytes));
            ASSERT_TRUE(marks) << marks.error().to_text();
            for (int round = 0; round < 50; ++round) {
                const auto begin = static_cast<std::uint32_t>(random() % (bytes + 1));
                const auto end = static_cast<std::uint32_t>(begin + random() % (bytes - begin + 1));
                const auto part = marks->part_around(begin, end);
                ASSERT_LE(part.begin, begin);
                ASSERT_GE(part.end, end);
                ASSERT_EQ(unpacked(stored, part), plain.substr(part.begin, part.end - part.begin));
            }
        }
    }
}

TEST(SnappyMarksTest, PartsAreShort) {
    std::mt19937 random(2);
    const auto plain = texts(random, 1'000'000, 1'000'000'000);
    const auto stored = compressed(plain);
    const auto marks = *SnappyMarks::survey(stored, 1'000'000);
    for (std::uint32_t at = 0; at < 1'000'000; at += 777) {
        const auto part = marks.part_around(at, at + 1);
        EXPECT_EQ(part.begin, at / SnappyMarks::kBlock * SnappyMarks::kBlock);
        EXPECT_LE(part.end, at + 2 * SnappyMarks::kStep);
    }
    EXPECT_LT(marks.memory_bytes(), 8'000u);
}

// What our compressor never makes, but the format allows: copies from the block before.
TEST(SnappyMarksTest, BlocksThatReferToEachOtherAreNotEntered) {
    std::string stored{'\x80', '\x80', '\x08'};  // 131 072 bytes
    std::string plain;
    for (int i = 0; i < 64; ++i) {  // literals of 1 024 bytes
        stored += '\xf4';
        stored += '\xff';
        stored += '\x03';
        std::string text(1024, static_cast<char>('A' + i));
        stored += text;
        plain += text;
    }
    for (int i = 0; i < 1024; ++i) {  // copies of 64 bytes from 65 535 before
        stored += '\xfe';
        stored += '\xff';
        stored += '\xff';
        for (int b = 0; b < 64; ++b)
            plain += plain[plain.size() - 65'535];
    }
    std::string whole;
    ASSERT_TRUE(snappy::Uncompress(stored.data(), stored.size(), &whole));
    ASSERT_EQ(whole, plain);
    const auto marks = SnappyMarks::survey(stored, 131'072);
    ASSERT_TRUE(marks) << marks.error().to_text();
    for (std::uint32_t at = 0; at < 131'072; at += 500) {
        const auto part = marks->part_around(at, at + 1);
        EXPECT_EQ(part.begin, 0u);
        ASSERT_EQ(unpacked(stored, part), plain.substr(0, part.end));
    }
}

// Whatever is accepted must be what the library accepts: memory is sized by it.
TEST(SnappyMarksTest, RefusesWhatTheLibraryRefuses) {
    std::mt19937 random(3);
    const auto plain = texts(random, 150'000, 5000);
    const auto good = compressed(plain);
    int refused = 0;
    for (int round = 0; round < 1000; ++round) {
        auto bad = good;
        for (int i = 0; i < 3; ++i)
            bad[3 + random() % (bad.size() - 3)] = static_cast<char>(random());
        if (round % 3 == 0) bad.resize(1 + random() % bad.size());
        const auto marks = SnappyMarks::survey(bad, 150'000);
        EXPECT_EQ(marks.has_value(), snappy::IsValidCompressedBuffer(bad.data(), bad.size()));
        if (!marks) {
            EXPECT_EQ(marks.error().code, ErrorCode::corrupt_data);
            ++refused;
            continue;
        }
        std::string whole;
        ASSERT_TRUE(snappy::Uncompress(bad.data(), bad.size(), &whole));
        const auto begin = static_cast<std::uint32_t>(random() % 150'000);
        const auto part = marks->part_around(begin, begin + 1);
        ASSERT_EQ(unpacked(bad, part), whole.substr(part.begin, part.end - part.begin));
    }
    EXPECT_GT(refused, 300);
    EXPECT_TRUE(SnappyMarks::survey(good, 150'001).has_error());
    EXPECT_TRUE(SnappyMarks::survey({}, 0).has_error());
    EXPECT_TRUE(SnappyMarks::survey("\xff\xff\xff\xff\x0f", 0xffffffff).has_error());
}

TEST(SnappyMarksTest, BytesThatWereNotSurveyedAreNotUnpacked) {
    std::mt19937 random(4);
    const auto stored = compressed(texts(random, 150'000, 5000));
    const auto marks = *SnappyMarks::survey(stored, 150'000);
    const auto part = marks.part_around(140'000, 150'000);
    std::string out(part.end - part.begin, '\0');
    EXPECT_FALSE(SnappyMarks::unpack(stored.substr(0, stored.size() - 1), part, out.data()));
    auto other = stored;
    for (std::size_t i = part.stored_begin; i < part.stored_end; ++i)
        other[i] = '\xff';
    EXPECT_FALSE(SnappyMarks::unpack(other, part, out.data()));
}

}  // namespace
}  // namespace dl::slave::test
