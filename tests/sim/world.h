// The machines of a simulation: one clock, hosts with disks and clocks of their own, the processes on them
// and the network between them. One thread; everything that happens follows from the seed. What runs next is
// drawn among what could run; when nothing can, the clock goes to the next thing that is due.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/rpc/rpc_client.h"
#include "common/rpc/rpc_server.h"
#include "tests/sim/disk.h"
#include "tests/sim/fiber.h"

namespace dl::sim {

using Micros = std::int64_t;

// The queue of one WorkerPool (replaced.cc).
struct Pool {
    Process* process = nullptr;
    std::deque<std::function<void()>> queue;
    std::size_t threads = 1;
    std::size_t running = 0;
    bool stopping = false;
};

struct Host {
    std::size_t number = 0;
    std::string address;
    double rate = 1.0;       // of its clocks
    Micros wall_offset = 0;  // of its wall clock
    std::unique_ptr<Disk> disk;
    std::shared_ptr<Process> process;  // that runs now, or the last one
    bool powered = true;
};

// One life of a program on a host.
class Process {
  public:
    Process(Host& on, std::string called);
    Host& host;
    const std::string name;
    boost::asio::io_context io{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard;
    bool dead = false, paused = false;
    std::vector<Pool*> pools;
    std::deque<std::unique_ptr<Fiber>> fibers;
    std::map<rpc::Method, rpc::RpcHandler> handlers;  // empty: it does not listen (yet)
    std::vector<std::function<void()>> backlog;       // arrived while it was paused
    std::shared_ptr<void> program;

    bool runs() const { return !dead && !paused; }
    // As a thread of its own.
    void spawn(std::function<void()> work);
};

// What the network does to messages.
struct NetworkManners {
    Micros latency_min = 100, latency_max = 1500;
    double spike_share = 0.01;
    Micros spike_max = 200'000;
    double loss_share = 0.0;       // a connection breaks while the message is under way
    double duplicate_share = 0.0;  // a request is served twice
};

struct Call;  // network.cc

class World {
  public:
    explicit World(std::uint64_t seed);
    ~World();
    // The one there is; nullptr between simulations.
    static World* get();

    std::mt19937_64 random;
    Micros below(Micros bound) {
        return bound <= 0 ? 0 : static_cast<Micros>(random() % static_cast<std::uint64_t>(bound));
    }
    bool chance(double share) { return share > 0 && std::uniform_real_distribution<>(0, 1)(random) < share; }

    Micros now = 0;
    std::vector<std::unique_ptr<Host>> hosts;
    Host& add_host(const std::string& address, double rate);
    Host* host_at(const std::string& address);

    // The process whose code runs.
    Process* current = nullptr;
    void run_as(Process& process, const std::function<void()>& work);
    Micros local_us(const Host& host) const {
        return static_cast<Micros>(static_cast<double>(now) * host.rate);
    }

    std::shared_ptr<Process> begin_process(Host& host, const std::string& name);
    // Nothing of it runs any more. `reset`: its peers hear of it soon.
    void kill(Process& process, bool reset);
    void pause(Process& process, bool paused);

    void after(Micros delay, std::function<void()> event);
    // One thing. False: nothing will ever happen any more.
    bool step();
    // Of whoever blocks and is no fiber: one fiber goes on, or the clock goes to when one can.
    void run_a_fiber();
    void wake(const void* awaited);

    // --- network ---
    NetworkManners manners;
    // Nothing goes from one host to the other.
    std::set<std::pair<std::size_t, std::size_t>> cuts;
    bool is_cut(const Host& from, const Host& to) const { return cuts.contains({from.number, to.number}); }
    Micros latency();
    void begin_call(const std::shared_ptr<Call>& call);
    void abandon(const std::shared_ptr<Call>& call);
    // Calls under way between the two break.
    void break_connections(const Host& one, const Host& other);

    // A request has been answered by a process of this host.
    std::function<void(const Host& host, rpc::Method method, std::string_view request, std::string_view end)>
        answered;

    std::uint64_t steps = 0;
    std::uint64_t digest = 0;  // of everything that happened, to compare two runs
    void note(std::uint64_t value) { digest = (digest ^ value) * 0x9e3779b97f4a7c15u + 0x7f4a7c15u; }

  private:
    friend struct Call;
    struct Event {
        Micros at;
        std::uint64_t number;
        std::function<void()> run;
        bool operator<(const Event& other) const {
            return at != other.at ? at > other.at : number > other.number;
        }
    };
    bool run_fiber_of(Process& process);
    bool run_pool_of(Process& process);
    bool run_io_of(Process& process);
    void resume(Process& process, std::size_t index);
    bool advance();
    std::optional<Micros> next_fiber_wake() const;
    void wake_due_fibers();
    std::optional<Micros> next_timer(Process& process);
    void serve(const std::shared_ptr<Call>& call, bool answered);
    void reply(const std::shared_ptr<Call>& call, Result<rpc::RpcReply> result);
    void fail(const std::shared_ptr<Call>& call, Error error, bool lost);

    std::priority_queue<Event> events_;
    std::uint64_t next_event_ = 0;
    std::vector<std::shared_ptr<Process>> graveyard_;
    std::vector<std::weak_ptr<Call>> calls_;
};

// Of interpose.cc: what epoll_wait was asked to wait for on the thread of the simulation.
extern int asked_to_wait_ms;
extern boost::asio::io_context* asked_by;
extern thread_local bool is_simulated;

}  // namespace dl::sim
