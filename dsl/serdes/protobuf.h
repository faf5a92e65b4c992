// Protobuf: every generated message has a serde, its own wire format. Include it beside millrace.h, and link protobuf.
#pragma once
#include <google/protobuf/message_lite.h>

#include <concepts>

#include "millrace/dsl/serde.h"

namespace millrace {

// Errors: bytes that are no such message, and a message that lacks required fields.
template <std::derived_from<google::protobuf::MessageLite> T>
struct Serde<T> {
  static Result<> write(const T& message, Bytes& out) {
    if (!message.AppendToString(&out))
      return Error(message.GetTypeName() + " lacks " + message.InitializationErrorString());
    return {};
  }
  static Result<T> read(BytesView in) {
    T message;
    MR_TRY(read_into(in, message));
    return message;
  }
  static Result<> read_into(BytesView in, T& message) {
    if (message.ParseFromArray(in.data(), static_cast<int>(in.size()))) return {};
    return Error("not a " + message.GetTypeName());
  }
  static std::size_t serialized_size(const T& message) { return message.ByteSizeLong(); }
  // By reflection, so a lite message has none and is counted by its serialised size.
  static std::size_t memory_size(const T& message)
    requires requires { message.SpaceUsedLong(); }
  {
    return message.SpaceUsedLong() - sizeof(T);
  }
};

}  // namespace millrace
