// A signal asks once to finish; the second time it ends the process. Each in a process of its own.
#include "millrace/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "millrace/base/env_real.h"

namespace millrace {
namespace {

// `done` holds within a minute.
bool comes_true(const std::atomic<bool>& done) {
  const std::int64_t until = real_env().clock().monotonic_ns() + 60'000'000'000;
  while (!done.load() && real_env().clock().monotonic_ns() < until) std::this_thread::yield();
  return done.load();
}

class SignalsTest : public ::testing::TestWithParam<int> {
 protected:
  SignalsTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// In the process that is to be signalled. One that hangs would outlive the test.
void begin() {
  ::alarm(60);
  catch_stop_signals();
}
[[noreturn]] void end_well_if(bool all) { std::_Exit(all ? 0 : 1); }

TEST_P(SignalsTest, the_first_is_noted_and_the_process_goes_on) {
  EXPECT_EXIT(
      {
        begin();
        const bool before = stop_was_requested();
        std::raise(GetParam());
        end_well_if(!before && stop_was_requested());
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_P(SignalsTest, the_second_ends_the_process) {
  EXPECT_EXIT(
      {
        begin();
        std::raise(GetParam());
        std::raise(GetParam());
        end_well_if(true);
      },
      ::testing::KilledBySignal(GetParam()), "");
}

TEST_P(SignalsTest, who_watches_is_called_once_from_another_thread) {
  EXPECT_EXIT(
      {
        begin();
        std::atomic<bool> called{false};
        std::atomic<int> calls{0};
        std::thread::id caller;
        {
          SignalWatch watch([&] {
            ++calls;
            caller = std::this_thread::get_id();
            called = true;
          });
          std::raise(GetParam());
          if (!comes_true(called)) end_well_if(false);
        }
        end_well_if(calls == 1 && caller != std::this_thread::get_id());
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_P(SignalsTest, who_watches_after_the_signal_is_called_too) {
  EXPECT_EXIT(
      {
        begin();
        std::raise(GetParam());
        std::atomic<bool> called{false};
        SignalWatch watch([&] { called = true; });
        end_well_if(comes_true(called));
      },
      ::testing::ExitedWithCode(0), "");
}

INSTANTIATE_TEST_SUITE_P(Both, SignalsTest, ::testing::Values(SIGINT, SIGTERM),
                         [](const auto& info) { return info.param == SIGINT ? "SIGINT" : "SIGTERM"; });

TEST(Signals, who_watches_in_vain_is_not_called) {
  bool called = false;
  {
    SignalWatch watch([&] { called = true; });
  }
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace millrace
