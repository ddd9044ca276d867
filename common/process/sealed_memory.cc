#include "common/process/sealed_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace dl {
namespace {

// A map of so much gets its pages at once, which is cheaper than asking for them one by one. Of a larger one,
// a batch of many columns, a query may read a small part.
constexpr std::size_t kPopulatedBytesMax = 128u << 10;

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

Error failed(const char* what) {
    return make_error(ErrorCode::unavailable,
                      std::string("shared memory for a query: ") + what + ": " + std::strerror(errno));
}

}  // namespace

Result<std::shared_ptr<const SealedMemory>> SealedMemory::copy_of(std::span<const std::string_view> parts) {
    UniqueFd fd(::memfd_create("datalakedb-query", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) return failed("memfd_create");
    std::size_t size = 0;
    for (auto part : parts) {
        size += part.size();
        while (!part.empty()) {
            const auto written = ::write(fd.get(), part.data(), part.size());
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return failed("write");
            part.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return failed("sealing");
    return std::shared_ptr<const SealedMemory>(new SealedMemory(std::move(fd), size));
}

Result<SharedBytes> map_sealed(UniqueFd fd) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return failed("fstat");
    const int seals = ::fcntl(fd.get(), F_GET_SEALS);
    constexpr int kNeeded = F_SEAL_SHRINK | F_SEAL_WRITE;
    if (seals < 0 || (seals & kNeeded) != kNeeded || status.st_size <= 0)
        return make_error(ErrorCode::corrupt_data, "shared memory of a query is not sealed");
    const auto size = static_cast<std::size_t>(status.st_size);
    const int pages = size <= kPopulatedBytesMax ? MAP_POPULATE : 0;
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED | pages, fd.get(), 0);
    if (at == MAP_FAILED) return failed("mmap");
    std::shared_ptr<const void> owner(at, [size](const void* mapped) {
        ::munmap(const_cast<void*>(mapped), size);  // NOLINT: what mmap gave
    });
    return SharedBytes(std::move(owner), at, size);
}

}  // namespace dl
