// DuckDB by itself, with one copy of the rows: what a query over the wire has to answer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dl::test {

// Values as texts in the forms of PROTOCOL 2.1; nullopt is NULL.
struct Answer {
    std::string error;  // "" for a success
    std::vector<std::string> names;
    std::vector<bool> floating;  // per column: compared with a tolerance. Only DuckDB's own answers know.
    std::vector<std::vector<std::optional<std::string>>> rows;
};

class DuckReference {
  public:
    DuckReference();
    ~DuckReference();
    DuckReference(const DuckReference&) = delete;
    DuckReference& operator=(const DuckReference&) = delete;

    void execute(const std::string& sql);  // throws std::runtime_error
    Answer query(const std::string& sql);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// The rows of a reply, one JSON object a frame; names in order, also such that occur twice.
Answer answer_of_frames(const std::vector<std::string>& frames);
// "" when they agree, else what differs first. Rows in any order unless `ordered`; names of an answer without
// rows over the wire are not known.
std::string difference(const Answer& expected, const Answer& got, bool ordered);

}  // namespace dl::test
