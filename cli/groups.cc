// millrace groups list | describe
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "cli/command.h"

namespace millrace::cli {
namespace {

Result<> list(const Session& session) {
  MR_ASSIGN(auto log, open_log(session));
  MR_ASSIGN(auto groups, log->admin().describe_groups());
  for (const GroupDescription& group : groups) std::printf("%s\n", group.group_id.c_str());
  return {};
}

// Rows under their headings, each column as wide as its widest cell; the first `left` columns begin at the left.
void print_table(const std::vector<std::vector<std::string>>& rows, std::size_t left) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - row[i].size(), ' ');
      line += (i == 0 ? "" : "  ") + (i < left ? row[i] + blanks : blanks + row[i]);
    }
    std::puts(line.c_str());
  }
}

// As kafka-consumer-groups: the lag is what lies between the committed offset and the end of the log.
Result<> describe(const Session& session, const std::string& only) {
  MR_ASSIGN(auto log, open_log(session));
  MR_ASSIGN(auto groups, log->admin().describe_groups());
  bool found = only.empty();
  std::vector<std::vector<std::string>> rows{
      {"GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG"}};
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
      rows.push_back({group.group_id, partition.topic, std::to_string(partition.partition),
                      std::to_string(committed.offset), end, lag});
    }
  }
  if (!found) return Error(ErrorCode::group_id_not_found, "there is no group " + only);
  print_table(rows, 2);
  return {};
}

}  // namespace

void add_groups(CLI::App& app, Session& session) {
  CLI::App* groups = app.add_subcommand("groups", "Consumer groups and how far behind they are")->require_subcommand(1);
  groups->footer("Example:\n  millrace groups describe word-count");
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
