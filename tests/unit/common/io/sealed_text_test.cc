#include "common/io/sealed_text.h"

#include <gtest/gtest.h>

namespace dl {
namespace {

TEST(SealedText, EveryFlippedBitAndEveryCutIsNoticed) {
    const std::string text = "{\"name\":\"t1\",\"default\":\"x\"}";
    const auto sealed = seal_text(text);
    ASSERT_TRUE(looks_sealed(sealed));
    EXPECT_EQ(*unseal_text(sealed, "f"), text);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            auto damaged = sealed;
            damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
            EXPECT_TRUE(unseal_text(damaged, "f").has_error()) << i << " " << bit;
        }
        EXPECT_TRUE(unseal_text(sealed.substr(0, i), "f").has_error()) << i;
    }
    EXPECT_TRUE(unseal_text(sealed + sealed, "f").has_error());
    EXPECT_FALSE(looks_sealed(text));
    EXPECT_EQ(unseal_text(text, "the file").error().code, ErrorCode::corrupt_data);
    EXPECT_NE(unseal_text(text, "the file").error().message.find("the file"), std::string::npos);
}

}  // namespace
}  // namespace dl
