#include "common/io/mapped_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>

namespace dl {
namespace {

// The handler may take no lock and no memory: a table that only grows in use. The kernel's own limit is 65
// 530 mappings (vm.max_map_count).
struct Slot {
    std::atomic<std::uintptr_t> begin{0};  // 0: free
    std::atomic<std::uintptr_t> end{0};
};
constexpr std::size_t kSlots = 65'536;
std::array<Slot, kSlots> slots;
std::atomic<std::size_t> slots_used{0};  // none behind is taken
std::atomic<std::uint64_t> pages_lost{0};
std::uintptr_t page_bytes = 4096;
struct sigaction before;  // what the process did with SIGBUS

bool is_guarded(std::uintptr_t at) {
    const auto used = slots_used.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < used; ++i) {
        const auto begin = slots[i].begin.load(std::memory_order_acquire);
        if (begin != 0 && begin <= at && at < slots[i].end.load(std::memory_order_acquire)) return true;
    }
    return false;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
    const int kept_errno = errno;
    const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
    if (is_guarded(at)) {
        void* page = reinterpret_cast<void*>(at / page_bytes * page_bytes);
        if (::mmap(page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page) {
            pages_lost.fetch_add(1);
            errno = kept_errno;
            return;
        }
    }
    errno = kept_errno;
    if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr)
        return before.sa_sigaction(signal, info, context);
    // The instruction is tried again and ends the process, as it would have without us.
    ::sigaction(SIGBUS, &before, nullptr);
}

void install() {
    static std::once_flag once;
    std::call_once(once, [] {
        page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        struct sigaction action {};
        action.sa_sigaction = on_bus_error;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        ::sigemptyset(&action.sa_mask);
        ::sigaction(SIGBUS, &action, &before);
    });
}

std::mutex slots_mutex;  // of who takes a slot

}  // namespace

bool guard_mapping(const void* at, std::size_t length) {
    install();
    const auto begin = reinterpret_cast<std::uintptr_t>(at);
    const std::lock_guard lock(slots_mutex);
    const auto used = slots_used.load();
    std::size_t free = 0;
    while (free < used && slots[free].begin.load() != 0)
        ++free;
    if (free == kSlots) return false;
    slots[free].end.store(begin + length, std::memory_order_release);
    slots[free].begin.store(begin, std::memory_order_release);
    if (free == used) slots_used.store(used + 1, std::memory_order_release);
    return true;
}

void stop_guarding_mapping(const void* at) {
    const auto begin = reinterpret_cast<std::uintptr_t>(at);
    const std::lock_guard lock(slots_mutex);
    const auto used = slots_used.load();
    for (std::size_t i = 0; i < used; ++i)
        if (slots[i].begin.load() == begin) return slots[i].begin.store(0, std::memory_order_release);
}

std::uint64_t mapped_pages_lost() {
    return pages_lost.load();
}

}  // namespace dl
