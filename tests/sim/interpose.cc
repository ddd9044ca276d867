// The calls by which the product's code reads clocks, blocks and waits for timers, as the simulation has
// them: on its thread they are the simulated machine's, on others the system's. This program's definitions
// come before those of the C library, also for libstdc++.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "tests/sim/world.h"

namespace dl::sim {

int asked_to_wait_ms = -1;
boost::asio::io_context* asked_by = nullptr;
thread_local bool is_simulated = false;

namespace {

// 2026-01-01, and a machine that has run for a day.
constexpr Micros kWallStart = 1'767'225'600'000'000;
constexpr Micros kUptimeStart = 86'400'000'000;

World* world() {
    return is_simulated ? World::get() : nullptr;
}

Micros simulated_us(World& in, clockid_t clock) {
    const auto* host = in.current == nullptr ? nullptr : &in.current->host;
    const auto local = host == nullptr ? in.now : in.local_us(*host);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        return kWallStart + local + (host == nullptr ? 0 : host->wall_offset);
    return kUptimeStart + local;
}

timespec to_timespec(Micros us) {
    timespec value{};
    value.tv_sec = us / 1'000'000;
    value.tv_nsec = us % 1'000'000 * 1000;
    return value;
}

Micros to_us(const timespec& value) {
    return std::int64_t{value.tv_sec} * 1'000'000 + value.tv_nsec / 1000;
}

// The world's time at which a clock of the current host shows `local_us`.
Micros world_time_of(World& in, clockid_t clock, Micros local_us) {
    const auto rate = in.current == nullptr ? 1.0 : in.current->host.rate;
    const auto left = static_cast<double>(local_us - simulated_us(in, clock));
    return in.now + static_cast<Micros>(left / rate) + 1;
}

void sleep_until(World& in, Micros at) {
    if (auto* fiber = Fiber::current()) {
        fiber->wake_at_us = at;
        fiber->awaited = &in;
        fiber->state = Fiber::State::waiting;
        fiber->pause();
        fiber->wake_at_us = -1;
        return;
    }
    if (in.now < at) in.run_a_fiber();
}

// Until try_lock() has it.
template <class TryLock>
void lock_with(World& in, TryLock try_lock) {
    auto* fiber = Fiber::current();
    // Others may come first. Not while it holds a lock, which may be one of all processes: it may be killed
    // now.
    if (fiber != nullptr && fiber->locks == 0 && in.chance(0.02)) {
        fiber->state = Fiber::State::ready;
        fiber->pause();
    }
    if (fiber != nullptr) ++fiber->locks;
    while (!try_lock()) {
        if (fiber == nullptr) {
            in.run_a_fiber();
            continue;
        }
        fiber->try_lock = try_lock;
        fiber->state = Fiber::State::locking;
        fiber->pause();  // resumed with the lock
        fiber->try_lock = nullptr;
        return;
    }
}

void unlocked() {
    auto* fiber = Fiber::current();
    if (is_simulated && fiber != nullptr && fiber->locks > 0) --fiber->locks;
}

template <class Function>
Function next(const char* name, const char* version) {
    auto* found = version == nullptr ? ::dlsym(RTLD_NEXT, name) : ::dlvsym(RTLD_NEXT, name, version);
    if (found == nullptr) std::abort();
    return reinterpret_cast<Function>(found);
}

// True: woken; false: the time is over.
bool wait_on(World& in, pthread_cond_t* condition, pthread_mutex_t* mutex, Micros until) {
    auto* fiber = Fiber::current();
    ::pthread_mutex_unlock(mutex);
    bool timed_out = false;
    if (fiber != nullptr) {
        fiber->awaited = condition;
        fiber->wake_at_us = until;
        fiber->timed_out = false;
        fiber->state = Fiber::State::waiting;
        fiber->pause();
        timed_out = fiber->timed_out;
        fiber->timed_out = false;
        fiber->wake_at_us = -1;
        fiber->awaited = nullptr;
    } else if (until >= 0 && in.now >= until) {
        timed_out = true;
    } else {
        in.run_a_fiber();
    }
    ::pthread_mutex_lock(mutex);
    return !timed_out;
}

}  // namespace
}  // namespace dl::sim

using namespace dl::sim;

extern "C" {

int clock_gettime(clockid_t clock, timespec* out) noexcept {
    auto* in = world();
    const bool is_time = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ||
                         clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE ||
                         clock == CLOCK_BOOTTIME || clock == CLOCK_MONOTONIC_RAW;
    if (in == nullptr || !is_time) return static_cast<int>(::syscall(SYS_clock_gettime, clock, out));
    *out = to_timespec(simulated_us(*in, clock));
    return 0;
}

int timerfd_create(int, int) noexcept {
    errno = ENOSYS;  // Asio then asks its timers each time it looks
    return -1;
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
    if (world() != nullptr) return 0;
    return static_cast<int>(::syscall(SYS_epoll_ctl, epoll, operation, fd, event));
}

int epoll_wait(int epoll, epoll_event* events, int count, int timeout) {
    if (world() == nullptr) return static_cast<int>(::syscall(SYS_epoll_wait, epoll, events, count, timeout));
    if (timeout != 0 && asked_by != nullptr) {
        asked_to_wait_ms = timeout;
        asked_by->stop();
    }
    return 0;
}

int nanosleep(const timespec* length, timespec* left) {
    auto* in = world();
    if (in == nullptr) return static_cast<int>(::syscall(SYS_nanosleep, length, left));
    const auto rate = in->current == nullptr ? 1.0 : in->current->host.rate;
    sleep_until(*in, in->now + static_cast<Micros>(static_cast<double>(to_us(*length)) / rate) + 1);
    return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* length, timespec* left) {
    auto* in = world();
    if (in == nullptr) {
        const auto result = ::syscall(SYS_clock_nanosleep, clock, flags, length, left);
        return result == 0 ? 0 : errno;
    }
    if (flags == TIMER_ABSTIME)
        sleep_until(*in, world_time_of(*in, clock, to_us(*length)));
    else
        return nanosleep(length, left);
    return 0;
}

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
    if (auto* in = world()) {
        if (Fiber::current() == nullptr && ::pthread_mutex_trylock(mutex) == 0) return 0;
        lock_with(*in, [mutex] { return ::pthread_mutex_trylock(mutex) == 0; });
        return 0;
    }
    static const auto real = next<int (*)(pthread_mutex_t*)>("pthread_mutex_lock", nullptr);
    return real(mutex);
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
    unlocked();
    static const auto real = next<int (*)(pthread_mutex_t*)>("pthread_mutex_unlock", nullptr);
    return real(mutex);
}

int pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept {
    unlocked();
    static const auto real = next<int (*)(pthread_rwlock_t*)>("pthread_rwlock_unlock", nullptr);
    return real(lock);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
    if (auto* in = world()) {
        lock_with(*in, [lock] { return ::pthread_rwlock_tryrdlock(lock) == 0; });
        return 0;
    }
    static const auto real = next<int (*)(pthread_rwlock_t*)>("pthread_rwlock_rdlock", nullptr);
    return real(lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
    if (auto* in = world()) {
        lock_with(*in, [lock] { return ::pthread_rwlock_trywrlock(lock) == 0; });
        return 0;
    }
    static const auto real = next<int (*)(pthread_rwlock_t*)>("pthread_rwlock_wrlock", nullptr);
    return real(lock);
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
    if (auto* in = world()) {
        (void)wait_on(*in, condition, mutex, -1);
        return 0;
    }
    static const auto real =
        next<int (*)(pthread_cond_t*, pthread_mutex_t*)>("pthread_cond_wait", "GLIBC_2.3.2");
    return real(condition, mutex);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* until) {
    if (auto* in = world())
        return wait_on(*in, condition, mutex, world_time_of(*in, clock, to_us(*until))) ? 0 : ETIMEDOUT;
    static const auto real = next<int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>(
        "pthread_cond_clockwait", nullptr);
    return real(condition, mutex, clock, until);
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
    if (world() != nullptr) return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, until);
    static const auto real = next<int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*)>(
        "pthread_cond_timedwait", "GLIBC_2.3.2");
    return real(condition, mutex, until);
}

int pthread_cond_signal(pthread_cond_t* condition) noexcept {
    if (auto* in = world()) in->wake(condition);
    static const auto real = next<int (*)(pthread_cond_t*)>("pthread_cond_signal", "GLIBC_2.3.2");
    return real(condition);
}

int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
    if (auto* in = world()) in->wake(condition);
    static const auto real = next<int (*)(pthread_cond_t*)>("pthread_cond_broadcast", "GLIBC_2.3.2");
    return real(condition);
}

// Random numbers of the system, of which ids are made.
unsigned simulated_random_device(void*) asm("_ZNSt13random_device9_M_getvalEv");
unsigned simulated_random_device(void*) {
    if (auto* in = world()) return static_cast<unsigned>(in->random());
    unsigned value = 0;
    (void)::syscall(SYS_getrandom, &value, sizeof value, 0);
    return value;
}

}  // extern "C"
