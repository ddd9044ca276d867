// Defects that are switched on (common/base/planted_fault.h) and that simulations cannot have, because they
// are of compactions: the checker of the workload has to see them.
#include <gmock/gmock.h>

#include <thread>

#include "tests/support/cluster_fixture.h"
#include "tests/support/workload.h"

namespace dl::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PlantedFaultTest : public ClusterTest {
  protected:
    // What the checker says after a while of writers that replace and delete while files are merged.
    std::string verdict(const std::string& defect) {
        start({.slave_properties = {{"slave.file.segment.bytes", "65536"},
                                    {"slave.compaction.bytes.min", "0"},
                                    {"slave.compaction.files.min", "2"}},
               .slave_environment = {{"DL_PLANTED_FAULT", defect},
                                     {"DL_FAILPOINT", "compaction.mid:delay_ms:100"}}});
        Workload load(cluster().port(),
                      {.writers = 2, .partitions = 1, .keys_per_writer = 300, .read_back_share = 0});
        load.create_table();
        load.start();
        std::this_thread::sleep_for(seconds(8));
        load.stop();
        cluster().wait_serving("w");
        return load.verify();
    }
};

TEST_F(PlantedFaultTest, ACompactionWithoutTheMarksMadeMeanwhileIsSeen) {
#ifndef DL_FAILPOINTS
    GTEST_SKIP() << "this build has no planted faults (DL_FAILPOINTS)";
#endif
    // By the checker, or before that by the compaction itself, which then changes nothing.
    const auto seen = verdict("compaction-without-new-marks");
    EXPECT_TRUE(!seen.empty() || cluster().slave(0).log_text().find("INV-5") != std::string::npos);
}

TEST_F(PlantedFaultTest, WithoutADefectThereIsNothingToSee) {
    EXPECT_EQ(verdict(""), "");
}

}  // namespace
}  // namespace dl::test
