#include "millrace/base/fault.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

namespace millrace {
namespace {

// Runs `body` in a child with a fresh state and returns its wait status.
int in_child(const std::function<void()>& body) {
  pid_t child = ::fork();
  if (child == 0) {
    body();
    std::exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(FaultOrder, is_a_site_a_side_and_a_number) {
  FaultOrder order;
  ASSERT_TRUE(parse_fault_order("log.segment.sync:after:3", order));
  EXPECT_EQ(order.site, "log.segment.sync");
  EXPECT_TRUE(order.after);
  EXPECT_EQ(order.pass, 3);
  for (const char* wrong :
       {"", "a", "a:before", "a:during:1", "a:before:0", "a:before:x", ":before:1", "a:before:1x"}) {
    EXPECT_FALSE(parse_fault_order(wrong, order)) << wrong;
  }
}

// Counts the lines that a child wrote to a file around two passes of one site and one of another.
struct Outcome {
  int status;
  std::string written;
};
Outcome run_with_fault(const std::string& order) {
  std::string path = ::testing::TempDir() + "/millrace_fault_" + std::to_string(::getpid());
  std::remove(path.c_str());
  int status = in_child([&] {
    ::setenv("MILLRACE_FAULT", order.c_str(), 1);
    read_fault_environment();
    for (int i = 1; i <= 2; ++i) {
      FaultPass pass("a.sync");
      std::ofstream(path, std::ios::app) << i;
    }
  });
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  std::remove(path.c_str());
  return {status, text.str()};
}

TEST(FaultPass, kills_before_or_after_the_operation_at_the_pass_that_was_ordered) {
  Outcome before = run_with_fault("a.sync:before:2");
  EXPECT_TRUE(WIFSIGNALED(before.status) && WTERMSIG(before.status) == SIGKILL);
  EXPECT_EQ(before.written, "1");
  Outcome after = run_with_fault("a.sync:after:1");
  EXPECT_TRUE(WIFSIGNALED(after.status) && WTERMSIG(after.status) == SIGKILL);
  EXPECT_EQ(after.written, "1");
}

TEST(FaultPass, leaves_other_sites_and_other_passes_alone) {
  for (const char* order : {"b.sync:before:1", "a.sync:before:3"}) {
    Outcome run = run_with_fault(order);
    EXPECT_TRUE(WIFEXITED(run.status)) << order;
    EXPECT_EQ(run.written, "12") << order;
  }
}

TEST(FaultPass, an_order_that_cannot_be_understood_ends_the_program) {
  Outcome run = run_with_fault("a.sync:sometimes");
  EXPECT_TRUE(WIFEXITED(run.status));
  EXPECT_EQ(WEXITSTATUS(run.status), 2);
  EXPECT_EQ(run.written, "");
}

TEST(FaultLog, lists_every_site_with_its_passes_when_the_process_exits) {
  std::string path = ::testing::TempDir() + "/millrace_fault_log_" + std::to_string(::getpid());
  in_child([&] {
    ::setenv("MILLRACE_FAULT_LOG", path.c_str(), 1);
    read_fault_environment();
    {
      FaultPass pass("b");
    }
    {
      FaultPass pass("a");
    }
    {
      FaultPass pass("b");
    }
  });
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), "a 1\nb 2\n");
  std::remove(path.c_str());
}

}  // namespace
}  // namespace millrace
