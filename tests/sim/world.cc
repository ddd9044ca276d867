#include "tests/sim/world.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace dl::sim {
namespace {

World* the_world = nullptr;

}  // namespace

Process::Process(Host& on, std::string called)
    : host(on), name(std::move(called)), guard(boost::asio::make_work_guard(io)) {}

void Process::spawn(std::function<void()> work) {
    fibers.push_back(std::make_unique<Fiber>(*this, std::move(work)));
}

World::World(std::uint64_t seed) : random(seed) {
    the_world = this;
    is_simulated = true;
}

World::~World() {
    is_simulated = false;
    the_world = nullptr;
    // Nothing of the processes is destroyed: see kill().
    static auto* const left = new std::vector<std::vector<std::shared_ptr<Process>>>();
    left->push_back(std::move(graveyard_));
}

World* World::get() {
    return the_world;
}

Host& World::add_host(const std::string& address, double rate) {
    auto& host = *hosts.emplace_back(std::make_unique<Host>());
    host.number = hosts.size() - 1;
    host.address = address;
    host.rate = rate;
    host.disk = std::make_unique<Disk>(*this);
    return host;
}

Host* World::host_at(const std::string& address) {
    for (const auto& host : hosts)
        if (host->address == address) return host.get();
    return nullptr;
}

void World::run_as(Process& process, const std::function<void()>& work) {
    auto* const before = std::exchange(current, &process);
    work();
    current = before;
}

std::shared_ptr<Process> World::begin_process(Host& host, const std::string& name) {
    host.process = std::make_shared<Process>(host, name);
    graveyard_.push_back(host.process);  // leaked on purpose: see kill()
    return host.process;
}

// Its objects are never destroyed: their destructors would do in good order what a kill does not do.
void World::kill(Process& process, bool reset) {
    process.dead = true;
    process.paused = false;
    process.backlog.clear();
    for (auto& fiber : process.fibers)
        (void)fiber.release();
    process.fibers.clear();
    if (!reset) return;
    for (const auto& host : hosts)
        if (host.get() != &process.host) break_connections(process.host, *host);
}

void World::pause(Process& process, bool paused) {
    if (process.dead) return;
    process.paused = paused;
    if (paused) return;
    auto arrived = std::exchange(process.backlog, {});
    for (auto& one : arrived)
        one();
}

void World::after(Micros delay, std::function<void()> event) {
    events_.push({now + std::max<Micros>(0, delay), next_event_++, std::move(event)});
}

void World::wake(const void* awaited) {
    for (const auto& host : hosts) {
        if (host->process == nullptr) continue;
        for (const auto& fiber : host->process->fibers)
            if (fiber->state == Fiber::State::waiting && fiber->awaited == awaited)
                fiber->state = Fiber::State::ready;
    }
}

void World::wake_due_fibers() {
    for (const auto& host : hosts) {
        if (host->process == nullptr) continue;
        for (const auto& fiber : host->process->fibers)
            if (fiber->state == Fiber::State::waiting && fiber->wake_at_us >= 0 && fiber->wake_at_us <= now) {
                fiber->timed_out = true;
                fiber->state = Fiber::State::ready;
            }
    }
}

std::optional<Micros> World::next_fiber_wake() const {
    std::optional<Micros> next;
    for (const auto& host : hosts) {
        if (host->process == nullptr || !host->process->runs()) continue;
        for (const auto& fiber : host->process->fibers)
            if (fiber->state == Fiber::State::waiting && fiber->wake_at_us >= 0)
                next = next ? std::min(*next, fiber->wake_at_us) : fiber->wake_at_us;
    }
    return next;
}

void World::resume(Process& process, std::size_t index) {
    auto& fiber = *process.fibers[index];
    auto* const before = std::exchange(current, &process);
    fiber.resume();
    current = before;
    if (fiber.state != Fiber::State::done) return;
    const auto at = std::find_if(process.fibers.begin(), process.fibers.end(),
                                 [&](const auto& one) { return one.get() == &fiber; });
    if (at != process.fibers.end()) process.fibers.erase(at);
}

bool World::run_fiber_of(Process& process) {
    const auto count = process.fibers.size();
    if (count == 0) return false;
    const auto first = random() % count;
    for (std::size_t i = 0; i < count; ++i) {
        const auto index = (first + i) % count;
        auto& fiber = *process.fibers[index];
        if (fiber.state == Fiber::State::locking && fiber.try_lock()) fiber.state = Fiber::State::ready;
        if (fiber.state != Fiber::State::ready) continue;
        resume(process, index);
        return true;
    }
    return false;
}

bool World::run_pool_of(Process& process) {
    const auto count = process.pools.size();
    if (count == 0) return false;
    const auto first = random() % count;
    for (std::size_t i = 0; i < count; ++i) {
        auto* pool = process.pools[(first + i) % count];
        if (pool->queue.empty() || pool->running >= pool->threads) continue;
        auto work = std::move(pool->queue.front());
        pool->queue.pop_front();
        ++pool->running;
        process.spawn([this, pool, todo = std::move(work)]() mutable {
            todo();
            todo = nullptr;
            --pool->running;
            wake(pool);
        });
        resume(process, process.fibers.size() - 1);
        return true;
    }
    return false;
}

bool World::run_io_of(Process& process) {
    auto* const before = std::exchange(current, &process);
    const bool ran = process.io.poll_one() > 0;
    current = before;
    return ran;
}

std::optional<Micros> World::next_timer(Process& process) {
    auto* const before = std::exchange(current, &process);
    asked_to_wait_ms = -1;
    asked_by = &process.io;
    (void)process.io.run_one();
    process.io.restart();
    asked_by = nullptr;
    current = before;
    if (asked_to_wait_ms < 0) return 0;  // it ran something
    const auto local = static_cast<double>(asked_to_wait_ms) * 1000;
    return std::max<Micros>(1, static_cast<Micros>(local / process.host.rate));
}

bool World::advance() {
    std::optional<Micros> next;
    const auto take = [&](Micros at) { next = next ? std::min(*next, at) : at; };
    if (!events_.empty()) take(events_.top().at);
    if (const auto wake = next_fiber_wake()) take(*wake);
    for (const auto& host : hosts)
        if (host->process != nullptr && host->process->runs())
            if (const auto timer = next_timer(*host->process)) take(now + *timer);
    if (!next) return false;
    now = std::max(now, *next);
    wake_due_fibers();
    return true;
}

bool World::step() {
    ++steps;
    if (!events_.empty() && events_.top().at <= now) {
        auto event = std::move(const_cast<Event&>(events_.top()));
        events_.pop();
        note(event.number);
        event.run();
        return true;
    }
    wake_due_fibers();
    const auto count = hosts.size();
    const auto first = random() % count;
    for (std::size_t i = 0; i < count; ++i) {
        const auto& process = hosts[(first + i) % count]->process;
        if (process == nullptr || !process->runs()) continue;
        const auto way = random() % 3;
        for (std::uint64_t k = 0; k < 3; ++k) {
            const auto kind = (way + k) % 3;
            const bool ran = kind == 0   ? run_fiber_of(*process)
                             : kind == 1 ? run_pool_of(*process)
                                         : run_io_of(*process);
            if (!ran) continue;
            note(process->host.number * 3 + kind);
            return true;
        }
    }
    return advance();
}

void World::run_a_fiber() {
    for (const auto& host : hosts) {
        if (host->process == nullptr || !host->process->runs()) continue;
        if (run_fiber_of(*host->process)) return;
    }
    for (const auto& host : hosts) {
        if (host->process == nullptr || !host->process->runs()) continue;
        if (run_pool_of(*host->process)) return;
    }
    const auto wake = next_fiber_wake();
    if (!wake) {
        std::fprintf(stderr, "simulation: a thread waits for what nobody will do\n");
        std::abort();
    }
    now = std::max(now, *wake);
    wake_due_fibers();
}

Micros World::latency() {
    if (chance(manners.spike_share)) return below(manners.spike_max);
    return manners.latency_min + below(manners.latency_max - manners.latency_min + 1);
}

}  // namespace dl::sim
