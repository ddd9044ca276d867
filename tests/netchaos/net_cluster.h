// Slaves and a master as real processes, each slave in a network namespace of its own, with faults between
// and below them: cuts (nft), small disks (tmpfs), slow syncs (crash points that delay), clocks that jump
// (clock_shim.cc). The test's own process is in the master's namespace. Used from one thread.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/daemon_process.h"
#include "tests/support/raw_client.h"

namespace dl::test {

class NetCluster {
  public:
    // Why this cannot run here: "" when it can (root, ip, nft).
    static std::string missing();

    struct Options {
        std::size_t slaves = 3;
        bool small_disks = false;
        bool clocks = false;
        Properties slave_properties, master_properties;
    };
    explicit NetCluster(const Options& options);
    ~NetCluster();
    NetCluster(const NetCluster&) = delete;
    NetCluster& operator=(const NetCluster&) = delete;

    void start();  // what is not running
    DaemonProcess& master() { return *master_; }
    DaemonProcess& slave(std::size_t i) { return *slaves_[i].process; }
    std::size_t slave_count() const { return slaves_.size(); }
    std::uint16_t port() const { return master_->port(); }

    // Members: slaves 0.., then the master (slave_count()).
    void cut(std::size_t from, std::size_t to);  // what `from` sends does not arrive at `to`
    void heal_network();
    void fill_disk(std::size_t slave);
    void free_disk(std::size_t slave);
    // Syncs of its log take so long from its next start on; 0: as long as they take.
    void slow_syncs(std::size_t slave, int ms);
    // Member's wall clock, from now on.
    void jump_clock(std::size_t member, int seconds);
    // cluster_status says that all is well.
    bool is_well();
    std::string status();
    void print_logs() const;

  private:
    struct Member {
        std::unique_ptr<DaemonProcess> process;
        std::string name, address, data;
    };
    std::string address_of(std::size_t member) const;
    std::string make_wrapper(const std::string& name, const std::string& program,
                             const std::string& space) const;
    void set_clock(const std::string& name, std::int64_t seconds) const;
    static void run(const std::string& command, bool may_fail = false);

    std::string directory_;
    Options options_;
    std::vector<Member> slaves_;
    std::unique_ptr<DaemonProcess> master_;
};

}  // namespace dl::test
