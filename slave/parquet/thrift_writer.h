// The compact protocol of Thrift, as far as the metadata of Parquet files needs it
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). Fields of a structure
// come in ascending order of their ids. thrift_reader.h is the other direction. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "slave/parquet/hybrid_writer.h"
#include "slave/parquet/thrift_reader.h"

namespace dl::slave {

class ThriftWriter {
  public:
    using Kind = ThriftReader::Kind;

    // Appends one structure to `out`: its fields, then end_structure().
    explicit ThriftWriter(std::string& out) : out_(out) { last_ids_.push_back(0); }

    void i32(std::int16_t id, std::int32_t value) {
        begin_field(id, Kind::i32);
        zigzag(value);
    }
    void i64(std::int16_t id, std::int64_t value) {
        begin_field(id, Kind::i64);
        zigzag(value);
    }
    void boolean(std::int16_t id, bool value) { begin_field(id, value ? Kind::bool_true : Kind::bool_false); }
    void text(std::int16_t id, std::string_view value) {
        begin_field(id, Kind::binary);
        element_text(value);
    }
    void begin_structure(std::int16_t id) {
        begin_field(id, Kind::structure);
        last_ids_.push_back(0);
    }
    void end_structure() {
        out_.push_back(static_cast<char>(Kind::stop));
        last_ids_.pop_back();
    }
    // Followed by `count` elements.
    void begin_list(std::int16_t id, Kind kind, std::size_t count) {
        begin_field(id, Kind::list);
        if (count < 15) {
            out_.push_back(static_cast<char>(count << 4 | kind));
        } else {
            out_.push_back(static_cast<char>(0xf0 | kind));
            append_varint(out_, count);
        }
    }
    void element_i32(std::int32_t value) { zigzag(value); }
    void element_text(std::string_view value) {
        append_varint(out_, value.size());
        out_.append(value);
    }
    // Fields, then end_structure().
    void begin_element_structure() { last_ids_.push_back(0); }

  private:
    void begin_field(std::int16_t id, Kind kind) {
        const int step = id - last_ids_.back();
        DL_CHECK(step > 0 && step < 16, "fields ascend, and no gap of ours is longer");
        out_.push_back(static_cast<char>(step << 4 | kind));
        last_ids_.back() = id;
    }
    void zigzag(std::int64_t value) {
        append_varint(out_, static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
    }

    std::string& out_;
    std::vector<std::int16_t> last_ids_;  // of the open structures
};

}  // namespace dl::slave
