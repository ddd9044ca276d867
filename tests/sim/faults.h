// What happens to a simulated cluster: kinds drawn from the seed, each with its own end, and everything
// healed at the end.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/history.h"
#include "tests/sim/programs.h"

namespace dl::sim {

class Faults : public std::enable_shared_from_this<Faults> {
  public:
    Faults(World& world, std::vector<Host*> slaves, Host& master, std::string catalog, SlaveTuning tuning);

    static const std::vector<std::string>& kinds();
    // Only these from now on; empty: a draw of them.
    void choose(const std::vector<std::string>& wanted);
    void start();
    // No new ones; everything that is broken is mended, and what is down is started.
    void heal();
    void start_all();
    // What is down is started until the end.
    void keep_started();
    const std::map<std::string, int>& times() const { return times_; }
    bool trace = false;

  private:
    void next();
    void happen(const std::string& kind);
    void start_slave(Host& host);
    void start_master();
    void lose_power(Host& host);
    Host& any_slave() {
        return *slaves_[static_cast<std::size_t>(world_.below(static_cast<Micros>(slaves_.size())))];
    }
    Host& any_host();
    Micros while_us();
    bool may_lose_a_disk(const Host& host);
    void say(const std::string& text) const;

    World& world_;
    std::vector<Host*> slaves_;
    Host& master_;
    const std::string catalog_;
    const SlaveTuning tuning_;
    std::vector<std::string> chosen_;
    Micros gap_max_ = 1'500'000;
    bool healed_ = false;
    std::set<NodeId> lost_;  // whose disks are gone
    std::map<std::string, int> times_;
};

}  // namespace dl::sim
