// Names: Kafka's one counter for all generated names, and what a name may be.
#pragma once
#include <string>
#include <string_view>

namespace millrace {

// Source: Kafka's InternalStreamsBuilder (newProcessorName, newStoreName) and NamedInternal.
class Names {
 public:
  // "KSTREAM-MAP-0000000004"; takes a number.
  std::string generate(std::string_view prefix);
  // "KSTREAM-AGGREGATE-STATE-STORE-0000000004"; takes a number.
  std::string generate_store(std::string_view prefix);
  // `given`, or a generated one. Takes a number either way, as Java does: naming one operator does not rename the next.
  std::string given_or(std::string_view given, std::string_view prefix);
  // `given` + `suffix`, or a generated one. Takes a number either way.
  std::string suffixed_or(std::string_view given, std::string_view suffix, std::string_view prefix);

 private:
  int next_ = 0;
};

// Throws TopologyError unless `name` is made of ASCII alphanumerics, '.', '_' and '-', and is not too long. Empty is no
// name at all, and allowed.
void check_name(std::string_view name);

// Whether a generated KSTREAM-… name: repartition nodes for one are numbered, for a given name they are called after
// it.
bool is_generated_stream_name(std::string_view name);

}  // namespace millrace
