#include "millrace/dsl/operator.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace millrace {
namespace {

class Passes final : public Operator {
 public:
  void process(const RecordRef& record) override { forward(record); }
};
class Records final : public Operator {
 public:
  explicit Records(bool fails) : fails_(fails) {}
  void process(const RecordRef& record) override {
    seen.push_back(record.timestamp.ms);
    if (fails_) throw std::runtime_error("failed at " + std::to_string(record.timestamp.ms));
  }
  std::vector<std::int64_t> seen;

 private:
  bool fails_;
};

// Skips what `skips` says.
class Handler final : public OperatorContext {
 public:
  explicit Handler(bool skips) : skips_(skips) {}
  KeyValueStore* key_value_store(std::string_view) override { return nullptr; }
  WindowStore* window_store(std::string_view) override { return nullptr; }
  Timestamp stream_time() const override { return {}; }
  void record_dropped(const RecordRef&, std::string_view) override {}
  void processing_failed(const RecordRef& record, std::exception_ptr what) override {
    asked.push_back(record.timestamp.ms);
    if (!skips_) OperatorContext::processing_failed(record, what);
  }
  std::vector<std::int64_t> asked;

 private:
  bool skips_;
};

RecordRef at(std::int64_t ms) {
  RecordRef record;
  record.timestamp = Timestamp{ms};
  return record;
}

class OperatorTest : public ::testing::Test {
 protected:
  OperatorTest() {
    parent_.add_child(&failing_);
    parent_.add_child(&sound_);
    for (std::int64_t ms : {1, 2}) expected_.push_back(ms);
  }
  Passes parent_;
  Records failing_{true}, sound_{false};
  std::vector<std::int64_t> expected_;
};

TEST_F(OperatorTest, what_a_child_throws_goes_to_who_called_if_nobody_handles_it) {
  EXPECT_THROW(parent_.process(at(1)), std::runtime_error);
  EXPECT_EQ(sound_.seen.size(), 0u);
}

TEST_F(OperatorTest, a_record_that_is_skipped_at_one_child_reaches_the_next) {
  Handler handler(true);
  parent_.handle_failures(&handler);
  for (std::int64_t ms : expected_) parent_.process(at(ms));
  EXPECT_EQ(handler.asked, expected_);
  EXPECT_EQ(failing_.seen, expected_);
  EXPECT_EQ(sound_.seen, expected_);
}

TEST_F(OperatorTest, what_a_handler_does_not_skip_is_thrown_on) {
  Handler handler(false);
  parent_.handle_failures(&handler);
  try {
    parent_.process(at(1));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "failed at 1");
  }
  EXPECT_EQ(sound_.seen.size(), 0u);
}

TEST_F(OperatorTest, the_innermost_parent_asks) {
  Passes outer;
  outer.add_child(&parent_);
  Handler inner_handler(true), outer_handler(true);
  outer.handle_failures(&outer_handler);
  parent_.handle_failures(&inner_handler);
  outer.process(at(1));
  EXPECT_EQ(inner_handler.asked.size(), 1u);
  EXPECT_EQ(outer_handler.asked.size(), 0u);
}

}  // namespace
}  // namespace millrace
