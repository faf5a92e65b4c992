// The functions of the cases, by name: see "Functions" in vectors/README.md. Null pointers are nulls.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "value.h"

namespace millrace::conformance {

using ValueFunction = V (*)(const Value* key, const Value* value);
using KeyFunction = ValueFunction;
using PairFunction = KeyValue<V, V> (*)(const Value* key, const Value* value);
using FlatFunction = std::vector<V> (*)(const Value* key, const Value* value);
using FlatPairFunction = std::vector<std::pair<V, V>> (*)(const Value* key, const Value* value);
using PredicateFunction = bool (*)(const Value* key, const Value* value);
using AggregatorFunction = V (*)(const Value* key, const Value* value, const Value* aggregate);
using ReducerFunction = V (*)(const Value* aggregate, const Value* value);
using JoinerFunction = V (*)(const Value* key, const Value* left, const Value* right);

// A function that is not there. The message is its name.
struct UnknownFunction {
  std::string name;
};
// All throw UnknownFunction.
ValueFunction value_function(const std::string& name);
KeyFunction key_function(const std::string& name);
PairFunction pair_function(const std::string& name);
FlatFunction flat_function(const std::string& name);
FlatPairFunction flat_pair_function(const std::string& name);
PredicateFunction predicate(const std::string& name);
AggregatorFunction aggregator(const std::string& name);
ReducerFunction reducer(const std::string& name);
JoinerFunction joiner(const std::string& name);
V initial_value(const std::string& name);
// A timestamp extractor for a stream of Values.
TimestampExtractor<V, V> timestamp_extractor(const std::string& name);

}  // namespace millrace::conformance
