#include "data-lake-client/cli/load/byte_source.h"

#include <fcntl.h>
#include <iconv.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "common/base/ascii.h"

namespace datalake::cli {
namespace {

constexpr std::size_t kChunkBytes = 256u << 10;

Error failed(const std::string& name, std::string_view why) {
    return Error(ErrorCode::invalid_argument, name + ": " + std::string(why));
}

class FileBytes : public ByteSource {
  public:
    FileBytes(std::string name, int fd, ReadProgress& progress)
        : name_(std::move(name)), fd_(fd), progress_(progress) {}
    ~FileBytes() override {
        if (fd_ > STDIN_FILENO) ::close(fd_);
    }
    Result<std::size_t> read(char* to, std::size_t size) override {
        for (;;) {
            const auto got = ::read(fd_, to, size);
            if (got >= 0) {
                progress_.done += static_cast<std::uint64_t>(got);
                return static_cast<std::size_t>(got);
            }
            if (errno != EINTR) return failed(name_, std::string("cannot be read: ") + std::strerror(errno));
        }
    }

  private:
    const std::string name_;
    const int fd_;
    ReadProgress& progress_;
};

class MemoryBytes : public ByteSource {
  public:
    explicit MemoryBytes(std::string content) : content_(std::move(content)) {}
    Result<std::size_t> read(char* to, std::size_t size) override {
        const auto part = std::min(size, content_.size() - at_);
        std::memcpy(to, content_.data() + at_, part);
        at_ += part;
        return part;
    }

  private:
    const std::string content_;
    std::size_t at_ = 0;
};

// A source with its first bytes looked at.
class PeekedBytes : public ByteSource {
  public:
    explicit PeekedBytes(std::unique_ptr<ByteSource> inner) : inner_(std::move(inner)) {}
    // The first `size` bytes, fewer when there are no more.
    Result<std::string_view> peek(std::size_t size) {
        while (head_.size() < size) {
            char part[64];
            auto got = inner_->read(part, std::min(sizeof part, size - head_.size()));
            if (!got.ok()) return got.error();
            if (*got == 0) break;
            head_.append(part, *got);
        }
        return std::string_view(head_);
    }
    void drop(std::size_t size) { at_ += size; }
    Result<std::size_t> read(char* to, std::size_t size) override {
        if (at_ == head_.size()) return inner_->read(to, size);
        const auto part = std::min(size, head_.size() - at_);
        std::memcpy(to, head_.data() + at_, part);
        at_ += part;
        return part;
    }

  private:
    std::unique_ptr<ByteSource> inner_;
    std::string head_;
    std::size_t at_ = 0;
};

// Packed bytes, a chunk at a time.
class PackedInput {
  public:
    explicit PackedInput(std::unique_ptr<ByteSource> inner) : inner_(std::move(inner)), chunk_(kChunkBytes) {}
    Result<bool> fill() {
        auto got = inner_->read(chunk_.data(), chunk_.size());
        if (!got.ok()) return got.error();
        size = *got;
        at = 0;
        return size > 0;
    }
    const char* data() const { return chunk_.data(); }
    std::size_t at = 0;
    std::size_t size = 0;

  private:
    std::unique_ptr<ByteSource> inner_;
    std::vector<char> chunk_;
};

class GzipBytes : public ByteSource {
  public:
    GzipBytes(std::string name, std::unique_ptr<ByteSource> inner)
        : name_(std::move(name)), input_(std::move(inner)) {
        good_ = ::inflateInit2(&stream_, 15 + 16) == Z_OK;
    }
    ~GzipBytes() override { ::inflateEnd(&stream_); }
    GzipBytes(const GzipBytes&) = delete;
    GzipBytes& operator=(const GzipBytes&) = delete;

    Result<std::size_t> read(char* to, std::size_t size) override {
        if (!good_) return failed(name_, "zlib does not start");
        if (finished_) return std::size_t{0};
        size = std::min<std::size_t>(size, 1u << 30);
        stream_.next_out = reinterpret_cast<Bytef*>(to);
        stream_.avail_out = static_cast<uInt>(size);
        while (stream_.avail_out == size) {
            if (input_.at == input_.size) {
                auto more = input_.fill();
                if (!more.ok()) return more.error();
                if (!*more) {
                    if (!between_members_)
                        return failed(name_, "unexpected end of file: the gzip data is cut off");
                    finished_ = true;
                    return std::size_t{0};
                }
            }
            if (between_members_) {
                // Padding with zeros is usual behind the last member.
                while (input_.at < input_.size && input_.data()[input_.at] == '\0')
                    ++input_.at;
                if (input_.at == input_.size) continue;
                between_members_ = false;
            }
            stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input_.data())) + input_.at;
            stream_.avail_in = static_cast<uInt>(input_.size - input_.at);
            const int code = ::inflate(&stream_, Z_NO_FLUSH);
            input_.at = input_.size - stream_.avail_in;
            if (code == Z_STREAM_END) {
                between_members_ = true;
                ::inflateReset(&stream_);
            } else if (code != Z_OK && code != Z_BUF_ERROR) {
                const std::string why = stream_.msg == nullptr ? "damaged" : stream_.msg;
                if (why == "incorrect data check")
                    return failed(name_, "the gzip data is damaged: its checksum is wrong");
                return failed(name_, "the gzip data is damaged: " + why);
            }
        }
        return size - stream_.avail_out;
    }

  private:
    const std::string name_;
    PackedInput input_;
    z_stream stream_{};
    bool good_ = false;
    bool between_members_ = false;
    bool finished_ = false;
};

class ZstdBytes : public ByteSource {
  public:
    ZstdBytes(std::string name, std::unique_ptr<ByteSource> inner)
        : name_(std::move(name)), input_(std::move(inner)), stream_(::ZSTD_createDStream()) {}
    ~ZstdBytes() override { ::ZSTD_freeDStream(stream_); }
    ZstdBytes(const ZstdBytes&) = delete;
    ZstdBytes& operator=(const ZstdBytes&) = delete;

    Result<std::size_t> read(char* to, std::size_t size) override {
        if (stream_ == nullptr) return failed(name_, "zstd does not start");
        ZSTD_outBuffer out{to, size, 0};
        while (out.pos == 0) {
            if (input_.at == input_.size && !flushing_) {
                auto more = input_.fill();
                if (!more.ok()) return more.error();
                if (!*more) {
                    if (!between_frames_)
                        return failed(name_, "unexpected end of file: the zstd data is cut off");
                    return std::size_t{0};
                }
            }
            ZSTD_inBuffer in{input_.data(), input_.size, input_.at};
            const auto code = ::ZSTD_decompressStream(stream_, &out, &in);
            if (::ZSTD_isError(code) != 0)
                return failed(name_, std::string("the zstd data is damaged: ") + ::ZSTD_getErrorName(code));
            input_.at = in.pos;
            between_frames_ = code == 0;
            // A full output may leave more inside the decoder.
            flushing_ = out.pos == out.size && !between_frames_;
        }
        return out.pos;
    }

  private:
    const std::string name_;
    PackedInput input_;
    ZSTD_DStream* stream_;
    bool between_frames_ = false;
    bool flushing_ = false;
};

class IconvBytes : public ByteSource {
  public:
    IconvBytes(std::string name, std::unique_ptr<ByteSource> inner, iconv_t converter, std::size_t unit_bytes)
        : name_(std::move(name)), inner_(std::move(inner)), converter_(converter), unit_bytes_(unit_bytes) {}
    ~IconvBytes() override { ::iconv_close(converter_); }
    IconvBytes(const IconvBytes&) = delete;
    IconvBytes& operator=(const IconvBytes&) = delete;

    Result<std::size_t> read(char* to, std::size_t size) override {
        char* out = to;
        std::size_t room = size;
        while (out == to) {
            if (pending_.size() < kChunkBytes && !ended_) {
                char part[kChunkBytes / 4];
                auto got = inner_->read(part, sizeof part);
                if (!got.ok()) return got.error();
                ended_ = *got == 0;
                pending_.append(part, *got);
            }
            if (pending_.empty()) return std::size_t{0};
            char* in = pending_.data();
            std::size_t left = pending_.size();
            const auto done = ::iconv(converter_, &in, &left, &out, &room);
            const int why = errno;
            if (done == static_cast<std::size_t>(-1) && room > 0 &&
                (why == EILSEQ || (why == EINVAL && ended_))) {
                *out++ = '\xff';
                --room;
                const auto skip = std::min(left, unit_bytes_);
                in += skip;
                left -= skip;
                ::iconv(converter_, nullptr, nullptr, nullptr, nullptr);
            }
            pending_.erase(0, pending_.size() - left);
            if (out == to && room < 8) return failed(name_, "the buffer is too small");
        }
        return static_cast<std::size_t>(out - to);
    }

  private:
    const std::string name_;
    std::unique_ptr<ByteSource> inner_;
    iconv_t converter_;
    const std::size_t unit_bytes_;
    std::string pending_;
    bool ended_ = false;
};

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> endings) {
    return std::any_of(endings.begin(), endings.end(), [&](auto ending) { return name.ends_with(ending); });
}

Result<std::unique_ptr<ByteSource>> unpacked(const std::string& name, std::unique_ptr<ByteSource> raw) {
    auto source = std::make_unique<PeekedBytes>(std::move(raw));
    auto peeked = source->peek(6);
    if (!peeked.ok()) return peeked.error();
    const std::string head(*peeked);
    const auto small = dl::ascii_lowercase(name);
    if (head.starts_with("\x1f\x8b"))
        return std::unique_ptr<ByteSource>(std::make_unique<GzipBytes>(name, std::move(source)));
    if (head.starts_with("\x28\xb5\x2f\xfd"))
        return std::unique_ptr<ByteSource>(std::make_unique<ZstdBytes>(name, std::move(source)));
    if (small.ends_with(".gz")) return failed(name, "is not a gzip file");
    if (small.ends_with(".zst")) return failed(name, "is not a zstd file");
    if (head.starts_with("PK\x03\x04") || head.starts_with("BZh") ||
        head.starts_with("\xfd"
                         "7zXZ") ||
        ends_with_any(small, {".zip", ".bz2", ".xz", ".lz4", ".7z"}))
        return failed(name, "is packed in a way that is not read; .gz and .zst are");
    return std::unique_ptr<ByteSource>(std::move(source));
}

Result<std::unique_ptr<ByteSource>> decoded(const std::string& name, std::unique_ptr<ByteSource> raw,
                                            const std::string& encoding) {
    auto source = std::make_unique<PeekedBytes>(std::move(raw));
    auto peeked = source->peek(3);
    if (!peeked.ok()) return peeked.error();
    const std::string head(*peeked);
    auto from = dl::ascii_lowercase(encoding);
    if (from == "utf8") from = "utf-8";
    if (from == "utf16") from = "utf-16";
    if (head.starts_with("\xef\xbb\xbf") && (from.empty() || from == "utf-8")) {
        source->drop(3);
        return std::unique_ptr<ByteSource>(std::move(source));
    }
    const bool little = head.starts_with("\xff\xfe"), big = head.starts_with("\xfe\xff");
    if ((little || big) && (from.empty() || from.starts_with("utf-16"))) {
        source->drop(2);
        from = little ? "utf-16le" : "utf-16be";
    }
    if (from.empty() || from == "utf-8") return std::unique_ptr<ByteSource>(std::move(source));
    if (from == "utf-16") from = "utf-16le";
    if (from == "latin-1") from = "latin1";
    const bool is_name = from.find('/') == std::string::npos;
    const auto converter = is_name ? ::iconv_open("UTF-8", from.c_str()) : iconv_t(-1);
    if (converter == iconv_t(-1))
        return failed(name,
                      "the encoding " + encoding +
                          " is not known; utf-8, latin-1, windows-1252, utf-16 and others of iconv are");
    const std::size_t unit = from.starts_with("utf-16") ? 2 : from.starts_with("utf-32") ? 4 : 1;
    return std::unique_ptr<ByteSource>(
        std::make_unique<IconvBytes>(name, std::move(source), converter, unit));
}

Result<std::unique_ptr<ByteSource>> opened(const std::string& name, std::unique_ptr<ByteSource> raw,
                                           const std::string& encoding) {
    auto plain = unpacked(name, std::move(raw));
    if (!plain.ok()) return plain;
    return decoded(name, std::move(*plain), encoding);
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open_bytes(const std::string& path, const std::string& name,
                                               const std::string& encoding, ReadProgress& progress) {
    int fd = STDIN_FILENO;
    if (path != "-") {
        fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return failed(name, errno == ENOENT ? "there is no such file"
                                                : std::string("cannot be read: ") + std::strerror(errno));
        struct stat status {};
        if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
            progress.total = static_cast<std::uint64_t>(status.st_size);
    }
    return opened(name, std::make_unique<FileBytes>(name, fd, progress), encoding);
}

Result<std::unique_ptr<ByteSource>> bytes_of(std::string content, const std::string& encoding) {
    return opened("memory", std::make_unique<MemoryBytes>(std::move(content)), encoding);
}

}  // namespace datalake::cli
