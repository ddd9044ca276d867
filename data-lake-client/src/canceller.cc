#include "data-lake-client/src/canceller.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace datalake {

Canceller::Canceller() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Canceller::~Canceller() {
    if (fd_ >= 0) ::close(fd_);
}

void Canceller::cancel() {
    if (!running_.load()) return;
    cancelled_.store(true);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
}

void Canceller::begin() {
    std::uint64_t count = 0;
    while (::read(fd_, &count, sizeof count) > 0) {
    }
    cancelled_.store(false);
    running_.store(true);
}

bool Canceller::sleep_ms(int milliseconds) const {
    pollfd wait{fd_, POLLIN, 0};
    ::poll(&wait, 1, milliseconds);
    return !cancelled();
}

}  // namespace datalake
