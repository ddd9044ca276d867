#include "common/config/unknown_environment.h"

#include <gmock/gmock.h>

namespace dl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(UnknownEnvironment, NamesWhatSetsNothing) {
    const std::vector<ConfigKey> spec = {
        {.name = "slave.node"}, {.name = "slave.data"}, {.name = "log.level"}};
    const char* const environment[] = {"PATH=/bin",
                                       "DATALAKE_SLAVE_NODE=a:1",
                                       "DATALAKE_SLAVE_DTAA=/d",
                                       "DATALAKE_SLAV_DATA=/d",
                                       "DATALAKE_SLAVE_COLOUR=red",
                                       "DATALAKE_SLAVE_NODES=a:1",
                                       "DATALAKE_MASTER_PORT=1",
                                       nullptr};
    EXPECT_THAT(unknown_environment("slave", spec, {"slave.nodes"}, environment),
                ElementsAre(HasSubstr("did you mean DATALAKE_SLAVE_DATA?"),
                            HasSubstr("did you mean DATALAKE_SLAVE_DATA?"),
                            HasSubstr("\"DATALAKE_SLAVE_COLOUR\" is no setting")));
}

}  // namespace
}  // namespace dl
