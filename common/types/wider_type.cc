#include "common/types/wider_type.h"

namespace dl {

bool is_wider_type(DataType wide, DataType narrow) {
    const int digits = wide.kind == TypeKind::decimal ? wide.precision - wide.scale : 0;  // in front
    switch (narrow.kind) {
        case TypeKind::int32:
            return wide.kind == TypeKind::int64 || wide.kind == TypeKind::float64 || digits >= 10;
        case TypeKind::int64:
            return digits >= 19;
        case TypeKind::float32:
            return wide.kind == TypeKind::float64;
        case TypeKind::decimal:
            return wide.kind == TypeKind::decimal && wide != narrow && wide.scale >= narrow.scale &&
                   digits >= narrow.precision - narrow.scale;
        case TypeKind::date:
            return wide.kind == TypeKind::timestamp;
        default:
            return false;
    }
}

DataType wider_type_of(DataType a, DataType b) {
    return is_wider_type(b, a) ? b : a;
}

std::string_view wider_types_text(DataType type) {
    switch (type.kind) {
        case TypeKind::int32:
            return "long, double or a decimal with ten digits in front";
        case TypeKind::int64:
            return "a decimal with nineteen digits in front";
        case TypeKind::float32:
            return "double";
        case TypeKind::decimal:
            return type.precision < 38 ? "a decimal with as many digits on either side, or more" : "";
        case TypeKind::date:
            return "timestamp";
        default:
            return "";
    }
}

}  // namespace dl
