#include "tests/bench/query_shapes.h"

#include <snappy.h>

#include <array>
#include <functional>

#include "tests/support/wire_bytes.h"

namespace dl::bench {
namespace {

// A batch_insert, value by value.
class BatchText {
  public:
    BatchText(const std::vector<std::string>& columns, std::int64_t rows) : columns_(columns.size() + 1) {
        text("q");
        number(columns_);
        text(columns.front());
        text("_crud_type");
        for (std::size_t i = 1; i < columns.size(); ++i)
            text(columns[i]);
        number(static_cast<std::size_t>(rows));
    }
    void begin_row(std::int64_t key) {
        number(columns_);
        text(std::to_string(key));
        text("insert");
    }
    void text(std::string_view value) {
        number(value.size());
        plain_ += value;
    }
    std::string finish() const {
        std::string compressed;
        snappy::Compress(plain_.data(), plain_.size(), &compressed);
        return test::frame("\"batch_insert\"") + test::frame(compressed);
    }

  private:
    void number(std::size_t value) {
        for (unsigned shift = 0; shift < 32; shift += 8)
            plain_ += static_cast<char>(value >> shift);
    }
    std::size_t columns_;
    std::string plain_;
};

std::string thousandths(std::int64_t value) {
    const auto whole = value / 1000, rest = std::abs(value % 1000);
    return (value < 0 && whole == 0 ? "-" : "") + std::to_string(whole) + "." +
           std::to_string(1000 + rest).substr(1);
}

// ---- iot ----

std::string iot_batch(std::int64_t first, std::int64_t count) {
    BatchText batch({"id", "device", "ts_ms", "temp", "status", "city", "ok"}, count);
    for (auto id = first; id < first + count; ++id) {
        batch.begin_row(id);
        batch.text("device-" + std::to_string(id * 7919 % 10'007));
        batch.text(std::to_string(1'700'000'000'000 + id * 250));
        batch.text(thousandths(id * 7907 % 60'001 - 20'000));
        batch.text(std::to_string(id * 31 % 7));
        batch.text("city " + std::to_string(id * 13 % 20));
        batch.text(id % 3 != 0 ? "true" : "false");
    }
    return batch.finish();
}

std::string iot_sql(std::int64_t rows) {
    return "select id, 'device-' || (id * 7919 % 10007) as device, 1700000000000 + id * 250 as ts_ms, "
           "((id * 7907 % 60001 - 20000) / 1000.0)::double as temp, (id * 31 % 7)::int as status, "
           "'city ' || (id * 13 % 20) as city, id % 3 <> 0 as ok from range(" +
           std::to_string(rows) + ") t(id)";
}

std::vector<BenchQuery> iot_queries(std::int64_t rows) {
    const auto middle = std::to_string(1'700'000'000'000 + rows / 2 * 250);
    return {
        {"count", "select count(*) as n from q"},
        {"one device", "select count(*) as n, avg(temp) as t from q where device = 'device-4711'"},
        {"devices with like", "select count(*) as n from q where device like '%99%'"},
        {"count distinct device", "select count(distinct device) as n from q"},
        {"count distinct city", "select count(distinct city) as n from q"},
        {"status = 3", "select count(*) as n from q where status = 3"},
        {"one city", "select avg(temp) as t from q where city = 'city 7'"},
        {"not ok", "select count(*) as n from q where not ok"},
        {"city and not ok", "select count(*) as n from q where city = 'city 3' and not ok and status < 2"},
        {"avg, min, max", "select avg(temp) as a, min(temp) as lo, max(temp) as hi from q"},
        {"hot", "select count(*) as n from q where temp > 39.5"},
        {"an hour",
         "select avg(temp) as t from q where ts_ms between " + middle + " and " + middle + " + 3600000"},
        {"by status", "select status, count(*) as n from q group by status order by status"},
        {"by city", "select city, avg(temp) as t from q group by city order by city"},
        {"by status and city",
         "select status, city, count(*) as n from q group by status, city order by status, city"},
        {"by device, top 10",
         "select device, avg(temp) as t from q group by device order by t desc, device limit 10"},
        {"by minute",
         "select ts_ms // 60000 as m, max(temp) as t from q where status = 0 group by m order by m limit "
         "100"},
        {"newest 10", "select * from q order by ts_ms desc limit 10"},
        {"ok share by city", "select city, avg(ok::int) as s from q group by city order by city"},
    };
}

// ---- wide ----

constexpr int kTexts = 10, kNumbers = 15, kDoubles = 10, kBooleans = 4;
// Different values of the text and number columns, one after the other.
constexpr std::array<std::int64_t, 5> kDifferent = {3, 20, 997, 10'007, 1'000'003};

std::int64_t different(int column) {
    return kDifferent[static_cast<std::size_t>(column) % kDifferent.size()];
}

std::string wide_create() {
    std::string columns = "id long primary key";
    const auto add = [&](char letter, int count, const char* type) {
        for (int i = 0; i < count; ++i)
            columns += std::string(", ") + letter + std::to_string(i) + " " + type;
    };
    add('t', kTexts, "string");
    add('n', kNumbers, "long");
    add('d', kDoubles, "double");
    add('b', kBooleans, "boolean");
    return R"({"sql":"create table q()" + columns + R"() partition.number = 4"})";
}

std::string wide_batch(std::int64_t first, std::int64_t count) {
    std::vector<std::string> names{"id"};
    for (const auto& [letter, number] : {std::pair{'t', kTexts}, std::pair{'n', kNumbers},
                                         std::pair{'d', kDoubles}, std::pair{'b', kBooleans}})
        for (int i = 0; i < number; ++i)
            names.push_back(letter + std::to_string(i));
    BatchText batch(names, count);
    for (auto id = first; id < first + count; ++id) {
        batch.begin_row(id);
        for (int i = 0; i < kTexts; ++i)
            batch.text("value " + std::to_string(id * (7919 + i) % different(i)));
        for (int i = 0; i < kNumbers; ++i)
            batch.text(std::to_string(id * (31 + i) % different(i)));
        for (int i = 0; i < kDoubles; ++i)
            batch.text(thousandths(id * (7907 + i) % 60'001 - 20'000));
        for (int i = 0; i < kBooleans; ++i)
            batch.text(id % (i + 2) != 0 ? "true" : "false");
    }
    return batch.finish();
}

std::string wide_sql(std::int64_t rows) {
    std::string list = "id";
    const auto text = [](std::int64_t number) { return std::to_string(number); };
    for (int i = 0; i < kTexts; ++i)
        list += ", 'value ' || (id * " + text(7919 + i) + " % " + text(different(i)) + ") as t" + text(i);
    for (int i = 0; i < kNumbers; ++i)
        list += ", id * " + text(31 + i) + " % " + text(different(i)) + " as n" + text(i);
    for (int i = 0; i < kDoubles; ++i)
        list += ", ((id * " + text(7907 + i) + " % 60001 - 20000) / 1000.0)::double as d" + text(i);
    for (int i = 0; i < kBooleans; ++i)
        list += ", id % " + text(i + 2) + " <> 0 as b" + text(i);
    return "select " + list + " from range(" + text(rows) + ") t(id)";
}

std::vector<BenchQuery> wide_queries(std::int64_t rows) {
    const auto middle = std::to_string(rows / 2);
    return {
        {"count", "select count(*) as n from q"},
        {"one column", "select sum(n4) as s from q"},
        {"ten columns",
         "select sum(d0), sum(d1), sum(d2), sum(d3), sum(d4), sum(n0), sum(n1), sum(n2), sum(n3), "
         "sum(n4) from q"},
        {"a text of 3", "select count(*) as n from q where t0 = 'value 1'"},
        {"a text of 10 007", "select avg(d3) as a from q where t3 = 'value 4711'"},
        {"a text of 1 000 003", "select count(*) as n from q where t4 = 'value 4711'"},
        {"two conditions", "select avg(d0) as a from q where n2 = 7 and not b0"},
        {"by 20", "select t1, count(*) as n, avg(d1) as a from q group by t1 order by t1"},
        {"by 10 007, top 10", "select t8, sum(n9) as s from q group by t8 order by s desc, t8 limit 10"},
        {"count distinct", "select count(distinct t3) as a, count(distinct n8) as b from q"},
        {"booleans", "select count(*) as n from q where b0 and b1 and not b2"},
        {"range of keys",
         "select sum(d9) as s from q where id between " + middle + " and " + middle + " + 10000"},
        {"whole rows", "select * from q where n3 = 4711 order by id limit 100"},
    };
}

}  // namespace

const QueryShape* query_shape(std::string_view name) {
    static const std::vector<QueryShape> shapes{
        {"iot",
         R"({"sql":"create table q(id long primary key, device string, ts_ms long, temp double, status int, )"
         R"(city string, ok boolean) partition.number = 8"})",
         iot_batch, iot_sql, iot_queries},
        {"wide", wide_create(), wide_batch, wide_sql, wide_queries}};
    for (const auto& shape : shapes)
        if (shape.name == name) return &shape;
    return nullptr;
}

}  // namespace dl::bench
