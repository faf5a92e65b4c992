// A topology as a program: its command line, its exit codes, and what it prints.
#include "millrace/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "millrace/base/env_real.h"
#include "millrace/client_factory.h"
#include "millrace/dsl/streams_builder.h"
#include "millrace/dsl/topology.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr Topic<std::string, std::string> in{"in", {.partitions = 1}}, out{"out", {.partitions = 1}};
void copy(StreamsBuilder& builder) { builder.stream(in).to(out); }

class RunTest : public ::testing::Test {
 protected:
  RunTest() {
    dir_ = std::filesystem::temp_directory_path() / ("millrace-run-" + std::to_string(real_env().random().next()));
    std::filesystem::create_directories(dir_);
  }
  ~RunTest() override { std::filesystem::remove_all(dir_); }
  // The exit code; what it printed is in out_ and err_.
  int run(std::vector<std::string> arguments, const RunOptions& options = {}, const TopologyFunction& topology = copy) {
    arguments.insert(arguments.begin(), {"app", "--data-dir", data()});
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = millrace::run("app", topology, static_cast<int>(argv.size()), argv.data(), options);
    out_ = ::testing::internal::GetCapturedStdout();
    err_ = ::testing::internal::GetCapturedStderr();
    return code;
  }
  std::string data() const { return dir_ / "data"; }
  std::string file(const std::string& name, BytesView text) {
    auto opened = real_env().files().open(dir_ / name, OpenMode::replace);
    EXPECT_TRUE(opened && (*opened)->append(text, "test"));
    return dir_ / name;
  }
  // Values of a topic's records, a space between.
  std::string values(const std::string& topic) {
    auto log = make_log_client(real_env(), data(), {});
    if (!log) return log.error().text();
    ConsumerConfig config;
    config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
    auto consumer = (*log)->make_consumer(config);
    std::string all;
    if (!consumer || !(*consumer)->assign({{topic, 0}})) return "no consumer";
    for (;;) {
      auto some = (*consumer)->poll(0ms);
      if (!some) return some.error().text();
      if (some->empty()) return all;
      for (const auto& r : *some) all += (all.empty() ? "" : " ") + *r.value;
    }
  }
  RunOptions reading(const std::string& path) {
    RunOptions options;
    options.sources = [path](Sources& sources) {
      sources.csv(path, in,
                  [](const CsvRow& row) { return Record{std::string(*row["id"]), std::string(*row["name"])}; });
    };
    return options;
  }
  std::filesystem::path dir_;
  std::string out_, err_;
};

// ---------------------------------------------------------------- the command line

TEST_F(RunTest, help_is_printed_and_is_no_error) {
  std::string input;
  RunOptions options;
  options.arguments = {{"--input", "a file of orders", &input}};
  EXPECT_EQ(run({"--help"}, options), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("--until-end-of-input"), HasSubstr("a file of orders"), HasSubstr("Exit codes")));
}

TEST_F(RunTest, what_is_not_understood_is_wrong_usage) {
  EXPECT_EQ(run({"--no-such-option"}), 2);
  EXPECT_THAT(err_, HasSubstr("--no-such-option"));
  EXPECT_EQ(run({"stray"}), 2);
  EXPECT_EQ(run({"--config"}), 2);
  EXPECT_EQ(run({"--config", "no.equals.sign", "--describe"}), 2);
  EXPECT_THAT(err_, AllOf(HasSubstr("no.equals.sign"), HasSubstr("key=value")));
  EXPECT_FALSE(std::filesystem::exists(data()));
}

TEST_F(RunTest, an_argument_of_the_program_is_required_unless_it_has_a_default) {
  std::string required, optional = "default";
  RunOptions options;
  options.arguments = {{"--required", "", &required}, {"--optional", "", &optional}};
  EXPECT_EQ(run({"--describe"}, options), 2);
  EXPECT_THAT(err_, HasSubstr("--required"));
  EXPECT_EQ(run({"--describe", "--required", "x"}, options), 0) << err_;
  EXPECT_EQ(required, "x");
  EXPECT_EQ(optional, "default");
}

TEST_F(RunTest, describe_prints_the_topology_and_touches_nothing) {
  EXPECT_EQ(run({"--describe"}), 0);
  EXPECT_THAT(out_, AllOf(StartsWith("Topologies:"), HasSubstr("KSTREAM-SOURCE-0000000000"), HasSubstr("out")));
  EXPECT_EQ(err_, "");
  EXPECT_FALSE(std::filesystem::exists(data()));
}

TEST_F(RunTest, the_data_directory_may_come_from_the_environment) {
  ASSERT_EQ(::setenv("MILLRACE_DATA_DIR", data().c_str(), 1), 0);
  std::string name = "app", until = "--until-end-of-input";
  char* argv[] = {name.data(), until.data()};
  const int code = millrace::run("app", copy, 2, argv, reading(file("in.csv", "id,name\n1,a\n")));
  ASSERT_EQ(::unsetenv("MILLRACE_DATA_DIR"), 0);
  EXPECT_EQ(code, 0);
  EXPECT_EQ(values("out"), "a");
}

// ---------------------------------------------------------------- configuration

TEST_F(RunTest, the_command_line_goes_over_the_file_and_the_file_over_the_program) {
  const std::string good = file("good.properties", "num.stream.threads = 2\n");
  const std::string bad = file("bad.properties", "num.stream.threads = many\n");
  RunOptions program;
  program.config = {{"num.stream.threads", "of the program"}};
  EXPECT_EQ(run({"--describe"}, program), 1);
  EXPECT_THAT(err_, AllOf(StartsWith("app: "), HasSubstr("num.stream.threads"), HasSubstr("of the program")));
  EXPECT_EQ(run({"--describe", "--config-file", good}, program), 0) << err_;
  EXPECT_EQ(run({"--describe", "--config-file", bad}, program), 1);
  EXPECT_THAT(err_, HasSubstr("many"));
  EXPECT_EQ(run({"--describe", "--config-file", bad, "--config", "num.stream.threads=2"}, program), 0) << err_;
  EXPECT_EQ(run({"--describe", "--config-file", good, "--config", "num.stream.threads=none"}), 1);
  EXPECT_THAT(err_, HasSubstr("none"));
  EXPECT_EQ(run({"--describe", "--config", "num.stream.threads=none", "--config", "num.stream.threads=2"}), 0)
      << "the last one counts";
}

TEST_F(RunTest, a_value_may_hold_further_equals_signs) {
  EXPECT_EQ(run({"--describe", "--config", "num.stream.threads=1=2"}), 1);
  EXPECT_THAT(err_, HasSubstr("1=2"));
}

TEST_F(RunTest, an_unknown_key_names_the_nearest_and_a_file_that_cannot_be_read_its_path) {
  EXPECT_EQ(run({"--describe", "--config", "num.stream.thread=2"}), 1);
  EXPECT_THAT(err_, HasSubstr("num.stream.threads"));
  EXPECT_EQ(run({"--describe", "--config-file", dir_ / "missing.properties"}), 1);
  EXPECT_THAT(err_, HasSubstr("missing.properties"));
  EXPECT_EQ(run({"--describe", "--config-file", file("odd.properties", "key = \\u12\n")}), 1);
  EXPECT_THAT(err_, HasSubstr("odd.properties"));
}

// ---------------------------------------------------------------- running

TEST_F(RunTest, reads_its_sources_once_processes_them_and_ends) {
  const RunOptions options = reading(file("names.csv", "id,name\n1,ann\n2,bob\n"));
  ASSERT_EQ(run({"--until-end-of-input"}, options), 0) << err_;
  EXPECT_EQ(values("in"), "ann bob");
  EXPECT_EQ(values("out"), "ann bob");
  EXPECT_EQ(err_, "") << "no progress where nobody looks";
  ASSERT_EQ(run({"--until-end-of-input"}, options), 0) << err_;
  EXPECT_EQ(values("in"), "ann bob");
  EXPECT_EQ(values("out"), "ann bob");
}

TEST_F(RunTest, the_program_may_say_itself_that_it_ends_with_its_input) {
  RunOptions options = reading(file("names.csv", "id,name\n1,ann\n"));
  options.until_end_of_input = true;
  EXPECT_EQ(run({}, options), 0) << err_;
  EXPECT_EQ(values("out"), "ann");
}

TEST_F(RunTest, what_fails_is_printed_under_the_programs_name_and_the_code_is_one) {
  EXPECT_EQ(run({"--until-end-of-input"}), 1);
  EXPECT_THAT(err_, AllOf(StartsWith("app: "), HasSubstr("in"))) << "the source topic is missing";
  EXPECT_EQ(run({"--until-end-of-input"}, reading(dir_ / "missing.csv")), 1);
  EXPECT_THAT(err_, HasSubstr("missing.csv"));
  const RunOptions options = reading(file("names.csv", "id,name\n1,ann\n"));
  auto throwing = [](StreamsBuilder& b) {
    b.stream(in).for_each([](const std::string&) { throw std::runtime_error("boom"); });
  };
  EXPECT_EQ(run({"--until-end-of-input"}, options, throwing), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("app: "), HasSubstr("boom"), HasSubstr("offset 0")));
  EXPECT_EQ(run({"--describe"}, {}, [](StreamsBuilder&) { throw std::runtime_error("no topology"); }), 1);
  EXPECT_THAT(err_, HasSubstr("no topology"));
}

TEST_F(RunTest, a_metrics_file_that_cannot_be_written_is_a_failure_before_anything_is_processed) {
  const RunOptions options = reading(file("names.csv", "id,name\n1,ann\n"));
  EXPECT_EQ(run({"--until-end-of-input", "--metrics-file", dir_ / "no" / "such" / "directory.prom"}, options), 1);
  EXPECT_THAT(err_, HasSubstr("directory.prom"));
  ASSERT_EQ(run({"--until-end-of-input"}, options), 0) << err_;
  EXPECT_EQ(values("out"), "ann");
}

TEST_F(RunTest, a_data_directory_that_is_in_use_is_refused) {
  auto held = make_log_client(real_env(), data(), {});
  ASSERT_TRUE(held);
  EXPECT_EQ(run({"--until-end-of-input"}), 1);
  EXPECT_THAT(err_, HasSubstr(data()));
}

TEST_F(RunTest, an_argument_that_there_is_already_is_told_and_not_thrown) {
  std::string mine = "x";
  RunOptions options;
  options.arguments = {{"--config", "my own", &mine}};
  EXPECT_EQ(run({}, options), 1);
  EXPECT_THAT(err_, HasSubstr("config"));
}

TEST_F(RunTest, never_throws_whatever_the_topology_throws) {
  EXPECT_EQ(run({}, {}, [](StreamsBuilder&) { throw 7; }), 1);
  EXPECT_THAT(err_, HasSubstr("no std::exception"));
}

TEST_F(RunTest, says_what_stopped_it_though_its_metrics_cannot_be_written_either) {
  {
    auto log = make_log_client(real_env(), data(), {});
    ASSERT_TRUE(log);
    ASSERT_TRUE((*log)->admin().create_topic({"in", 1, {}}));
    auto producer = *(*log)->make_producer({});
    ASSERT_TRUE(producer->send(ProducerRecord{"in", 0, Bytes("k"), Bytes("v"), {}, {}}).get());
  }
  const auto folder = dir_ / "metrics";
  const auto topology = [&](bool fails) {
    return [&, fails](StreamsBuilder& builder) {
      builder.stream(in)
          .map_values([&, fails](const std::string& v) {
            std::filesystem::remove_all(folder);  // the disk is full, say
            if (fails) throw std::runtime_error("cannot digest " + v);
            return v;
          })
          .to(out);
    };
  };
  const std::vector<std::string> arguments{"--until-end-of-input", "--metrics-file", folder / "app.prom"};
  std::filesystem::create_directories(folder);
  EXPECT_EQ(run(arguments, {}, topology(true)), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("cannot digest v"), HasSubstr("metrics are not written")));
  std::filesystem::create_directories(folder);
  EXPECT_EQ(run(arguments, {}, topology(false)), 0);
  EXPECT_THAT(err_, HasSubstr("metrics are not written"));
}

}  // namespace
}  // namespace millrace
