#include "common/io/sealed_text.h"

#include <cstdio>

#include "common/base/crc32c.h"

namespace dl {
namespace {

constexpr std::string_view kWord = "crc32c ";
constexpr std::size_t kDigits = 8;
constexpr std::size_t kLineBytes = kWord.size() + kDigits + 1;

std::string seal_line(std::string_view text) {
    char digits[kDigits + 1];
    std::snprintf(digits, sizeof digits, "%08x", crc32c(0, text.data(), text.size()));
    return std::string(kWord) + digits + '\n';
}

}  // namespace

std::string seal_text(std::string text) {
    text += '\n';
    return text + seal_line(text);
}

bool looks_sealed(std::string_view text) {
    return text.size() > kLineBytes && text.substr(text.size() - kLineBytes, kWord.size()) == kWord;
}

Result<std::string_view> unseal_text(std::string_view sealed, std::string_view file) {
    const auto damaged = [&](std::string_view why) {
        return make_error(ErrorCode::corrupt_data, std::string(file) + " is damaged: " + std::string(why));
    };
    if (!looks_sealed(sealed)) return damaged("its last line is not its checksum");
    const auto text = sealed.substr(0, sealed.size() - kLineBytes);
    if (seal_line(text) != sealed.substr(text.size())) return damaged("its checksum is not that of its text");
    if (text.back() != '\n') return damaged("its checksum does not stand on a line of its own");
    return text.substr(0, text.size() - 1);
}

}  // namespace dl
