#include "millrace/broker/log/read_buffers.h"

#include <gtest/gtest.h>

namespace millrace::broker {
namespace {

TEST(ReadBuffers, give_the_same_memory_again_once_nobody_holds_it) {
  ReadBuffers buffers;
  auto first = buffers.take();
  first->resize(1000);
  const char* memory = first->data();
  auto second = buffers.take();
  second->resize(1000);
  EXPECT_NE(second->data(), memory);
  first.reset();
  EXPECT_EQ(buffers.take()->data(), memory);
}

TEST(ReadBuffers, may_be_gone_before_their_buffers) {
  std::shared_ptr<Bytes> late;
  {
    ReadBuffers buffers;
    late = buffers.take();
  }
  late->resize(1000);
  late.reset();
}

TEST(ReadBuffers, keep_no_buffer_that_is_larger_than_a_megabyte) {
  ReadBuffers buffers;
  buffers.take()->resize(3 << 20);
  EXPECT_LT(buffers.take()->capacity(), 3u << 20);
}

}  // namespace
}  // namespace millrace::broker
