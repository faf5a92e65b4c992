#include "millrace/metrics_file.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "millrace/run.h"
#include "tests/runtime/metered_streams.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

class MetricsFileTest : public MeteredStreams {
 protected:
  std::string text() const { return real_env().files().read_file(dir_ / "app.prom").value(); }
};

TEST_F(MetricsFileTest, has_the_last_word_when_the_application_is_closed) {
  for (int i = 0; i < 12; ++i) say("k", "v");
  Streams& app = make(count_by_key);
  auto file = MetricsFile::open(real_env(), app, dir_ / "app.prom");
  ASSERT_TRUE(file) << file.error().text();
  EXPECT_THAT(text(), HasSubstr("millrace_stream_metrics_state{client_id=\"app\",state=\"CREATED\"} 1\n"));
  ASSERT_TRUE(app.start());
  ASSERT_TRUE(app.run_until_end_of_input());
  ASSERT_TRUE(app.close());
  ASSERT_TRUE((*file)->write());
  EXPECT_THAT(text(), HasSubstr("millrace_stream_thread_metrics_process_total{thread_id=\"app-StreamThread-1\"} 12\n"));
  EXPECT_THAT(text(), HasSubstr("# TYPE kafka_log_Log_LogEndOffset gauge\n"));
  EXPECT_FALSE(real_env().files().exists(dir_ / "app.prom.tmp"));
}

TEST_F(MetricsFileTest, is_written_again_by_itself) {
  Streams& app = make(count_by_key);
  auto file = MetricsFile::open(real_env(), app, dir_ / "app.prom");
  ASSERT_TRUE(file);
  ASSERT_TRUE(real_env().files().remove(dir_ / "app.prom", "test"));
  const std::int64_t until = real_env().clock().monotonic_ns() + 30'000'000'000;
  while (!real_env().files().exists(dir_ / "app.prom") && real_env().clock().monotonic_ns() < until) {
  }
  EXPECT_THAT(text(), HasSubstr("millrace_stream_metrics_version"));
}

TEST_F(MetricsFileTest, is_what_a_program_writes_with_metrics_file) {
  for (int i = 0; i < 5; ++i) say("k", "v");
  log_.reset();
  const std::string data = dir_ / "data", path = dir_ / "app.prom";
  const char* line[] = {"app", "--data-dir", data.c_str(), "--metrics-file", path.c_str(), "--until-end-of-input"};
  EXPECT_EQ(millrace::run("app", count_by_key, std::size(line), const_cast<char**>(line)), 0);
  EXPECT_THAT(text(), HasSubstr("millrace_stream_thread_metrics_process_total{thread_id=\"app-StreamThread-1\"} 5\n"));
  EXPECT_THAT(text(), HasSubstr("millrace_stream_metrics_state{client_id=\"app\",state=\"NOT_RUNNING\"} 1\n"));
}

TEST_F(MetricsFileTest, a_path_that_cannot_be_written_is_an_error_at_once) {
  auto file = MetricsFile::open(real_env(), make(count_by_key), dir_ / "no-such-folder" / "app.prom");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().text(), HasSubstr("no-such-folder"));
}

TEST_F(MetricsFileTest, a_path_that_cannot_be_replaced_is_an_error_and_nothing_is_left_beside_it) {
  std::filesystem::create_directory(dir_ / "app.prom");
  auto file = MetricsFile::open(real_env(), make(count_by_key), dir_ / "app.prom");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().text(), HasSubstr("cannot rename"));
  EXPECT_FALSE(real_env().files().exists(dir_ / "app.prom.tmp"));
}

TEST_F(MetricsFileTest, a_link_is_refused_since_the_file_would_take_its_place) {
  std::filesystem::create_symlink(dir_ / "elsewhere.prom", dir_ / "link.prom");
  auto file = MetricsFile::open(real_env(), make(count_by_key), dir_ / "link.prom");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().text(), HasSubstr("symbolic link"));
  EXPECT_TRUE(std::filesystem::is_symlink(dir_ / "link.prom"));
}

}  // namespace
}  // namespace millrace
