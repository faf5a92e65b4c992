#include "millrace/dsl/operators/key_bytes.h"

#include "millrace/statestore/serialization_error.h"

namespace millrace {

BytesView KeyBytes::of(const void* key) {
  auto bytes = serialized(serde_, key, scratch_, {topic_, true, nullptr});
  if (!bytes) throw SerializationError("a key of " + topic_ + " could not be serialised: " + bytes.error().message());
  return *bytes;
}

}  // namespace millrace
