#include "common/base/random_id.h"

#include <random>

namespace dl {

std::string random_hex(int digits) {
    std::random_device random;
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (int i = 0; i < digits; ++i)
        text += kDigits[random() & 15];
    return text;
}

}  // namespace dl
