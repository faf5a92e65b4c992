// How an application stops: after a failure, in its time, and what it says then.
#include <thread>

#include "millrace/runtime/streams.h"
#include "tests/runtime/counting_app.h"
#include "tests/runtime/embedded_app.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr Topic<std::string, std::string> work{"work"}, out{"out"};

// Waits for a minute at most, so that a test that fails does not hang.
void wait_for(const std::function<bool()>& done) {
  for (int i = 0; i < 60'000 && !done(); ++i) std::this_thread::sleep_for(1ms);
  ASSERT_TRUE(done());
}

class StreamsCloseTest : public EmbeddedApp {
 protected:
  // Partition 1 has a record that fails once partition 0 has begun with its first; partition 0 then waits.
  void slow_beside_poison() {
    create("work", 2);
    send({{"work", "k", "slow"}, {"work", "k", "poison", {1000}, {}, 1}});
  }
  void topology(StreamsBuilder& builder) {
    builder.stream(work)
        .map_values([this](const std::string& value) {
          if (value == "poison") {
            wait_for([&] { return has_begun.load(); });
            throw std::runtime_error("cannot digest it");
          }
          has_begun = true;
          wait_for([&] { return let_go.load(); });
          ++done;
          return value;
        })
        .to(out);
  }
  std::unique_ptr<Streams> started(ConfigValues config = {}) {
    config["num.stream.threads"] = "2";
    auto streams = app([this](StreamsBuilder& builder) { topology(builder); }, config);
    EXPECT_TRUE(streams->start());
    return streams;
  }
  std::atomic<bool> has_begun{false}, let_go{false};
  std::atomic<int> done{0};
};

TEST_F(StreamsCloseTest, tasks_take_no_further_records_after_the_application_has_failed) {
  slow_beside_poison();
  send(std::vector<Sent>(1000, {"work", "k", "v"}));
  auto streams = started({{"processing.guarantee", "at_least_once"}});
  EXPECT_FALSE(streams->wait());
  let_go = true;
  wait_for([&] { return done.load() > 0; });
  std::this_thread::sleep_for(300ms);  // it would be through with all in less
  EXPECT_LE(done.load(), 64) << "those between two looks";
  EXPECT_FALSE(streams->close());
}

TEST_F(StreamsCloseTest, close_keeps_its_time_out_after_a_failure_too) {
  slow_beside_poison();
  auto streams = started();
  EXPECT_FALSE(streams->wait());
  auto closed = streams->close(50ms);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code(), ErrorCode::request_timed_out);
  EXPECT_THAT(closed.error().message(), HasSubstr("cannot digest it"));
  let_go = true;
  closed = streams->close();
  ASSERT_FALSE(closed);
  EXPECT_THAT(closed.error().message(), HasSubstr("cannot digest it"));
  EXPECT_EQ(streams->state(), StreamsState::not_running);
}

// The task fails in its part of the last commit, while close() has given up waiting for it.
TEST_F(StreamsCloseTest, a_second_close_still_says_that_work_was_taken_back) {
  create("work");
  send({{"work", "k", "v"}});
  std::atomic<bool> is_asked{false};
  auto streams = app([&](StreamsBuilder& builder) {
    builder.stream(work)
        .map_values([&](const std::string&) -> std::string {
          has_begun = true;
          wait_for([&] { return let_go.load(); });
          throw std::runtime_error("cannot digest it");
        })
        .to(out);
    builder.stream(Topic<std::string, std::string>{"more"}).to(out);
  });
  create("more");
  streams->set_uncaught_exception_handler([&](const Error&) {
    is_asked = true;
    return StreamThreadExceptionResponse::replace_thread;
  });
  ASSERT_TRUE(streams->start());
  wait_for([&] { return has_begun.load(); });
  send({{"more", "k", "v"}});
  wait_for([&] { return streams->processed() > 0; });
  auto closed = streams->close(50ms);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code(), ErrorCode::request_timed_out);
  let_go = true;
  wait_for([&] { return is_asked.load(); });
  std::this_thread::sleep_for(300ms);  // it is taken back meanwhile
  closed = streams->close();
  ASSERT_FALSE(closed);
  EXPECT_THAT(closed.error().message(), HasSubstr("not all that was processed is committed"));
}

TEST_F(StreamsCloseTest, close_does_not_wait_for_others_to_stop_writing_to_a_global_topic) {
  create("names");
  create("work");
  auto streams = app([&](StreamsBuilder& builder) {
    builder.global_table(Topic<std::string, std::string>{"names"}, {.as = "all-names"});
    builder.stream(work).to(out);
  });
  ASSERT_TRUE(streams->start());
  std::atomic<bool> is_closed{false}, has_written{false};
  std::thread writer([&] {
    auto producer = *log_->make_producer({});
    for (int i = 0; i < 1'000'000 && !is_closed; ++i) {
      RecordBatchBuilder batch;
      for (int k = 0; k < 50; ++k) batch.append({1000}, "key" + std::to_string(k), "value");
      if (!producer->append({"names", 0}, batch)) break;
      has_written = true;
    }
  });
  wait_for([&] { return has_written.load(); });
  EXPECT_TRUE(streams->close());
  is_closed = true;
  writer.join();
}

// ---------------------------------------------------------------- the handler

using StreamsCloseOfACountingApp = CountingApp;

TEST_F(StreamsCloseOfACountingApp, an_uncaught_exception_handler_that_throws_stops_the_application) {
  failures_left = 1;
  send("k", "poison");
  auto streams = app(*log_);
  streams->set_uncaught_exception_handler(
      [](const Error&) -> StreamThreadExceptionResponse { throw std::runtime_error("the handler's own"); });
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(streams->start());
  auto ran = streams->run_until_end_of_input();
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message(), HasSubstr("cannot digest it"));
  EXPECT_FALSE(streams->close());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("the handler's own"));
}

// ---------------------------------------------------------------- a start that fails at its end

// The embedded log, but nobody is told of arrivals.
class DeafConsumer final : public Consumer {
 public:
  explicit DeafConsumer(std::unique_ptr<Consumer> to) : to_(std::move(to)) {}
  Result<> assign(std::vector<TopicPartition> partitions) override { return to_->assign(std::move(partitions)); }
  Result<> seek(const TopicPartition& p, Offset offset) override { return to_->seek(p, offset); }
  Result<Offset> position(const TopicPartition& p) override { return to_->position(p); }
  void pause(const TopicPartition& p) override { to_->pause(p); }
  void resume(const TopicPartition& p) override { to_->resume(p); }
  Result<std::vector<ConsumedRecord>> poll(Duration timeout) override { return to_->poll(timeout); }
  Result<> commit(const OffsetsToCommit& offsets) override { return to_->commit(offsets); }
  Result<> commit() override { return to_->commit(); }
  Result<OffsetsToCommit> committed(const std::vector<TopicPartition>& all) override { return to_->committed(all); }
  Result<FetchedBatches> fetch(const FetchRequest& request) override { return to_->fetch(request); }
  Result<Offset> end_offset(const TopicPartition& p, Isolation i) override { return to_->end_offset(p, i); }
  Result<Offset> beginning_offset(const TopicPartition& p) override { return to_->beginning_offset(p); }
  Result<std::optional<Offset>> offset_for_time(const TopicPartition& p, Timestamp t) override {
    return to_->offset_for_time(p, t);
  }
  Result<> notify(const TopicPartition& p, std::function<void()> callback) override {
    if (callback && p.partition == 1) return Error("it hears nothing");
    return to_->notify(p, std::move(callback));
  }
  void wake() override { to_->wake(); }

 private:
  std::unique_ptr<Consumer> to_;
};
class DeafLog final : public LogClient {
 public:
  explicit DeafLog(LogClient& to) : to_(to) {}
  Result<std::unique_ptr<Producer>> make_producer(const ProducerConfig& config) override {
    return to_.make_producer(config);
  }
  Result<std::unique_ptr<Consumer>> make_consumer(const ConsumerConfig& config) override {
    MR_ASSIGN(auto consumer, to_.make_consumer(config));
    return std::unique_ptr<Consumer>(std::make_unique<DeafConsumer>(std::move(consumer)));
  }
  Admin& admin() override { return to_.admin(); }
  bool is_embedded() const override { return to_.is_embedded(); }

 private:
  LogClient& to_;
};

TEST_F(StreamsCloseOfACountingApp, a_start_that_is_told_of_no_input_leaves_nothing_running) {
  DeafLog deaf(*log_);
  auto streams = app(deaf);
  auto started = streams->start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), HasSubstr("it hears nothing"));
  EXPECT_EQ(streams->state(), StreamsState::created);
  failures_left = 100;
  for (int i = 0; i < 20; ++i) send("k" + std::to_string(i), "poison");  // to both partitions
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(failures_left.load(), 100) << "somebody has tried to digest one";
}

}  // namespace
}  // namespace millrace
