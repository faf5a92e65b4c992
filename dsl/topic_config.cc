#include "millrace/dsl/topic_config.h"

namespace millrace {

TopicConfig::TopicConfig(std::initializer_list<std::pair<std::string_view, std::string_view>> entries) {
  for (auto& [key, value] : entries) set(key, value);
}

void TopicConfig::set(std::string_view key, std::string_view value) {
  auto changed = entries_ ? std::make_shared<Entries>(*entries_) : std::make_shared<Entries>();
  changed->list.emplace_back(key, value);
  entries_ = std::move(changed);
}

}  // namespace millrace
