// A client's request frame, and its rows where it has some.
#include "master/protocol/native/batch_json.h"
#include "tests/fuzz/batch_table.h"

namespace dl {

std::vector<std::string> fuzz_seeds() {
    return {
        R"({"batch_insert":{"table_name":"t","data":[
            {"id":"a","n":"+07","l":9223372036854775807,"f":1.5,"d":"-inf","b":true,"ts":"2024-01-31T12:00:00.5+08:00",
             "dt":"2024-02-29","p":12.345,"q":-1e20,"bin":"AAEC","must":"\u003d\ud83d\ude00"},
            {"id":"b","_crud_type":"delete"},{"id":"c","n":null,"crud":"insert"},{"ID":"é中","q":0.5}]}})",
        R"({"insert":{"table_name":"t","crud":"delete","data":{"id":1.50,"n":70e-1,"b":"0"}}})",
        R"({"options":{"timeout_ms":5,"batch_id":"b","meta":true,"min_offsets":{"0":42},"format":"json"},"query":"x"})",
        R"({"create":{"table_name":"t","col_type":{"id":"int","x":"double"},"partition_number":4,"major_key":"id",
            "replica_number":2,"not_null":["x"],"default":{"x":1.5}}})",
        R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":0,"offset":5}],"read_count":500}})",
        R"("batch_insert")",
        R"({"batch_insert":null})",
        R"({"sql":"drop t"})",
        R"({"metadata":"t"})"};
}

}  // namespace dl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dl;
    const auto request = JsonRequest::parse(fuzz_text(data, size));
    if (request.has_error()) {
        DL_CHECK(!request.error().message.empty(), "an error says what is wrong");
        return 0;
    }
    const auto kind = request->kind();
    if (kind != JsonRequest::Kind::insert && kind != JsonRequest::Kind::batch_insert) return 0;
    const auto batch = parse_json_rows(*request, fuzz_table());
    if (batch.has_error()) {
        DL_CHECK(is_utf8(batch.error().message), "an error is UTF-8");
        return 0;
    }
    const std::string printed = as_json_request(*batch);
    if (printed.empty()) return 0;
    const auto again = JsonRequest::parse(printed);
    DL_CHECK(again.has_value(), "parse(print(x))");
    const auto same = parse_json_rows(*again, fuzz_table());
    DL_CHECK(same.has_value(), "parse(print(x))");
    check_same(*batch, *same);
    return 0;
}
