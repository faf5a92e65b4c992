// millrace topics create | list | describe | delete
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "millrace/base/base64.h"

namespace millrace::cli {
namespace {

struct TopicArguments {
  std::string name;
  int partitions = 1;
  std::vector<std::string> configs;
  bool if_not_exists = false;
  bool internal = false;
};

Result<> create(const Session& session, const TopicArguments& arguments) {
  NewTopic topic{arguments.name, arguments.partitions, {}};
  for (const std::string& config : arguments.configs) {
    const std::size_t equals = config.find('=');
    topic.configs[config.substr(0, equals)] = config.substr(equals + 1);
  }
  MR_ASSIGN(auto log, open_log(session, /*make=*/true));
  auto made = log->admin().create_topic(topic);
  if (!made && arguments.if_not_exists && made.error().code() == ErrorCode::topic_already_exists) return {};
  return made;
}

Result<> list(const Session& session, const TopicArguments& arguments) {
  MR_ASSIGN(auto log, open_log(session));
  MR_ASSIGN(auto topics, log->admin().list_topics());
  for (const TopicDescription& topic : topics) {
    if (!topic.internal || arguments.internal) std::printf("%s\n", topic.name.c_str());
  }
  return {};
}

Result<> describe(const Session& session, const TopicArguments& arguments) {
  MR_ASSIGN(auto log, open_log(session));
  MR_ASSIGN(auto topic, log->admin().describe_topic(arguments.name));
  std::string configs;
  for (const auto& [key, value] : topic.configs) configs += (configs.empty() ? "" : ",") + key + "=" + value;
  std::printf("topic: %s  id: %s  partitions: %d  configs: %s\n", topic.name.c_str(), text_of(topic.id).c_str(),
              topic.partitions, configs.c_str());
  std::printf("%9s %16s %18s %14s %14s\n", "PARTITION", "LOG-START-OFFSET", "LAST-STABLE-OFFSET", "HIGH-WATERMARK",
              "LOG-END-OFFSET");
  for (PartitionId p = 0; p < topic.partitions; ++p) {
    MR_ASSIGN(auto offsets, log->admin().describe_partition({topic.name, p}));
    std::printf("%9d %16lld %18lld %14lld %14lld\n", p, static_cast<long long>(offsets.log_start_offset),
                static_cast<long long>(offsets.last_stable_offset), static_cast<long long>(offsets.high_watermark),
                static_cast<long long>(offsets.log_end_offset));
  }
  return {};
}

Result<> remove(const Session& session, const TopicArguments& arguments) {
  MR_ASSIGN(auto log, open_log(session));
  return log->admin().delete_topic(arguments.name);
}

using Command = Result<> (*)(const Session&, const TopicArguments&);

}  // namespace

void add_topics(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<TopicArguments>();
  CLI::App* topics = app.add_subcommand("topics", "Make, list, describe and delete topics")->require_subcommand(1);
  topics->footer("Example:\n  millrace topics create counts --partitions 4 --config cleanup.policy=compact");
  auto add = [&](const char* name, const char* help, Command command) {
    CLI::App* sub = topics->add_subcommand(name, help);
    sub->callback([&session, arguments, command] {
      session.run = [&session, arguments, command] { return command(session, *arguments); };
    });
    return sub;
  };
  CLI::App* sub = add("create", "Make a topic", create);
  sub->add_option("topic", arguments->name, "Its name")->required();
  sub->add_option("--partitions", arguments->partitions, "How many partitions")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  sub->add_option("--config", arguments->configs, "Kafka's topic configuration, as key=value; may be repeated")
      ->check(is_pair);
  sub->add_flag("--if-not-exists", arguments->if_not_exists, "No error if it exists");
  sub->footer(
      "Examples:\n  millrace topics create orders --partitions 4 --config retention.ms=86400000\n"
      "  millrace topics create counts --partitions 4 --config cleanup.policy=compact");
  sub = add("list", "Names of all topics", list);
  sub->add_flag("--internal", arguments->internal, "Kafka's own too: __consumer_offsets, __transaction_state");
  sub->footer("Example:\n  millrace topics list --internal");
  sub = add("describe", "Partitions, offsets and configuration of a topic", describe);
  sub->add_option("topic", arguments->name, "Its name")->required();
  sub->footer("Example:\n  millrace topics describe orders");
  sub = add("delete", "Remove a topic and all its records", remove);
  sub->add_option("topic", arguments->name, "Its name")->required();
  sub->footer("Example:\n  millrace topics delete orders");
}

}  // namespace millrace::cli
