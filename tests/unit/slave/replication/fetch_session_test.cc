// Which requests of followers go on in which session.
#include "slave/replication/fetch_session.h"

#include <gtest/gtest.h>

namespace dl::slave {
namespace {

class FetchSessionsTest : public ::testing::Test {
  protected:
    // The session that answers; 0: none, the follower has to begin another.
    std::uint64_t ask(std::uint32_t follower, const std::string& process, std::uint32_t lane,
                      std::uint64_t session, std::uint64_t number) {
        rpc::FetchRequest request;
        request.follower = NodeId{follower};
        request.process = process;
        request.lane = lane;
        request.session = session;
        request.number = number;
        const auto found = sessions_.of(request);
        return found.has_value() ? (*found)->id() : 0;
    }
    FetchSessions sessions_;
};

TEST_F(FetchSessionsTest, EachLaneOfAFollowerHasItsOwn) {
    const auto first = ask(2, "p", 0, 0, 1), second = ask(2, "p", 1, 0, 1), other = ask(3, "q", 0, 0, 1);
    EXPECT_EQ(ask(2, "p", 0, first, 2), first);
    EXPECT_EQ(ask(2, "p", 1, second, 2), second);
    EXPECT_EQ(ask(3, "q", 0, other, 2), other);
    EXPECT_EQ(ask(2, "p", 1, first, 3), 0u) << "of another lane";
    EXPECT_EQ(ask(2, "p", 0, first, 2), 0u) << "that number has been";
}

TEST_F(FetchSessionsTest, LanesOfAnEarlierLifeAreForgotten) {
    const auto first = ask(2, "p", 0, 0, 1), second = ask(2, "p", 1, 0, 1), other = ask(3, "q", 1, 0, 1);
    EXPECT_EQ(ask(2, "p", 2, 17, 1), 0u) << "never begun";
    const auto anew = ask(2, "r", 0, 0, 1);
    EXPECT_NE(anew, 0u);
    EXPECT_EQ(ask(2, "p", 0, first, 2), 0u);
    EXPECT_EQ(ask(2, "p", 1, second, 2), 0u);
    EXPECT_EQ(ask(3, "q", 1, other, 2), other) << "of another node";
    EXPECT_EQ(ask(2, "r", 0, anew, 2), anew);
}

}  // namespace
}  // namespace dl::slave
