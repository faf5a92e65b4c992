// KeyBytes: serialises keys for a store, without an allocation once its scratch has grown.
#pragma once
#include <string>
#include <string_view>

#include "millrace/statestore/value_type.h"

namespace millrace {

// One thread.
class KeyBytes {
 public:
  KeyBytes(AnySerde serde, std::string topic) : serde_(serde), topic_(std::move(topic)) {}
  // Valid until the next call, or as long as `key` where a key's bytes are its own. Throws SerializationError where the
  // serde fails.
  BytesView of(const void* key);

 private:
  AnySerde serde_;
  std::string topic_;  // what a serde that wants a topic is told
  Bytes scratch_;
};

}  // namespace millrace
