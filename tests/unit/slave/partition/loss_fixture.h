// A partition that is filled, closed and damaged, for tests.
#pragma once

#include <algorithm>
#include <fstream>
#include <sstream>

#include "slave/log/log_files.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {

class LossTest : public PartitionFixture {
  protected:
    using Rows = std::map<std::int64_t, std::string>;
    using Damage = std::function<void(const std::string& path)>;

    static std::string read(const std::string& path) {
        std::ostringstream out;
        out << std::ifstream(path, std::ios::binary).rdbuf();
        return out.str();
    }
    static void write(const std::string& path, const std::string& bytes) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }
    static std::vector<std::pair<std::string, Damage>> damages() {
        return {{"deleted", [](const std::string& path) { std::filesystem::remove(path); }},
                {"emptied", [](const std::string& path) { write(path, ""); }},
                {"cut in half",
                 [](const std::string& path) {
                     const auto bytes = read(path);
                     write(path, bytes.substr(0, bytes.size() / 2));
                 }},
                {"last 100 bytes flipped", [](const std::string& path) {
                     auto bytes = read(path);
                     for (auto i = bytes.size() - std::min<std::size_t>(100, bytes.size()); i < bytes.size();
                          ++i)
                         bytes[i] = static_cast<char>(~bytes[i]);
                     write(path, bytes);
                 }}};
    }
    // Compacted files, flushed ones, closed and open log files, with keys that replace each other.
    void fill() {
        options_.segment_bytes = 2000;
        options_.compaction.automatic = false;
        options_.compaction.idle = std::chrono::milliseconds(0);
        reopen();
        int key = 0;
        const auto add = [&](int rows) {
            for (int i = 0; i < rows; ++i, ++key) {
                append({{key % 40, "value " + std::to_string(key)}, {1000 + key, std::string(30, 'x')}});
                if (key % 7 == 0) append({{key % 40, "", true}});
            }
        };
        add(20);
        ASSERT_TRUE(partition_->flush().has_value());
        ASSERT_TRUE(partition_->compress({}).has_value());
        compacted_end_ = partition_->end_offset();
        add(20);
        ASSERT_TRUE(partition_->flush().has_value());
        add(3);
        ASSERT_TRUE(partition_->flush().has_value());  // nothing is under way
    }
    std::string keep_copy(const std::string& name) {
        const auto copy = root_ + "/" + name;
        std::filesystem::copy(directory_, copy, std::filesystem::copy_options::recursive);
        return copy;
    }
    void restore(const std::string& copy) {
        close();
        std::filesystem::remove_all(directory_);
        std::filesystem::copy(copy, directory_, std::filesystem::copy_options::recursive);
    }
    static std::vector<std::string> files_of(const std::string& directory) {
        std::vector<std::string> files;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
            if (entry.is_regular_file() && entry.file_size() > 0)
                files.push_back(std::filesystem::relative(entry.path(), directory));
        std::sort(files.begin(), files.end());
        return files;
    }
    // "": all rows, or refused by name.
    std::string outcome(const Rows& rows, Offset end) {
        auto opened = try_open();
        if (opened.has_error()) return named(opened.error());
        partition_ = *opened;
        const auto view = partition_->pin();
        if (const auto proven = view->prove_files(); proven.has_error()) return named(proven.error());
        if (partition_->end_offset() != end)
            return "it ends at offset " + std::to_string(partition_->end_offset()) + ", not " +
                   std::to_string(end);
        return live(*view) == rows ? "" : "it has other rows";
    }
    static std::string named(const Error& error) {
        if (error.code != ErrorCode::corrupt_data && error.code != ErrorCode::not_found)
            return "refused with " + error.to_text();
        const bool says =
            error.message.find("/p/") != std::string::npos || error.message.find("/p\"") != std::string::npos;
        return says ? "" : "refused without a name: " + error.message;
    }
    Result<std::vector<LostRange>> lost(bool accept) {
        PartitionContext context;
        context.files = files_;
        context.file_database = database_;
        context.now_us = [this] { return now_us_ += 1000; };
        context.uptime_us = [this] { return uptime_us_.load(); };
        return Partition::lost_records(directory_, table_, PartitionId{0}, options_, context, accept);
    }
    Offset compacted_end_ = 0;

    std::string newest_log_file() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/log"))
            if (entry.path().extension() == ".log") names.push_back(entry.path());
        return *std::max_element(names.begin(), names.end());
    }
};

}  // namespace dl::slave::test
