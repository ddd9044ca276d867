// A slice of an immutable, reference-counted byte buffer. Copies share the buffer; the bytes stay valid
// and unchanged for as long as any copy lives. Thread-safe in the way std::shared_ptr is.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/check.h"

namespace dl {

class SharedBytes {
  public:
    SharedBytes() = default;
    SharedBytes(std::shared_ptr<const void> owner, const void* data, std::size_t size)
        : owner_(std::move(owner)), data_(static_cast<const std::byte*>(data)), size_(size) {}

    static SharedBytes from_string(std::string text) {
        auto owner = std::make_shared<const std::string>(std::move(text));
        const void* data = owner->data();
        const auto size = owner->size();
        return SharedBytes(std::move(owner), data, size);
    }
    static SharedBytes copy_of(const void* data, std::size_t size) {
        std::shared_ptr<std::byte[]> owner(new std::byte[size]);
        if (size != 0) std::memcpy(owner.get(), data, size);
        const void* start = owner.get();
        return SharedBytes(std::move(owner), start, size);
    }

    const std::byte* data() const { return data_; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    std::span<const std::byte> span() const { return {data_, size_}; }
    std::string_view view() const { return {reinterpret_cast<const char*>(data_), size_}; }
    // offset + length must lie within this slice.
    SharedBytes slice(std::size_t offset, std::size_t length) const {
        DL_CHECK(offset <= size_ && length <= size_ - offset, "a slice lies within its bytes");
        return SharedBytes(owner_, data_ + offset, length);
    }

  private:
    std::shared_ptr<const void> owner_;
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace dl
