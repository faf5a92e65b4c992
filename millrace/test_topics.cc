#include "millrace/test_topics.h"

#include <algorithm>
#include <stdexcept>

#include "millrace/base/config.h"
#include "millrace/test_record.h"

namespace millrace {

namespace {

constexpr const char* default_application_id = "test";

DriverOptions with_application_id(DriverOptions options) {
  options.config.try_emplace("application.id", default_application_id);
  return options;
}

std::string listed(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all.empty() ? "none" : all;
}

// "; did you mean b? There are: a, b"
std::string instead(const std::string& name, const std::vector<std::string>& known) {
  const std::string near = nearest_name(name, known);
  return (near.empty() ? "" : "; did you mean " + near + "?") + std::string(" There are: ") + listed(known);
}

const char* word(bool is_key) { return is_key ? "key" : "value"; }

void check(const std::string& topic, const AnySerde& of_topology, TestField& field, bool is_key) {
  if (of_topology && of_topology.table->type != field.type)
    throw std::invalid_argument("topic " + topic + ": this Topic constant has another " + word(is_key) +
                                " type than the topology: share one constant between them");
  if (!field.serde) field.serde = of_topology;
  if (!field.serde)
    throw std::invalid_argument("topic " + topic + ": its " + word(is_key) +
                                " type has no serde of its own: give the Topic constant one");
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    const auto b = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (b < 0x20 || b == 0x7f) {
      ((out += "\\x") += digits[b >> 4]) += digits[b & 15];
    } else {
      out += c;
    }
  }
  return out += '"';
}

TestTopics::TestTopics(Topology topology, DriverOptions options)
    : application_id_(with_application_id(options).config.at("application.id")),
      start_(options.wall_clock),
      driver_(std::make_unique<TopologyDriver>(std::move(topology), with_application_id(options))) {}
TestTopics::~TestTopics() = default;

std::string TestTopics::name_in_log(const TopologyNode& node, const std::string& topic) const {
  return node.internal_topic ? application_id_ + "-" + topic : topic;
}

const TopologyNode* TestTopics::node_of(TopologyNode::Kind kind, const std::string& topic) const {
  for (const TopologyNode& node : topology().nodes)
    for (const std::string& name : node.topics)
      if (node.kind == kind && name_in_log(node, name) == topic) return &node;
  return nullptr;
}

std::vector<std::string> TestTopics::topics_of(TopologyNode::Kind kind) const {
  std::vector<std::string> names;
  for (const TopologyNode& node : topology().nodes)
    for (const std::string& name : node.topics)
      if (node.kind == kind) names.push_back(name_in_log(node, name));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool TestTopics::is_changelog(const std::string& topic) const {
  for (const auto& internal : topology().internal_topics(application_id_))
    if (internal.type == Topology::InternalTopic::Type::changelog && internal.name == topic) return true;
  return false;
}

void TestTopics::open_input(const std::string& topic, TestField& key, TestField& value) {
  const TopologyNode* node = node_of(TopologyNode::Kind::source, topic);
  if (!node)
    throw std::invalid_argument("the topology reads no topic " + topic +
                                (node_of(TopologyNode::Kind::sink, topic)
                                     ? ": it writes it, use output()"
                                     : instead(topic, topics_of(TopologyNode::Kind::source))));
  check(topic, node->key, key, true);
  check(topic, node->value, value, false);
  times_.try_emplace(topic, start_);
}

void TestTopics::open_output(const std::string& topic, TestField& key, TestField& value) const {
  const TopologyNode* node = node_of(TopologyNode::Kind::sink, topic);
  if (!node && !is_changelog(topic))
    throw std::invalid_argument("the topology writes no topic " + topic +
                                (node_of(TopologyNode::Kind::source, topic)
                                     ? ": it reads it, use input()"
                                     : instead(topic, topics_of(TopologyNode::Kind::sink))));
  check(topic, node ? node->key : AnySerde{}, key, true);
  check(topic, node ? node->value : AnySerde{}, value, false);
}

Timestamp TestTopics::time(const std::string& topic) const { return times_.at(topic); }
void TestTopics::advance(const std::string& topic, Duration by) {
  if (by < Duration::zero()) throw std::invalid_argument("time goes forward: give the record an earlier timestamp");
  times_.at(topic) = times_.at(topic) + by;
}

std::optional<Bytes> TestTopics::bytes_of(const std::string& topic, const TestField& field, const void* object,
                                          bool is_key, const Headers& headers) {
  if (!object) return std::nullopt;
  Bytes bytes;
  auto written = field.serde.table->write(field.serde.self, object, bytes, {topic, is_key, &headers});
  if (!written)
    throw std::runtime_error("topic " + topic + ": the " + word(is_key) +
                             " does not serialise: " + written.error().message());
  return bytes;
}

void TestTopics::pipe(const std::string& topic, const std::optional<Bytes>& key, const std::optional<Bytes>& value,
                      Timestamp timestamp, const Headers& headers) {
  auto view = [](const std::optional<Bytes>& bytes) { return bytes ? std::optional<BytesView>(*bytes) : std::nullopt; };
  driver_->pipe(topic, view(key), view(value), timestamp, headers);
}

TestTopics::Output& TestTopics::output(const std::string& topic) const {
  const auto& all = driver_->produced();
  for (; indexed_ < all.size(); ++indexed_) outputs_[all[indexed_].topic].records.push_back(indexed_);
  return outputs_[topic];
}

std::size_t TestTopics::unread(const std::string& topic) const {
  const Output& of = output(topic);
  return of.records.size() - of.read;
}

const TopologyDriver::Produced& TestTopics::next(const std::string& topic) {
  Output& of = output(topic);
  if (of.read < of.records.size()) return driver_->produced()[of.records[of.read++]];
  throw std::out_of_range("topic " + topic + " has no further record; " + std::to_string(of.read) +
                          " were read. empty() asks");
}

const void* TestTopics::object_of(const std::string& topic, const TestField& field, const std::optional<Bytes>& bytes,
                                  bool is_key, const Headers& headers, AnyValue& into) const {
  const auto known = outputs_.find(topic);
  const std::size_t number = known == outputs_.end() ? 1 : std::max<std::size_t>(known->second.read, 1);
  const std::string where = "topic " + topic + ", record " + std::to_string(number) + ": the " + word(is_key);
  if (!bytes) {
    if (field.nullable) return nullptr;
    throw std::runtime_error(where + " is null, and this Topic's type holds none: declare std::optional");
  }
  auto read = into.read(field.serde, *bytes, {topic, is_key, &headers});
  if (!read)
    throw std::runtime_error(where + " does not deserialise: " + read.error().message() + ". Its bytes are " +
                             in_quotes(*bytes));
  return into.get();
}

const StoreSpec& TestTopics::store_spec(std::string_view name) const {
  const StoreSpec* spec = topology().store(name);
  if (spec) return *spec;
  std::vector<std::string> names;
  for (const StoreSpec& store : topology().stores) names.push_back(store.name);
  throw std::invalid_argument("the topology has no store " + std::string(name) + instead(std::string(name), names));
}

StateStore& TestTopics::open_store(std::string_view name, StoreSpec::Kind kind, const ValueType* key,
                                   const ValueType* value) {
  const StoreSpec& spec = store_spec(name);
  if (spec.kind != kind)
    throw std::invalid_argument("store " + spec.name +
                                (kind == StoreSpec::Kind::window ? " is no window store: use store()"
                                                                 : " is a window store: use window_store()"));
  auto check = [&](const char* what, const ValueType& has, const ValueType& asked) {
    if (&has != &asked)
      throw std::invalid_argument("store " + spec.name + " has " + what + " of type " + std::string(has.name) +
                                  ", not " + std::string(asked.name));
  };
  check("keys", *spec.key.table->type, *key);
  check("values", *spec.value.table->type, *value);
  StateStore* store = driver_->store(name);
  if (!store) throw std::invalid_argument("store " + spec.name + " is read by nothing in this topology");
  return *store;
}

}  // namespace millrace
