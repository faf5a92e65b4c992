// millrace groups list | describe
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/command.h"

namespace millrace::cli {
namespace {

Result<> list(const Session& session) {
  MR_ASSIGN(auto log, open_log(session));
  MR_ASSIGN(auto groups, log->admin().describe_groups());
  for (const GroupDescription& group : groups) std::printf("%s\n", group.group_id.c_str());
  return {};
}

// As kafka-consumer-groups: the lag is what lies between the committed offset and the end of the log.
Result<> describe(const Session& session, const std::string& only) {
  MR_ASSIGN(auto log, open_log(session));
  MR_ASSIGN(auto groups, log->admin().describe_groups());
  bool found = only.empty();
  std::printf("%-24s %-24s %9s %14s %14s %10s\n", "GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET",
              "LAG");
  for (const GroupDescription& group : groups) {
    if (!only.empty() && group.group_id != only) continue;
    found = true;
    for (const auto& [partition, committed] : group.committed) {
      auto offsets = log->admin().describe_partition(partition);
      std::string end = "-", lag = "-";  // the topic is gone
      if (offsets) {
        end = std::to_string(offsets->high_watermark);
        lag = std::to_string(std::max<Offset>(0, offsets->high_watermark - committed.offset));
      }
      std::printf("%-24s %-24s %9d %14lld %14s %10s\n", group.group_id.c_str(), partition.topic.c_str(),
                  partition.partition, static_cast<long long>(committed.offset), end.c_str(), lag.c_str());
    }
  }
  if (!found) return Error(ErrorCode::group_id_not_found, "there is no group " + only);
  return {};
}

}  // namespace

void add_groups(CLI::App& app, Session& session) {
  CLI::App* groups = app.add_subcommand("groups", "Consumer groups and how far behind they are")->require_subcommand(1);
  groups->add_subcommand("list", "Names of all groups")->callback([&session] {
    session.run = [&session] { return list(session); };
  });
  auto only = std::make_shared<std::string>();
  CLI::App* sub = groups->add_subcommand("describe", "Committed offsets and lag, by partition");
  sub->add_option("group", *only, "One group; without it, all");
  sub->callback([&session, only] { session.run = [&session, only] { return describe(session, *only); }; });
  sub->footer("Example:\n  millrace groups describe word-count");
}

}  // namespace millrace::cli
