#include "millrace/base/sim/sim_env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "millrace/base/monitor.h"

namespace millrace::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<File> open(SimEnv& env, const std::string& path, OpenMode mode = OpenMode::append) {
  auto file = env.files().open(path, mode);
  EXPECT_TRUE(file) << file.error().text();
  return file ? *std::move(file) : nullptr;
}

TEST(SimExecutor, runs_jobs_in_an_order_that_only_the_seed_decides) {
  auto order = [](std::uint64_t seed) {
    SimEnv env(seed);
    auto executor = env.make_executor(2, "test");
    std::string order;
    for (char c = 'a'; c <= 'h'; ++c) executor->post([&order, c] { order += c; });
    EXPECT_EQ(env.run_until_idle(), 8u);
    return order;
  };
  std::set<std::string> orders;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(order(seed), order(seed));
    orders.insert(order(seed));
  }
  EXPECT_GT(orders.size(), 15u);
}

TEST(SimExecutor, time_goes_on_to_the_next_timer_when_nothing_else_is_to_do) {
  SimEnv env(1);
  auto executor = env.make_executor(1, "test");
  Timestamp start = env.clock().now();
  std::vector<std::int64_t> ran_at;
  for (int seconds : {3600, 1}) {
    executor->post_at(env.clock().monotonic_ns() + seconds * 1'000'000'000l,
                      [&] { ran_at.push_back((env.clock().now() - start).count()); });
  }
  EXPECT_EQ(env.run_until_idle(), 0u) << "timers are in the future";
  env.run_for(2h);
  EXPECT_THAT(ran_at, ElementsAre(1000, 3600'000));
  EXPECT_GE((env.clock().now() - start).count(), 7200'000);
  EXPECT_LE((env.clock().now() - start).count(), 7201'000);
}

TEST(SimExecutor, a_wait_for_ever_ends_when_it_holds_and_a_job_for_never_does_not_run) {
  SimEnv env(1);
  auto executor = env.make_executor(1, "test");
  Monitor monitor;
  bool holds = false, ran = false;
  executor->post_at(env.clock().monotonic_ns() + 3600'000'000'000, [&] { holds = true; });
  executor->post_at(later(env.clock().monotonic_ns(), Duration::max()), [&] { ran = true; });
  MonitorLock lock(monitor);
  EXPECT_TRUE(env.wait(lock, [&] { return holds; }, Duration::max()));
  EXPECT_FALSE(env.wait(lock, [&] { return ran; }, Duration::max()));
}

TEST(SimExecutor, run_until_stops_when_it_holds_or_time_is_over) {
  SimEnv env(1);
  auto executor = env.make_executor(1, "test");
  int ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    executor->post_at(env.clock().monotonic_ns() + 1'000'000, tick);
  };
  tick();
  EXPECT_TRUE(env.run_until([&] { return ticks == 10; }, 1s));
  EXPECT_EQ(ticks, 10);
  EXPECT_FALSE(env.run_until([&] { return ticks == 1'000'000; }, 10ms));
}

TEST(SimExecutor, drain_runs_what_is_queued_and_refuses_the_rest) {
  SimEnv env(1);
  auto executor = env.make_executor(1, "test");
  int ran = 0;
  executor->post([&] { executor->post([&] { ++ran; }); });
  executor->post_at(env.clock().monotonic_ns() + 1000, [&] { ran += 100; });
  executor->drain();
  EXPECT_EQ(ran % 100, 1);
  executor->post([&] { ran = -1; });
  env.run_for(1s);
  EXPECT_NE(ran, -1);
}

TEST(SimClock, a_loop_that_waits_for_time_to_pass_ends) {
  SimEnv env(1);
  std::int64_t end = env.clock().monotonic_ns() + 1'000'000;
  while (env.clock().monotonic_ns() < end) {
  }
  SUCCEED();
}

TEST(SimFiles, behave_as_files_do) {
  SimEnv env(1);
  FileSystem& files = env.files();
  ASSERT_TRUE(files.make_directories("/data"));
  auto file = open(env, "/data/a");
  std::vector<BytesView> parts = {"one ", "two"};
  ASSERT_TRUE(file->append(parts, "test"));
  ASSERT_TRUE(file->write_at(0, "ONE", "test"));
  EXPECT_EQ(*files.read_file("/data/a"), "ONE two");
  ASSERT_TRUE(file->truncate(3, "test"));
  EXPECT_EQ(file->size(), 3u);
  EXPECT_FALSE(open(env, "/data/a", OpenMode::read)->append("x", "test"));
  EXPECT_FALSE(files.open("/data/a", OpenMode::create_new));
  EXPECT_FALSE(files.open("/data/none", OpenMode::read));
  EXPECT_FALSE(files.open("/none/a", OpenMode::append));
  ASSERT_TRUE(files.write_file_atomically("/data/b", "content", "test"));
  EXPECT_THAT(*files.list("/data"), ElementsAre("a", "b"));
  ASSERT_TRUE(files.remove_all("/data", "test"));
  EXPECT_FALSE(files.exists("/data"));
  EXPECT_EQ(file->size(), 3u) << "an open file lives on without its name";
}

TEST(SimFiles, a_file_written_atomically_is_old_or_new_after_a_power_cut_at_any_step) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    for (std::uint64_t step = 1; step <= 4; ++step) {
      SimEnv env(seed);
      ASSERT_TRUE(env.files().write_file_atomically("/a", "old", "test"));
      env.faults().kill("test", step % 2 ? Side::before : Side::after, step);
      ASSERT_FALSE(env.files().write_file_atomically("/a", "new", "test"));
      env.power_cut();
      env.reboot();
      std::string content = env.files().read_file("/a").value();
      EXPECT_TRUE(content == "old" || content == "new") << content;
    }
  }
}

TEST(SimFiles, a_lie_about_its_sync_is_found_out) {
  int broken = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimEnv env(seed);
    env.faults().lie_about("test");
    ASSERT_TRUE(env.files().write_file_atomically("/a", "new", "test"));
    env.power_cut();
    env.reboot();
    auto content = env.files().read_file("/a");
    broken += !content || *content != "new";
  }
  EXPECT_GT(broken, 10);
}

TEST(SimFiles, a_lock_is_held_until_let_go_or_the_node_dies) {
  SimEnv env(1);
  auto lock = env.files().lock("/lock");
  ASSERT_TRUE(lock);
  EXPECT_FALSE(env.files().lock("/lock"));
  env.kill();
  env.reboot();
  auto second = env.files().lock("/lock");
  EXPECT_TRUE(second);
  lock = Error("the first life's lock goes late");
  EXPECT_FALSE(env.files().lock("/lock")) << "and must not take the second's with it";
}

TEST(SimFaults, the_nth_pass_of_a_site_fails) {
  SimEnv env(1);
  auto file = open(env, "/a");
  env.faults().fail("site", 2);
  EXPECT_TRUE(file->append("one", "site"));
  EXPECT_TRUE(file->append("other", "elsewhere"));
  auto failed = file->append("two", "site");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kafka_storage_error);
  EXPECT_THAT(failed.error().message(), HasSubstr("/a: Input/output error"));
  EXPECT_TRUE(file->append("three", "site"));
  EXPECT_EQ(env.faults().passes().at("site"), 3u);
}

TEST(SimFaults, every_operation_can_be_made_to_fail) {
  for (std::uint64_t n = 1; n <= 5; ++n) {
    SimEnv env(1);
    env.faults().fail_operation(n);
    EXPECT_FALSE(env.files().write_file_atomically("/a", "x", "test")) << n;
  }
  SimEnv env(1);
  env.faults().fail_operation(6);
  EXPECT_TRUE(env.files().write_file_atomically("/a", "x", "test"));
}

TEST(SimFaults, a_full_disk_takes_what_fits_and_says_so) {
  SimEnv env(1);
  env.faults().set_capacity(5);
  auto file = open(env, "/a");
  EXPECT_TRUE(file->append("123", "test"));
  auto full = file->append("456", "test");
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error().message(), HasSubstr("No space left on device"));
  EXPECT_EQ(*env.files().read_file("/a"), "12345");
  EXPECT_TRUE(file->write_at(0, "abc", "test")) << "overwriting needs no room";
  env.faults().set_capacity({});
  EXPECT_TRUE(file->append("6", "test"));
}

TEST(SimFaults, a_delayed_operation_takes_virtual_time) {
  SimEnv env(1);
  auto file = open(env, "/a");
  env.faults().delay("test", 30s);
  Timestamp before = env.clock().now();
  EXPECT_TRUE(file->sync("test"));
  EXPECT_GE(env.clock().now() - before, 30s);
}

TEST(SimEnv, a_killed_node_keeps_what_it_wrote_and_does_nothing_more) {
  SimEnv env(1);
  auto executor = env.make_executor(1, "test");
  auto file = open(env, "/a");
  ASSERT_TRUE(file->append("written", "test"));
  bool ran = false;
  executor->post([&] { ran = true; });
  env.kill();
  env.run_for(1s);
  EXPECT_FALSE(ran);
  EXPECT_FALSE(file->append("not", "test"));
  EXPECT_FALSE(env.files().read_file("/a"));
  env.reboot();
  executor->post([&] { ran = true; });
  env.run_for(1s);
  EXPECT_FALSE(ran) << "an executor of the last life stays dead";
  EXPECT_FALSE(file->append("not", "test")) << "and so does an open file";
  EXPECT_EQ(*env.files().read_file("/a"), "written");
}

TEST(SimEnv, a_node_dies_where_it_was_told_to) {
  for (Side side : {Side::before, Side::after}) {
    SimEnv env(1);
    auto file = open(env, "/a");
    auto executor = env.make_executor(1, "test");
    env.faults().kill("test", side);
    bool later = false;
    executor->post([&] {
      EXPECT_FALSE(file->append("x", "test"));
      executor->post([&] { later = true; });
    });
    env.run_for(1s);
    EXPECT_TRUE(env.is_killed());
    EXPECT_FALSE(later);
    env.reboot();
    EXPECT_EQ(*env.files().read_file("/a"), side == Side::before ? "" : "x");
  }
}

TEST(SimEnv, a_fault_point_can_kill) {
  SimEnv env(1);
  env.faults().kill("decision", Side::before, 2);
  env.fault_point("decision");
  EXPECT_FALSE(env.is_killed());
  env.fault_point("decision");
  EXPECT_TRUE(env.is_killed());
}

// A small program with all that a seed decides: order of jobs, time, chance, a power cut.
std::string story(std::uint64_t seed, std::uint64_t& hash) {
  SimEnv env(SimOptions{.seed = seed, .keep_trace_text = true});
  {
    auto executor = env.make_executor(2, "test");
    auto file = open(env, "/a");
    for (int i = 0; i < 20; ++i) {
      executor->post([&, i] {
        EXPECT_TRUE(file->append(
            std::string(static_cast<std::size_t>(env.random().next() % 9000), static_cast<char>('a' + i)), "append"));
        if (i % 5 == 0) {
          EXPECT_TRUE(file->sync("sync"));
        }
      });
    }
    EXPECT_TRUE(env.files().sync_directory("/", "names"));
    env.run_until_idle();
    env.kill();
  }
  env.power_cut();
  hash = env.trace().hash();
  std::string text;
  for (const std::string& line : env.trace().lines()) text += line + "\n";
  return text + env.disk().listing();
}

TEST(SimEnv, two_runs_of_a_seed_are_the_same_call_by_call_and_two_seeds_are_not) {
  std::uint64_t first = 0, second = 0, other = 0;
  EXPECT_EQ(story(7, first), story(7, second));
  EXPECT_EQ(first, second);
  story(8, other);
  EXPECT_NE(first, other);
}

}  // namespace
}  // namespace millrace::sim
