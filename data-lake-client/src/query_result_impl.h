// The inside of QueryResult: frames that wait, the current row and its cells.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "data-lake-client/src/json_text.h"
#include "data-lake-client/src/session.h"
#include "datalake/query_result.h"

namespace datalake {

struct QueryResult::Impl {
    Impl(Session& a_session, bool with_meta) : session(a_session), meta_wanted(with_meta) {}
    ~Impl() {
        if (!ended) session.finish();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Result<void> begin(const Session::Request& request);
    Result<bool> next();

    Session& session;
    const bool meta_wanted;
    bool ended = false;
    std::deque<std::string> waiting;
    std::vector<std::string> columns;
    std::string row;               // frame the cells point into
    std::vector<JsonSlice> cells;  // of the current row
    std::uint64_t rows = 0;
    std::string meta;

  private:
    Result<void> take(ReplyItem&& item);
    Result<void> read_names(std::string_view frame);
    Result<void> read_row();
    void take_meta_columns();
};

}  // namespace datalake
