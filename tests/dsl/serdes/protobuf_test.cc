#include "millrace/dsl/serdes/protobuf.h"

#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include "millrace/dsl/topic.h"

namespace millrace {
namespace {

using google::protobuf::StringValue;
constexpr Topic<std::string, StringValue> messages{"messages"};  // a message needs no serde of its own

TEST(Protobuf, reads_back_a_message_in_its_own_wire_format) {
  StringValue message;
  message.set_value("hello");
  AnySerde serde = messages.options.value_serde;
  Bytes out;
  ASSERT_TRUE(serde.table->write(serde.self, &message, out, {}));
  EXPECT_EQ(out, message.SerializeAsString());
  EXPECT_EQ(*serde.table->serialized_size(serde.self, &message), out.size());
  AnyValue read(serde.table->type);
  ASSERT_TRUE(read.read(serde, out, {}));
  EXPECT_EQ(static_cast<const StringValue*>(read.get())->value(), "hello");
}

TEST(Protobuf, refuses_other_bytes) {
  auto read = Serde<StringValue>::read("\xff\xff");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message(), "not a google.protobuf.StringValue");
}

}  // namespace
}  // namespace millrace
