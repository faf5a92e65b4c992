// One task without a log: which record is next, what becomes of exceptions, and what it tells of itself.
#include "millrace/runtime/task.h"

#include <deque>

#include "millrace/runtime/offset_metadata.h"
#include "millrace/topology_function.h"
#include "tests/runtime/message_of.h"
#include "tests/runtime/queue_fixture.h"
#include "tests/runtime/recorded_output.h"
#include "tests/statestore/memory_checkpoint.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr Topic<std::string, std::string> in{"in"}, second{"second"}, out{"out"};

std::string last_of(const std::string&, const std::string& v) { return v; }
void table(StreamsBuilder& b) { b.stream(in).group_by_key().reduce(last_of, {.as = "rows"}).to_stream().to(out); }
void failing(StreamsBuilder& b) {
  b.stream(in)
      .peek([](const std::string& v) {
        if (v == "bad") throw std::runtime_error("boom");
        if (v == "worse") throw StreamsError("worse than bad");
        if (v == "odd") throw 42;
      })
      .to(out);
}

class TaskTest : public ::testing::Test {
 protected:
  TaskTest() { settings_.application_id = "app"; }
  Task& make(const TopologyFunction& topology, Checkpoint* checkpoint = nullptr,
             const std::vector<int>& sub_topologies = {0}) {
    StreamsBuilder builder;
    topology(builder);
    topologies_.push_back(builder.build());
    tasks_.push_back(std::make_unique<Task>(TaskId{sub_topologies[0], 2}, topologies_.back(), sub_topologies, settings_,
                                            output_, global_stores_, [=](const StoreSpec&) { return checkpoint; }));
    return *tasks_.back();
  }
  static void put(Task& task, const std::vector<QueuedRecord>& records, const std::string& topic = "in") {
    RecordQueue* queue = task.input(topic);
    ASSERT_NE(queue, nullptr) << topic;
    queue->add(fetched({batch_of(queue->fetch_offset(), records)}));
    task.offer(queue);
  }
  static void run(Task& task) {
    while (task.process_one()) {
    }
  }
  TaskSettings settings_;
  RecordedOutput output_;
  GlobalStores global_stores_;
  std::deque<Topology> topologies_;
  std::vector<std::unique_ptr<Task>> tasks_;
};

TEST_F(TaskTest, takes_the_oldest_head_of_its_inputs_and_stream_time_is_the_largest_it_took) {
  Task& task = make([](StreamsBuilder& b) { b.stream(in).merge(b.stream(second)).to(out); });
  EXPECT_FALSE(task.process_one());
  put(task, {{"k", "a1", 1}, {"k", "a5", 5}});
  put(task, {{"k", "b3", 3}, {"k", "b4", 4}}, "second");
  ASSERT_TRUE(task.process_one());
  EXPECT_EQ(task.stream_time(), Timestamp{1});
  run(task);
  EXPECT_EQ(output_.take(), "out:k=a1 out:k=b3 out:k=b4 out:k=a5");
  EXPECT_EQ(task.stream_time(), Timestamp{5});
  EXPECT_EQ(task.counters().processed, 4);
}

TEST_F(TaskTest, stream_time_goes_on_from_where_it_was_and_lateness_is_measured_against_it) {
  Task& task = make([](StreamsBuilder& b) { b.stream(in).to(out); });
  task.set_stream_time(Timestamp{100});
  put(task, {{"k", "1", 70}, {"k", "2", 100}, {"k", "3", 90}, {"k", "4", 120}});
  run(task);
  EXPECT_EQ(task.stream_time(), Timestamp{120});
  EXPECT_EQ(task.counters().lateness_ms, 30 + 10);
  EXPECT_EQ(task.take_largest_lateness_ms(), 30);
  EXPECT_EQ(task.take_largest_lateness_ms(), 0);
}

TEST_F(TaskTest, a_users_exception_stops_it_at_the_record_and_says_where_and_what_to_do) {
  Task& task = make(failing);
  put(task, {{"k", "good"}, {"k", "bad"}, {"k", "good"}});
  EXPECT_THAT(message_of([&] { run(task); }), AllOf(HasSubstr("task 0_2"), HasSubstr("topic in, partition 2, offset 1"),
                                                    HasSubstr("boom"), HasSubstr("processing.exception.handler")));
  EXPECT_EQ(output_.take(), "out:k=good");
  EXPECT_EQ((task.offsets().at({"in", 2}).offset), 1) << "it is not done";
}

TEST_F(TaskTest, what_a_user_throws_need_not_be_an_exception_of_the_standard_library) {
  Task& task = make(failing);
  put(task, {{"k", "odd"}});
  EXPECT_THAT(message_of([&] { run(task); }), AllOf(HasSubstr("topic in, partition 2, offset 0"), HasSubstr("thrown")));
  EXPECT_TRUE(task.has_failed_record());
  settings_.on_processing_error = OnError::skip;
  Task& other = make(failing);
  put(other, {{"k", "odd"}, {"k", "good"}});
  run(other);
  EXPECT_EQ(output_.take(), "out:k=good");
  EXPECT_EQ(other.counters().dropped, 1);
}

TEST_F(TaskTest, where_the_handler_says_continue_the_record_is_dropped_counted_and_passed) {
  settings_.on_processing_error = OnError::skip;
  Task& task = make(failing);
  put(task, {{"k", "bad"}, {"k", "good"}});
  run(task);
  EXPECT_EQ(output_.take(), "out:k=good");
  EXPECT_EQ(task.counters().dropped, 1);
  EXPECT_EQ(task.counters().processed, 2);
  EXPECT_EQ((task.offsets().at({"in", 2}).offset), 2);
}

TEST_F(TaskTest, what_is_not_the_records_fault_is_nothing_that_a_handler_can_continue_after) {
  settings_.on_processing_error = OnError::skip;
  Task& task = make(failing);
  put(task, {{"k", "worse"}});
  EXPECT_THAT(message_of([&] { run(task); }), AllOf(HasSubstr("offset 0"), HasSubstr("worse than bad")));
  Task& other = make(failing);
  put(other, {{"k", "good"}});
  output_.fails = true;
  EXPECT_EQ(message_of([&] { run(other); }), "the log fails");
  EXPECT_EQ(task.counters().dropped + other.counters().dropped, 0);
}

TEST_F(TaskTest, its_offsets_are_of_every_input_with_the_partition_time_of_each) {
  Task& task = make([](StreamsBuilder& b) { b.stream(in).merge(b.stream(second)).to(out); });
  put(task, {{"k", "1", 50}, {"k", "2", 40}});
  run(task);
  const OffsetsToCommit offsets = task.offsets();
  ASSERT_EQ(offsets.size(), 2u);
  EXPECT_EQ((offsets.at({"in", 2}).offset), 2);
  EXPECT_EQ((offsets.at({"second", 2}).offset), 0);
  auto time = [&](const std::string& topic) {
    return decode_offset_metadata(offsets.at({topic, 2}).metadata).value().partition_time;
  };
  EXPECT_EQ(time("in"), Timestamp{50});
  EXPECT_EQ(time("second"), Timestamp{-1});
}

TEST_F(TaskTest, what_the_record_cache_holds_back_is_logged_and_forwarded_by_the_flush) {
  Task& task = make(table);
  put(task, {{"k", "1", 5}, {"k", "2", 6}});
  run(task);
  EXPECT_EQ(output_.take(), "");
  EXPECT_GT(task.record_cache_bytes(), 0u);
  task.flush_caches();
  ASSERT_EQ(output_.sent.size(), 2u);
  EXPECT_EQ(output_.sent[0].partition, 2) << "of the task";
  EXPECT_EQ(output_.sent[0].timestamp, Timestamp{6});
  EXPECT_EQ(output_.take(), "app-rows-changelog:k=2 out:k=2");
  task.flush_caches();
  EXPECT_EQ(output_.take(), "");
}

TEST_F(TaskTest, an_exception_in_the_flush_says_that_it_was_on_commit) {
  Task& task = make([](StreamsBuilder& b) {
    b.stream(in).group_by_key().count({.as = "rows"}).to_stream().for_each([](std::int64_t) {
      throw std::runtime_error("boom");
    });
  });
  put(task, {{"k", "1"}});
  run(task);
  EXPECT_THAT(message_of([&] { task.flush_caches(); }),
              AllOf(HasSubstr("0_2"), HasSubstr("on commit"), HasSubstr("boom")));
}

TEST_F(TaskTest, a_value_over_max_message_bytes_names_store_key_and_changelog) {
  settings_.cache_max_bytes = 0;
  settings_.message_bytes_max["app-rows-changelog"] = 1000;
  Task& task = make(table);
  put(task, {{"small", std::string(800, 'x')}, {"big", std::string(1000, 'x')}});
  EXPECT_THAT(message_of([&] { run(task); }),
              AllOf(HasSubstr("rows"), HasSubstr("big"), HasSubstr("app-rows-changelog"), HasSubstr("1000"),
                    HasSubstr("offset 1")));
}

TEST_F(TaskTest, knows_its_stores_and_logs_those_only_that_are_logged) {
  Task& task = make([](StreamsBuilder& b) {
    b.stream(in).group_by_key().count({.as = "logged"});
    b.stream(second).merge(b.stream(in)).group_by_key().count({.as = "silent", .logging = false});
  });
  EXPECT_NE(task.store("logged"), nullptr);
  EXPECT_NE(task.store("silent"), nullptr);
  EXPECT_EQ(task.store("other"), nullptr);
  put(task, {{"k", "1"}});
  run(task);
  task.flush_caches();
  for (const auto& sent : output_.sent) EXPECT_EQ(sent.topic, "app-logged-changelog");
  EXPECT_EQ(output_.sent.size(), 1u);
}

TEST_F(TaskTest, has_the_nodes_of_its_sub_topology_only_and_internal_topics_have_the_applications_name) {
  constexpr auto topology = [](StreamsBuilder& b) {
    b.stream(in)
        .group_by([](const std::string& v) { return v; }, {.name = "by-value"})
        .reduce(last_of, {.as = "rows"})
        .to_stream()
        .to(out);
  };
  Task& first = make(topology);
  EXPECT_NE(first.input("in"), nullptr);
  EXPECT_EQ(first.input("app-by-value-repartition"), nullptr);
  EXPECT_EQ(first.store("rows"), nullptr);
  put(first, {{"k", "v"}});
  run(first);
  EXPECT_EQ(output_.take(), "app-by-value-repartition:v=v");
  Task& below = make(topology, nullptr, {1});
  EXPECT_EQ(below.input("in"), nullptr);
  EXPECT_NE(below.store("rows"), nullptr);
  put(below, {{"v", "v"}}, "app-by-value-repartition");
  run(below);
  below.flush_caches();
  EXPECT_EQ(output_.take(), "app-rows-changelog:v=v out:v=v");
}

TEST_F(TaskTest, memory_is_that_of_stores_with_rows_on_disk_and_is_trimmed_as_far_as_the_checkpoint_allows) {
  settings_.cache_max_bytes = 0;
  Task& in_memory = make(table);
  put(in_memory, {{"k", std::string(100'000, 'x')}});
  run(in_memory);
  EXPECT_EQ(in_memory.memory_bytes(), 0u);
  EXPECT_EQ(in_memory.trim(0), 0u);
  EXPECT_EQ(in_memory.stores()[0].core->entry_count(), 1u) << "there is no other copy";

  contract::MemoryCheckpoint checkpoint;
  Task& on_disk = make(table, &checkpoint);
  put(on_disk, {{"a", std::string(100'000, 'x')}, {"b", std::string(100'000, 'x')}});
  run(on_disk);
  const std::size_t before = on_disk.memory_bytes();
  EXPECT_GT(before, 200'000u);
  EXPECT_GT(on_disk.trim(1000), 150'000u) << "no checkpoint has them";
  EXPECT_EQ(on_disk.stores()[0].core->entry_count(), 2u);
  on_disk.stores()[0].core->checkpointed(2);
  EXPECT_EQ(on_disk.trim(before), 0u);
  EXPECT_EQ(on_disk.stores()[0].core->entry_count(), 2u) << "it takes no more than it may";
  EXPECT_EQ(on_disk.trim(1000), 0u);
  EXPECT_EQ(on_disk.stores()[0].core->entry_count(), 0u);
}

TEST_F(TaskTest, of_many_records_that_fail_the_log_is_told_of_a_few) {
  settings_.on_processing_error = OnError::skip;
  Task& task = make(failing);
  put(task, std::vector<QueuedRecord>(100, {"k", "bad"}));
  ::testing::internal::CaptureStderr();
  run(task);
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(task.counters().dropped, 100);
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 5);
}

}  // namespace
}  // namespace millrace
