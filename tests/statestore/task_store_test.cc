// TaskStore: what both shapes of store have in common; the laws of each are in store_contract.h's tests.
#include "millrace/statestore/task_store.h"

#include <gmock/gmock.h>

#include "millrace/statestore/serialization_error.h"
#include "millrace/statestore/store_error.h"
#include "tests/statestore/memory_checkpoint.h"
#include "tests/statestore/store_contract.h"

namespace millrace {
namespace {

using contract::text_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class TaskStoreTest : public ::testing::Test {
 protected:
  TaskStoreTest() {
    spec.name = "s";
    spec.value = contract::text();
    spec.caching = false;
    cache.max_bytes = 1 << 20;
  }
  TaskStore& store() {
    if (!store_) store_ = std::make_unique<TaskStore>(spec, StoreEnvironment{&cache, &log, &checkpoint, "c", 4000});
    return *store_;
  }
  void put(const std::string& key, const std::string& value) {
    store().put(key, &value, {0}, {"in", 0, 0, {0}, nullptr});
  }
  void save() {
    store().flush();
    auto rows = rows_of(spec, {log.batch.seal({})}, observed_);
    ASSERT_TRUE(rows);
    checkpoint.apply(*rows);
    log.batch.clear();
    store().checkpointed(store().logged_sequence());
  }
  StoreSpec spec;
  RecordCache cache;
  contract::Log log;
  contract::MemoryCheckpoint checkpoint;

 private:
  std::unique_ptr<TaskStore> store_;
  Timestamp observed_{-1};
};

TEST_F(TaskStoreTest, evicts_down_to_what_it_may_take_and_loads_again) {
  for (int i = 0; i < 1000; ++i) put("k" + std::to_string(i), std::string(1000, 'x'));
  save();
  EXPECT_EQ(store().trim(200'000), 0u);
  EXPECT_LE(store().memory_bytes(), 200'000u);
  EXPECT_GE(store().memory_bytes(), 100'000u);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(store().get("k" + std::to_string(i))) << i;
}

TEST_F(TaskStoreTest, evicts_nothing_that_the_checkpoint_lacks_and_says_what_a_checkpoint_would_free) {
  for (int i = 0; i < 100; ++i) put("clean" + std::to_string(i), std::string(1000, 'x'));
  save();
  for (int i = 0; i < 100; ++i) put("pinned" + std::to_string(i), std::string(1000, 'x'));
  checkpoint.gets = 0;
  const std::size_t pinned = store().trim(10'000);
  EXPECT_GE(pinned, 100'000u);
  EXPECT_LT(pinned, 150'000u);
  EXPECT_LT(store().memory_bytes(), 150'000u);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(store().get("pinned" + std::to_string(i))) << i;
  EXPECT_EQ(checkpoint.gets, 0);
  save();
  EXPECT_EQ(store().trim(10'000), 0u);
  EXPECT_LE(store().memory_bytes(), 10'000u);
}

TEST_F(TaskStoreTest, what_the_record_cache_holds_is_not_evicted) {
  spec.caching = true;
  for (int i = 0; i < 100; ++i) put("k" + std::to_string(i), std::string(1000, 'x'));
  EXPECT_EQ(store().trim(0), 0u) << "a checkpoint would free none of it";
  save();
  EXPECT_EQ(store().trim(0), 0u);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(store().get("k" + std::to_string(i))) << i;
  EXPECT_EQ(checkpoint.gets, 0);
}

TEST_F(TaskStoreTest, asks_the_checkpoint_once_for_a_key_that_it_does_not_have) {
  put("a", "1");
  save();
  EXPECT_EQ(text_of(store().get("b")), "none");
  EXPECT_EQ(text_of(store().get("b")), "none");
  put("b", "1");
  EXPECT_EQ(text_of(store().get("b")), "1@0");
  EXPECT_EQ(checkpoint.gets, 1);
}

TEST_F(TaskStoreTest, a_deleted_key_is_forgotten_once_the_checkpoint_has_deleted_it) {
  put("a", "1");
  save();
  store().put("a", nullptr, {0}, {"in", 0, 0, {0}, nullptr});
  for (int i = 0; i < 2000; ++i) store().put("x" + std::to_string(i), nullptr, {0}, {"in", 0, 0, {0}, nullptr});
  const std::size_t before = store().memory_bytes();
  save();
  store().trim(1 << 30);
  EXPECT_LT(store().memory_bytes(), before / 2);
  EXPECT_TRUE(checkpoint.rows.empty());
  EXPECT_EQ(text_of(store().get("a")), "none");
}

TEST_F(TaskStoreTest, a_disk_that_fails_is_an_error_with_store_and_key) {
  put("some\x01key", "1");
  save();
  store().trim(0);
  checkpoint.fails = true;
  try {
    store().get("some\x01key");
    FAIL() << "no error";
  } catch (const StoreError& e) {
    EXPECT_THAT(e.what(), HasSubstr("store s, key \"some\\x01key\": "));
    EXPECT_THAT(e.what(), HasSubstr("on fire"));
  }
}

TEST_F(TaskStoreTest, a_value_that_outgrew_the_message_limit_is_an_error_with_its_size) {
  try {
    put("a", std::string(5000, 'x'));
    FAIL() << "no error";
  } catch (const StoreError& e) {
    EXPECT_THAT(e.what(), HasSubstr("5000 bytes, over max.message.bytes = 4000 of c"));
  }
}

TEST_F(TaskStoreTest, a_restored_record_is_pinned_until_the_next_checkpoint) {
  ASSERT_TRUE(store().restore("a", "1", true, {5}));
  ASSERT_TRUE(store().restore("a", "2", true, {6}));
  EXPECT_EQ(store().logged_sequence(), 2);
  EXPECT_GT(store().trim(0), 0u);
  EXPECT_EQ(text_of(store().get("a")), "2@6");
  EXPECT_EQ(checkpoint.gets, 0);
}

TEST_F(TaskStoreTest, a_window_key_that_is_too_short_is_refused_on_restore) {
  spec.kind = StoreSpec::Kind::window;
  auto restored = store().restore("short", "1", true, {5});
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code(), ErrorCode::corrupt_message);
  EXPECT_THAT(restored.error().message(), HasSubstr("a window key of 5 bytes"));
}

TEST_F(TaskStoreTest, hands_out_the_old_value_and_the_context_of_the_last_update_on_a_flush) {
  spec.caching = true;
  struct Seen {
    std::vector<std::string> all;
  } seen;
  store().set_flush_listener({&seen, [](void* self, const FlushedUpdate& u) {
                                auto text = [](const void* v) { return v ? *static_cast<const std::string*>(v) : "-"; };
                                static_cast<Seen*>(self)->all.push_back(
                                    std::string(u.key) + " " + text(u.old_value) + ">" + text(u.value) + " " +
                                    std::string(u.context->topic) + "/" + std::to_string(u.context->offset));
                              }});
  store().send_old_values();
  put("a", "1");
  store().flush();
  const std::string two = "2", three = "3";
  store().put("a", &two, {1}, {"in", 0, 7, {1}, nullptr});
  store().put("a", &three, {2}, {"in", 0, 8, {2}, nullptr});
  store().flush();
  store().put("a", nullptr, {3}, {"in", 0, 9, {3}, nullptr});
  store().flush();
  EXPECT_THAT(seen.all, ElementsAre("a ->1 in/0", "a 1>3 in/8", "a 3>- in/9"));
  EXPECT_THAT(log.all, SizeIs(3));
}

// Text but for one word.
Result<> write_but_bad(const void* self, const void* value, Bytes& out, const SerdeContext& context) {
  if (*static_cast<const std::string*>(value) == "bad") return Error("bad is no text");
  return contract::write_text(self, value, out, context);
}
constexpr SerdeTable good_text_table = [] {
  SerdeTable table = contract::text_table;
  table.write = write_but_bad;
  table.serialized_size = [](const void* self, const void* value) -> Result<std::size_t> {
    Bytes out;
    MR_TRY(write_but_bad(self, value, out, {}));
    return out.size();
  };
  return table;
}();

TEST_F(TaskStoreTest, a_value_that_does_not_serialise_changes_nothing) {
  spec.value = {&good_text_table, nullptr};
  put("a", "1");
  try {
    put("a", "bad");
    FAIL();
  } catch (const SerializationError& e) {
    EXPECT_THAT(e.what(), HasSubstr("store s, key \"a\": its value does not serialise: bad is no text"));
  }
  EXPECT_THROW(put("b", "bad"), SerializationError);
  EXPECT_EQ(text_of(store().get("a")), "1@0");
  EXPECT_FALSE(store().get("b"));
  EXPECT_THAT(log.all, SizeIs(1));
}

TEST_F(TaskStoreTest, a_value_that_does_not_serialise_changes_nothing_behind_a_record_cache) {
  spec.value = {&good_text_table, nullptr};
  spec.caching = true;
  cache.max_bytes = 150;  // of two entries
  EXPECT_THROW(put("bad", "bad"), SerializationError);
  put("a", "1");
  EXPECT_THROW(put("a", "bad"), SerializationError);
  EXPECT_EQ(text_of(store().get("a")), "1@0");
  for (int i = 0; i < 8; ++i) put("k" + std::to_string(i), "1");
  store().flush();
  EXPECT_THAT(log.all, SizeIs(9));
}

TEST_F(TaskStoreTest, a_flush_that_stops_halfway_counts_nothing_as_flushed) {
  spec.caching = true;
  store().set_flush_listener({nullptr, [](void*, const FlushedUpdate& u) {
                                if (u.key == "b") throw std::runtime_error("no b");
                              }});
  for (const char* key : {"a", "b", "c"}) put(key, "1");
  EXPECT_THROW(store().flush(), std::runtime_error);
  EXPECT_THROW(put("d", "1"), StoreError);
  try {
    store().flush();
    FAIL();
  } catch (const StoreError& e) {
    EXPECT_THAT(e.what(), HasSubstr("a flush of its record cache failed: no b"));
  }
}

}  // namespace
}  // namespace millrace
