// Frames of replies that are JSON objects, as rows of a result.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "data-lake-client/cli/result_writer.h"
#include "data-lake-client/src/json_text.h"

namespace datalake::cli {

inline Cell json_cell(const JsonSlice& value) {
    return {cell_kind(value.kind), value.kind == JsonKind::null ? std::string() : value.text()};
}

inline Error unexpected_frame(std::string_view what) {
    return Error(ErrorCode::protocol_error, "a frame of the reply is not " + std::string(what));
}

// begin() of the writer is called with the first row.
class JsonRows {
  public:
    explicit JsonRows(ResultWriter& writer) : writer_(writer) {}
    Result<void> add(const std::string& frame) {
        JsonReader reader(frame);
        reader.enter();
        std::vector<std::string> names;
        cells_.clear();
        while (reader.next()) {
            if (!begun_) names.push_back(reader.key());
            cells_.push_back(json_cell(reader.value()));
        }
        if (reader.failed()) return unexpected_frame("a JSON object");
        if (!begun_) writer_.begin(std::move(names));
        begun_ = true;
        writer_.row(cells_);
        ++rows_;
        return {};
    }
    std::uint64_t rows() const { return rows_; }

  private:
    ResultWriter& writer_;
    bool begun_ = false;
    std::uint64_t rows_ = 0;
    std::vector<Cell> cells_;
};

}  // namespace datalake::cli
