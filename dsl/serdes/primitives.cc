#include "millrace/dsl/serdes/primitives.h"

namespace millrace {

Result<bool> Serde<bool>::read(BytesView in) {
  if (in.size() != 1) return Error("Size of data received by BooleanDeserializer is not 1");
  if (in[0] == 1) return true;
  if (in[0] == 0) return false;
  return Error("Unexpected byte received by BooleanDeserializer: " + std::to_string(static_cast<signed char>(in[0])));
}

Error wrong_size(std::size_t expected, bool floating) {
  if (floating)
    return Error(expected == 8 ? "Size of data received by Deserializer is not 8"
                               : "Size of data received by Deserializer is not 4");
  const char* name = expected == 8 ? "LongDeserializer" : expected == 4 ? "IntegerDeserializer" : "ShortDeserializer";
  return Error(std::string("Size of data received by ") + name + " is not " + std::to_string(expected));
}

}  // namespace millrace
