// TopicConfig's entries, as the graph reads them.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "millrace/dsl/options.h"

namespace millrace {

struct TopicConfig::Entries {
  std::vector<std::pair<std::string, std::string>> list;
};

}  // namespace millrace
