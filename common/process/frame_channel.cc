#include "common/process/frame_channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "common/base/byte_io.h"

namespace dl {
namespace {

constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kFdsAtOnce = 200;  // the kernel takes 253 in a message
constexpr std::size_t kPartsAtOnce = 64;
constexpr int kBufferBytes = 1 << 20;  // asked for; the kernel may give less

Error gone() {
    return make_error(ErrorCode::unavailable, "the process at the other end has ended");
}

Error failed(const char* what) {
    return make_error(ErrorCode::unavailable,
                      std::string(what) + " between processes: " + std::strerror(errno));
}

void write_header(char* header, std::uint32_t kind, std::size_t fds,
                  std::span<const std::string_view> parts) {
    std::uint64_t length = 0;
    for (const auto part : parts)
        length += part.size();
    store_le(header, kind);
    store_le(header + 4, static_cast<std::uint32_t>(fds));
    store_le(header + 8, length);
}

}  // namespace

Result<std::pair<FrameChannel, FrameChannel>> FrameChannel::make_pair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return failed("socketpair");
    FrameChannel first{UniqueFd(ends[0])}, second{UniqueFd(ends[1])};
    for (const int end : ends)
        ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
    return std::pair(std::move(first), std::move(second));
}

Result<void> FrameChannel::wait_for_ever(int fd, short events) {
    pollfd poll_fd{fd, events, 0};
    while (::poll(&poll_fd, 1, -1) < 0)
        if (errno != EINTR) return failed("poll");
    return {};
}

bool FrameChannel::is_readable() const {
    pollfd poll_fd{fd(), POLLIN, 0};
    return ::poll(&poll_fd, 1, 0) > 0;
}

std::string FrameChannel::framed(std::uint32_t kind, std::span<const std::string_view> parts) {
    char header[kHeaderBytes];
    write_header(header, kind, 0, parts);
    std::string bytes(header, sizeof header);
    for (const auto part : parts)
        bytes += part;
    return bytes;
}

Result<void> FrameChannel::send(std::uint32_t kind, std::span<const std::string_view> parts,
                                std::span<const int> fds, const Wait& wait, std::string_view before) const {
    char header[kHeaderBytes];
    write_header(header, kind, fds.size(), parts);
    std::vector<std::string_view> left{before, {header, sizeof header}};
    const auto first = fds.first(std::min(fds.size(), kFdsAtOnce));
    if (first.size() < fds.size()) {
        // More descriptors than go along with one message: a byte for each further lot, before the rest.
        DL_TRY(send_some(left, first, wait));
        for (std::size_t done = first.size(); done < fds.size();) {
            const auto lot = fds.subspan(done, std::min(fds.size() - done, kFdsAtOnce));
            left.assign(1, std::string_view("", 1));
            DL_TRY(send_some(left, lot, wait));
            done += lot.size();
        }
        left.assign(parts.begin(), parts.end());
        return send_some(left, {}, wait);
    }
    left.insert(left.end(), parts.begin(), parts.end());
    return send_some(left, first, wait);
}

Result<void> FrameChannel::send_some(std::vector<std::string_view>& parts, std::span<const int> fds,
                                     const Wait& wait) const {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kFdsAtOnce * sizeof(int))> control{};
    std::size_t at = 0;
    for (;;) {
        while (at < parts.size() && parts[at].empty())
            ++at;
        if (at == parts.size()) return {};
        std::array<iovec, kPartsAtOnce> vectors;
        msghdr message{};
        message.msg_iov = vectors.data();
        for (std::size_t i = at; i < parts.size() && message.msg_iovlen < vectors.size(); ++i)
            vectors[message.msg_iovlen++] = {const_cast<char*>(parts[i].data()), parts[i].size()};
        if (!fds.empty()) {
            message.msg_control = control.data();
            message.msg_controllen = CMSG_SPACE(fds.size_bytes());
            auto* told = CMSG_FIRSTHDR(&message);
            told->cmsg_level = SOL_SOCKET;
            told->cmsg_type = SCM_RIGHTS;
            told->cmsg_len = CMSG_LEN(fds.size_bytes());
            std::memcpy(CMSG_DATA(told), fds.data(), fds.size_bytes());
        }
        const auto sent = ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno == EPIPE || errno == ECONNRESET) return gone();
            if (errno != EAGAIN && errno != EWOULDBLOCK) return failed("sending");
            DL_TRY(wait(fd(), POLLOUT));
            continue;
        }
        fds = {};  // went along with the first byte
        auto left = static_cast<std::size_t>(sent);
        while (left > 0) {
            const auto taken = std::min(left, parts[at].size());
            parts[at].remove_prefix(taken);
            left -= taken;
            if (parts[at].empty()) ++at;
        }
    }
}

Result<void> FrameChannel::receive_bytes(char* to, std::size_t size, std::vector<UniqueFd>* fds,
                                         const Wait& wait) const {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kFdsAtOnce * sizeof(int))> control;
    for (std::size_t done = 0; done < size;) {
        iovec vector{to + done, size - done};
        msghdr message{};
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        if (fds != nullptr) {
            message.msg_control = control.data();
            message.msg_controllen = control.size();
        }
        const auto received = ::recvmsg(fd(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (received < 0) {
            if (errno == EINTR) continue;
            if (errno == ECONNRESET) return gone();
            if (errno != EAGAIN && errno != EWOULDBLOCK) return failed("receiving");
            DL_TRY(wait(fd(), POLLIN));
            continue;
        }
        for (auto* told = CMSG_FIRSTHDR(&message); fds != nullptr && told != nullptr;
             told = CMSG_NXTHDR(&message, told)) {
            if (told->cmsg_level != SOL_SOCKET || told->cmsg_type != SCM_RIGHTS) continue;
            for (std::size_t i = 0; i < (told->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
                int one = -1;
                std::memcpy(&one, CMSG_DATA(told) + i * sizeof(int), sizeof one);
                fds->emplace_back(one);
            }
        }
        if (received == 0) return gone();
        done += static_cast<std::size_t>(received);
    }
    return {};
}

Result<Frame> FrameChannel::receive(std::uint64_t bytes_max, std::size_t fds_max, const Wait& wait) const {
    Frame frame;
    auto* fds = fds_max > 0 ? &frame.fds : nullptr;
    char header[kHeaderBytes];
    DL_TRY(receive_bytes(header, sizeof header, fds, wait));
    frame.kind = load_le<std::uint32_t>(header);
    const auto fd_count = load_le<std::uint32_t>(header + 4);
    const auto length = load_le<std::uint64_t>(header + 8);
    if (length > bytes_max || fd_count > fds_max)
        return make_error(ErrorCode::corrupt_data, "a frame between processes has " + std::to_string(length) +
                                                       " bytes and " + std::to_string(fd_count) +
                                                       " descriptors, beyond its limits");
    while (frame.fds.size() < fd_count) {
        const auto before = frame.fds.size();
        char lot = 0;
        if (before < kFdsAtOnce)  // the first lot comes with the header
            return make_error(ErrorCode::corrupt_data, "a frame between processes lacks descriptors");
        DL_TRY(receive_bytes(&lot, 1, fds, wait));
        if (frame.fds.size() == before)
            return make_error(ErrorCode::corrupt_data, "a frame between processes lacks descriptors");
    }
    if (length == 0) return frame;
    auto bytes = std::make_shared_for_overwrite<char[]>(length);
    DL_TRY(receive_bytes(bytes.get(), length, nullptr, wait));
    const void* data = bytes.get();
    frame.bytes = SharedBytes(std::move(bytes), data, length);
    return frame;
}

}  // namespace dl
