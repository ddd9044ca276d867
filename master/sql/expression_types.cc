#include "master/sql/expression_types.h"

#include <set>
#include <utility>

namespace dl::master {

std::vector<std::string> ExpressionTypes::ask(const std::vector<Json>& expressions) {
    ++asked_;
    std::vector<std::string> types(expressions.size());
    auto node = select_from({});
    node["from_table"] = from_;
    node["select_list"] = Json::array();
    for (auto expression : expressions) {
        expression.erase("alias");  // of no meaning for others in the list
        node["select_list"].push_back(std::move(expression));
    }
    const auto sql = faithful_sql(session_.database(), statement_of(node));
    if (!sql) return types;
    const auto described = session_.describe(*sql);
    if (!described || described->size() != types.size()) return types;
    for (std::size_t i = 0; i < types.size(); ++i)
        types[i] = (*described)[i].type;
    return types;
}

void ExpressionTypes::learn(const std::vector<std::string>& keys, const std::vector<Json>& expressions) {
    const auto types = ask(expressions);
    for (std::size_t i = 0; i < keys.size(); ++i)
        if (!types[i].empty() || keys.size() == 1) types_[keys[i]] = types[i];
}

void ExpressionTypes::learn(const std::vector<Json>& expressions) {
    std::vector<std::string> keys;
    std::vector<Json> asked;
    std::set<std::string> seen;
    for (const auto& expression : expressions) {
        auto key = expression.dump();
        if (types_.contains(key) || !seen.insert(key).second) continue;
        keys.push_back(std::move(key));
        asked.push_back(expression);
        if (asked.size() < kAtOnce) continue;
        learn(keys, asked);
        keys.clear();
        asked.clear();
    }
    if (!asked.empty()) learn(keys, asked);
}

std::string ExpressionTypes::of(const Json& expression) {
    auto key = expression.dump();
    if (const auto known = types_.find(key); known != types_.end()) return known->second;
    learn({std::move(key)}, {expression});
    return types_.at(expression.dump());
}

}  // namespace dl::master
