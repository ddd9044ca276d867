#include "data-lake-client/cli/json_scanner.h"

namespace datalake::cli {

bool JsonScanner::scan(std::string_view text) {
    at_backslash_ = false;
    while (at_ < text.size()) {
        const char c = text[at_];
        if (!in_string_ && line_begins_ && c == '\\') {
            at_backslash_ = true;
            return false;
        }
        ++at_;
        line_begins_ = c == '\n' || (line_begins_ && (c == ' ' || c == '\t'));
        if (in_string_) {
            if (escaped_) {
                escaped_ = false;
            } else if (c == '\\') {
                escaped_ = true;
            } else if (c == '"') {
                in_string_ = false;
                if (depth_ == 0) return true;
            }
        } else if (c == '"') {
            in_string_ = true;
        } else if (c == '{' || c == '[') {
            ++depth_;
        } else if (c == '}' || c == ']') {
            if (depth_ <= 1) return true;
            --depth_;
        }
    }
    return false;
}

}  // namespace datalake::cli
