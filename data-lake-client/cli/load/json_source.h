// Rows of a JSON file: an object each, fields by name. Numbers and nested values keep their text. A field
// given twice, or two that stand for one column, refuse the row.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json_tape.h"
#include "data-lake-client/cli/load/json_reader.h"
#include "data-lake-client/cli/load/load_columns.h"
#include "data-lake-client/cli/load/row_source.h"

namespace datalake::cli {

class JsonSource : public RowSource {
  public:
    JsonSource(std::string name, std::unique_ptr<ByteSource> bytes, LoadColumns& columns)
        : name_(std::move(name)), reader_(std::move(bytes)), columns_(columns) {}
    Result<bool> next(SourceRow& row) override;
    double fraction() const override { return -1; }

  private:
    int target_of(std::string_view key, std::size_t position);
    bool take(const dl::JsonTape& tape, SourceRow& row);
    Field field_of(const dl::JsonTape& tape, dl::JsonTape::Index value, std::string_view text);

    const std::string name_;
    JsonReader reader_;
    LoadColumns& columns_;
    // Rows mostly repeat the names of the row before, in the same order.
    std::vector<std::pair<std::string, int>> remembered_;
    std::string unescaped_;
};

}  // namespace datalake::cli
