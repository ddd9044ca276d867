#include "common/process/frame_channel.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/process/sealed_memory.h"

namespace dl {
namespace {

constexpr std::uint64_t kMany = 1u << 30;

std::vector<std::string_view> parts_of(const std::string& text) {
    return {text};
}

TEST(FrameChannel, CarriesMoreBytesAndDescriptorsThanFitAtOnce) {
    auto pair = FrameChannel::make_pair();
    ASSERT_TRUE(pair) << pair.error().to_text();
    const std::string body(20u << 20, 'x');
    std::vector<std::shared_ptr<const SealedMemory>> memory;
    std::vector<int> fds;
    for (int i = 0; i < 450; ++i) {
        const std::string text = "part " + std::to_string(i);
        memory.push_back(*SealedMemory::copy_of(parts_of(text)));
        fds.push_back(memory.back()->fd());
    }
    std::thread sender([&] {
        for (int i = 0; i < 2; ++i) {
            EXPECT_TRUE(pair->first.send(7, parts_of(body), fds, FrameChannel::wait_for_ever));
            EXPECT_TRUE(pair->first.send(8, {}, {}, FrameChannel::wait_for_ever));
        }
    });
    for (int i = 0; i < 2; ++i) {
        auto frame = pair->second.receive(kMany, FrameChannel::kFdsMax, FrameChannel::wait_for_ever);
        ASSERT_TRUE(frame) << frame.error().to_text();
        EXPECT_EQ(frame->kind, 7u);
        EXPECT_TRUE(frame->bytes.view() == body);
        ASSERT_EQ(frame->fds.size(), 450u);
        auto mapped = map_sealed(std::move(frame->fds[449]));
        ASSERT_TRUE(mapped) << mapped.error().to_text();
        EXPECT_EQ(mapped->view(), "part 449");
        auto empty = pair->second.receive(kMany, FrameChannel::kFdsMax, FrameChannel::wait_for_ever);
        ASSERT_TRUE(empty);
        EXPECT_EQ(empty->kind, 8u);
        EXPECT_TRUE(empty->bytes.empty());
    }
    sender.join();
}

TEST(FrameChannel, RefusesWhatIsTooLongBeforeMemoryIsTaken) {
    auto pair = *FrameChannel::make_pair();
    const std::string body(1000, 'x');
    ASSERT_TRUE(pair.first.send(1, parts_of(body), {}, FrameChannel::wait_for_ever));
    EXPECT_EQ(pair.second.receive(999, 0, FrameChannel::wait_for_ever).error().code, ErrorCode::corrupt_data);
    // Descriptors are not taken where none are expected.
    auto other = *FrameChannel::make_pair();
    const auto memory = *SealedMemory::copy_of(parts_of(body));
    const int fd = memory->fd();
    ASSERT_TRUE(other.first.send(1, {}, {&fd, 1}, FrameChannel::wait_for_ever));
    EXPECT_EQ(other.second.receive(999, 0, FrameChannel::wait_for_ever).error().code,
              ErrorCode::corrupt_data);
}

TEST(FrameChannel, TellsWhenTheOtherSideIsGone) {
    auto pair = *FrameChannel::make_pair();
    EXPECT_FALSE(pair.first.is_readable());
    pair.second.close();
    EXPECT_TRUE(pair.first.is_readable());
    EXPECT_EQ(pair.first.receive(10, 0, FrameChannel::wait_for_ever).error().code, ErrorCode::unavailable);
    EXPECT_EQ(pair.first.send(1, {}, {}, FrameChannel::wait_for_ever).error().code, ErrorCode::unavailable);
}

TEST(SealedMemory, CannotBeChangedAndOnlySealedIsMapped) {
    const std::string text = "abc";
    const auto memory = *SealedMemory::copy_of(parts_of(text));
    EXPECT_LT(::pwrite(memory->fd(), "x", 1, 0), 0);
    EXPECT_NE(::ftruncate(memory->fd(), 1), 0);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const UniqueFd other(ends[1]);
    EXPECT_EQ(map_sealed(UniqueFd(ends[0])).error().code, ErrorCode::corrupt_data);
}

}  // namespace
}  // namespace dl
