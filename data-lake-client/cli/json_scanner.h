// Finds where a JSON value ends while it is still being typed or pasted. Brackets and strings only: whether
// it is good JSON is for the server to say.
#pragma once

#include <cstddef>
#include <string_view>

namespace datalake::cli {

class JsonScanner {
  public:
    // Goes on in `text`, which begins where the value begins and has grown since the last call. True when the
    // value is complete; end() is then the position behind it.
    bool scan(std::string_view text);
    std::size_t end() const { return at_; }
    // scan() stopped at a backslash that begins a line, which no JSON has outside of its texts; end() is on
    // it.
    bool at_backslash() const { return at_backslash_; }
    bool in_string() const { return in_string_; }
    void reset() { *this = JsonScanner(); }

  private:
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
    bool in_string_ = false;
    bool escaped_ = false;
    bool line_begins_ = false;  // nothing but blanks since the last line end
    bool at_backslash_ = false;
};

}  // namespace datalake::cli
