#include <gtest/gtest.h>

#include <algorithm>

#include "slave/snapshot/manifest.h"
#include "slave/snapshot/manifest_changes.h"
#include "tests/support/sim_file_system.h"

namespace dl::slave {
namespace {

const std::string kDirectory = "/data/p0";
const std::string kPath = kDirectory + "/manifest";

Manifest first_manifest() {
    Manifest manifest;
    manifest.edition = 1;
    manifest.table = TableId{7};
    manifest.partition = PartitionId{3};
    return manifest;
}

// One flush more.
Manifest flushed(Manifest manifest) {
    ManifestFile file;
    file.first_offset = file.first_row_offset = manifest.flushed_end;
    file.end_offset = file.first_offset + 10;
    file.last_row_offset = file.end_offset - 1;
    file.rows = 10;
    file.edition = file.vector_version = ++manifest.edition;
    file.fields = {{FieldId{1}, "f1", DataType{TypeKind::int64}, false, {}}};
    manifest.flushed_end = file.end_offset;
    manifest.files.push_back(file);
    return manifest;
}

class ManifestStoreTest : public ::testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(files_.create_directories(kDirectory).has_value());
        ASSERT_TRUE(files_.sync_directory("/data").has_value());
        ASSERT_TRUE(files_.sync_directory("/").has_value());
    }
    std::uint64_t size() { return *files_.file_size(kPath); }
    std::uint64_t edition() {
        const auto manifest = ManifestStore(files_, kDirectory).load();
        EXPECT_TRUE(manifest.has_value()) << manifest.error().to_text();
        return manifest.has_value() ? manifest->edition : 0;
    }

    SimFileSystem files_;
};

// Many commits write about as much as they change, and the file stays within about twice its content.
TEST_F(ManifestStoreTest, ChangesAreAppendedUntilTheyAreAsLongAsTheWhole) {
    ManifestStore store(files_, kDirectory);
    auto manifest = first_manifest();
    ASSERT_TRUE(store.replace(manifest, "test").has_value());
    int rewritten = 0;
    for (int i = 0; i < 200; ++i) {
        const auto before = size();
        const auto next = flushed(manifest);
        ASSERT_TRUE(store.commit(manifest, next, "test").has_value());
        manifest = next;
        const auto whole = encode_manifest(manifest).size();
        if (size() == whole)
            ++rewritten;
        else
            ASSERT_LT(size() - before, 600u);
        ASSERT_LE(size(), 2 * whole + ManifestStore::kChangesBytesMin);
        ASSERT_EQ(edition(), manifest.edition);
    }
    EXPECT_GT(rewritten, 1);
    EXPECT_LT(rewritten, 10);
}

// Copies of all releases compare it: docs/formats/rpc.md, fetch.
TEST(Manifest, WhatWasGivenUpIsToldApart) {
    Manifest manifest;
    EXPECT_EQ(losses_digest(manifest), 0u);
    manifest.salvaged_end = 1000;
    manifest.lost = {{0, 400, true}, {700, 1000, false}};
    EXPECT_EQ(losses_digest(manifest), 4034558497u) << "CRC-32C of '1000 0-400 700+1000'";
    manifest.lost[1].end_is_known = true;
    EXPECT_NE(losses_digest(manifest), 4034558497u);
}

TEST_F(ManifestStoreTest, NothingIsAppendedToAFileThatAnotherProcessWrote) {
    auto manifest = first_manifest();
    ASSERT_TRUE(ManifestStore(files_, kDirectory).replace(manifest, "test").has_value());
    ManifestStore store(files_, kDirectory);
    const auto next = flushed(manifest);
    ASSERT_TRUE(store.commit(manifest, next, "test").has_value());
    EXPECT_EQ(size(), encode_manifest(next).size());
}

// The power fails within any call of three commits: what was committed is there, what was not is there whole
// or not at all, and commits go on from there.
TEST_F(ManifestStoreTest, ACommitIsAllOrNothingWhenThePowerFails) {
    for (std::uint64_t calls = 0; calls < 12; ++calls)
        for (std::uint64_t seed = 0; seed < 12; ++seed) {
            SimFileSystem files;
            ASSERT_TRUE(files.create_directories(kDirectory).has_value());
            ASSERT_TRUE(files.sync_directory("/data").has_value());
            ASSERT_TRUE(files.sync_directory("/").has_value());
            std::vector<Manifest> steps = {first_manifest()};
            std::size_t committed = 0;
            {
                ManifestStore store(files, kDirectory);
                ASSERT_TRUE(store.replace(steps.front(), "test").has_value());
                files.power_off_after(calls);
                for (int i = 0; i < 6; ++i) {
                    steps.push_back(flushed(steps.back()));
                    if (store.commit(steps[steps.size() - 2], steps.back(), "test").has_error()) break;
                    ++committed;
                }
            }
            files.crash(seed);
            ManifestStore store(files, kDirectory);
            auto found = store.load();
            ASSERT_TRUE(found.has_value()) << found.error().to_text();
            ASSERT_GE(found->edition, steps[committed].edition);
            ASSERT_LE(found->edition, steps.back().edition);
            ASSERT_EQ(encode_manifest(*found), encode_manifest(steps[found->edition - 1]));
            const auto next = flushed(*found);
            ASSERT_TRUE(store.commit(*found, next, "test").has_value());
            ASSERT_EQ(encode_manifest(*ManifestStore(files, kDirectory).load()), encode_manifest(next));
        }
}

// After an error nobody knows what of it is on the disk: nothing is appended behind it.
TEST_F(ManifestStoreTest, AfterAnErrorTheWholeIsWritten) {
    for (const auto call : {SimCall::append, SimCall::sync}) {
        ManifestStore store(files_, kDirectory);
        auto manifest = first_manifest();
        ASSERT_TRUE(store.replace(manifest, "test").has_value());
        auto next = flushed(manifest);
        ASSERT_TRUE(store.commit(manifest, next, "test").has_value());
        manifest = next;
        next = flushed(manifest);
        files_.fail(call, 1, SimFault::short_write);
        ASSERT_TRUE(store.commit(manifest, next, "test").has_error());
        next.edition += 1;
        next.files.back().edition = next.files.back().vector_version = next.edition;
        ASSERT_TRUE(store.commit(manifest, next, "test").has_value());
        EXPECT_EQ(size(), encode_manifest(next).size());
        EXPECT_EQ(edition(), next.edition);
    }
}

}  // namespace
}  // namespace dl::slave
