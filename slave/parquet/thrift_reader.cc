#include "slave/parquet/thrift_reader.h"

namespace dl::slave {

void ThriftReader::skip(Kind kind) {
    switch (kind) {
        case bool_true:
        case bool_false:
            return;  // the kind is the value; in a list it takes a byte, which we never have to skip
        case byte:
            next_byte();
            return;
        case i16:
        case i32:
        case i64:
            varint();
            return;
        case real:
            for (int i = 0; i < 8; ++i)
                next_byte();
            return;
        case binary:
            text();
            return;
        case list:
        case set:
            if (++depth_ > kDepthMax) failed_ = true;
            list_elements([this](Kind element) {
                if (element == bool_true || element == bool_false)
                    next_byte();
                else
                    skip(element);
            });
            --depth_;
            return;
        case structure:
            structure_fields([this](std::int16_t, Kind field) { skip(field); });
            return;
        case stop:
        case map:
        default:
            failed_ = true;  // Parquet has no maps
            return;
    }
}

}  // namespace dl::slave
