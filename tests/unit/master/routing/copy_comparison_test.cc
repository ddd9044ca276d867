#include "master/routing/copy_comparison.h"

#include <gmock/gmock.h>

namespace dl::master {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ComparedCopy copy(std::string address, std::uint64_t digest, std::string hash = "00000000000000aa") {
    ComparedCopy made;
    made.address = std::move(address);
    made.row.live_rows = 3;
    made.row.hash = std::move(hash);
    made.row.end_offset = 10;
    made.log = rpc::LogDigestReply{0, 10, 4, digest};
    return made;
}

std::vector<CopyRepair> repairs(std::vector<ComparedCopy>& copies) {
    copies.front().leads = true;
    judge_copies(copies);
    std::vector<CopyRepair> all;
    for (const auto& one : copies)
        all.push_back(one.repair);
    return all;
}

constexpr auto kNone = CopyRepair::none, kAnew = CopyRepair::make_anew, kLead = CopyRepair::lead;

TEST(CopyComparison, CopiesThatAreTheSameHaveNoProblem) {
    std::vector<ComparedCopy> copies = {copy("a", 1), copy("b", 1), copy("c", 1)};
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kNone, kNone));
    for (const auto& one : copies)
        EXPECT_TRUE(one.row.problems.empty());
}

TEST(CopyComparison, TheMajorityIsRight) {
    std::vector<ComparedCopy> copies = {copy("a", 1), copy("b", 2), copy("c", 1)};
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kAnew, kNone));
    EXPECT_TRUE(copies[0].row.problems.empty());
    ASSERT_EQ(copies[1].row.problems.size(), 1u);
    EXPECT_THAT(copies[1].row.problems[0], HasSubstr("differs from 2 other copies"));
    // Also over the one that leads.
    copies = {copy("a", 1), copy("b", 2), copy("c", 2)};
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kLead, kNone));
    EXPECT_EQ(copies[0].row.problems.size(), 1u);
    EXPECT_TRUE(copies[1].row.problems.empty());
}

TEST(CopyComparison, WhereNothingTellsWhichIsRightNothingIsRepaired) {
    std::vector<ComparedCopy> copies = {copy("a", 1), copy("b", 2)};
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kNone));
    for (const auto& one : copies) {
        ASSERT_EQ(one.row.problems.size(), 1u);
        EXPECT_THAT(one.row.problems[0], HasSubstr("cannot be told"));
    }
    // Nor is one that is damaged, from one that may be wrong.
    copies = {copy("a", 1), copy("b", 2), copy("c", 1)};
    copies[2].row.problems = {"rotten"};
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kNone, kNone));
}

TEST(CopyComparison, WhoseChecksumsHoldIsRight) {
    std::vector<ComparedCopy> copies = {copy("a", 1), copy("b", 2)};
    copies[1].row.problems = {"rotten"};
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kAnew));
    EXPECT_EQ(copies[1].row.problems.size(), 1u) << "its digest tells nothing more";
    copies = {copy("a", 1), copy("b", 2)};
    copies[0].row.problems = {"rotten"};
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kLead));
    // What a copy has put right itself is no problem.
    copies = {copy("a", 1), copy("b", 1)};
    copies[1].row.problems = {"repaired: an index"};
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kNone));
    // All are damaged: nobody is made anew from any of them.
    copies = {copy("a", 1), copy("b", 1)};
    copies[0].row.problems = copies[1].row.problems = {"rotten"};
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kNone));
    // One that could not be asked is none that is wrong.
    copies = {copy("a", 1), copy("b", 1)};
    copies[1].is_known = false;
    copies[1].row.problems = {"could not be checked: UNAVAILABLE"};
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kNone));
}

TEST(CopyComparison, RowsAreComparedWhenAllChecksEndedAtOneOffset) {
    std::vector<ComparedCopy> copies = {copy("a", 1), copy("b", 1, "00000000000000bb"), copy("c", 1)};
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kAnew, kNone));
    EXPECT_THAT(copies[1].row.problems.at(0), HasSubstr("live rows"));
    copies = {copy("a", 1), copy("b", 1, "00000000000000bb"), copy("c", 1)};
    copies[1].row.end_offset = 11;
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kNone, kNone));
    // Without the log of one those of the others tell nothing about it.
    copies = {copy("a", 1), copy("b", 1), copy("c", 1)};
    copies[2].log.reset();
    EXPECT_THAT(repairs(copies), ElementsAre(kNone, kNone, kNone));
}

}  // namespace
}  // namespace dl::master
