// millrace consume TOPIC
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/field_format.h"
#include "cli/progress.h"

namespace millrace::cli {
namespace {

struct ConsumeArguments {
  std::string topic;
  bool from_beginning = false;
  bool exit_at_end = false;
  std::string isolation = "read_uncommitted";
  std::string format = "text";
  std::string key_format = "string";
  std::string value_format = "string";
  bool print_key = false;
  std::string separator = "\t";
  std::string null = "null";
  std::string group;
  int partition = -1;
  std::int64_t offset = -1;
  std::int64_t max_messages = -1;
};

using Json = nlohmann::ordered_json;

Result<Json> field_json(const std::optional<Bytes>& field, FieldFormat format) {
  if (!field) return Json();
  return to_json(*field, format);
}

Result<std::string> as_json(const ConsumedRecord& record, FieldFormat key_format, FieldFormat value_format) {
  Json json;
  json["topic"] = record.partition.topic;
  json["partition"] = record.partition.partition;
  json["offset"] = record.offset;
  json["timestamp"] = record.timestamp.ms;
  MR_ASSIGN(json["key"], field_json(record.key, key_format));
  MR_ASSIGN(json["value"], field_json(record.value, value_format));
  json["headers"] = Json::array();
  for (const Header& header : record.headers) {
    MR_ASSIGN(Json value, field_json(header.value, FieldFormat::string));
    MR_ASSIGN(Json key, to_json(header.name, FieldFormat::string));
    json["headers"].push_back({{"key", key}, {"value", value}});
  }
  return json.dump();
}

Result<std::string> as_text(const ConsumedRecord& record, const ConsumeArguments& arguments) {
  auto field = [&](const std::optional<Bytes>& bytes, const std::string& format) -> Result<std::string> {
    return bytes ? to_text(*bytes, field_format_named(format)) : Result<std::string>(arguments.null);
  };
  std::string line;
  if (arguments.print_key) {
    MR_ASSIGN(line, field(record.key, arguments.key_format));
    line += arguments.separator;
  }
  MR_ASSIGN(std::string value, field(record.value, arguments.value_format));
  return line + value;
}

Result<> print(const ConsumedRecord& record, const ConsumeArguments& arguments) {
  auto line = arguments.format == "json" ? as_json(record, field_format_named(arguments.key_format),
                                                   field_format_named(arguments.value_format))
                                         : as_text(record, arguments);
  if (!line) return std::move(line).error().in(record.partition.text() + " offset " + std::to_string(record.offset));
  *line += '\n';
  if (std::fwrite(line->data(), 1, line->size(), stdout) != line->size()) {
    return Error(ErrorCode::kafka_storage_error, "cannot write to standard output");
  }
  return {};
}

// Where each partition's reading starts: --offset, else what the group has committed, else the beginning or the end.
Result<> seek_all(Consumer& consumer, const ConsumeArguments& arguments,
                  const std::vector<TopicPartition>& partitions) {
  OffsetsToCommit committed;
  if (!arguments.group.empty()) {
    MR_ASSIGN(committed, consumer.committed(partitions));
  }
  for (const TopicPartition& partition : partitions) {
    Offset start = arguments.offset;
    if (start < 0 && committed.contains(partition)) {
      start = committed[partition].offset;
    } else if (start < 0 && arguments.from_beginning) {
      MR_ASSIGN(start, consumer.beginning_offset(partition));
    } else if (start < 0) {
      MR_ASSIGN(start, consumer.end_offset(partition, Isolation::read_uncommitted));
    }
    MR_TRY(consumer.seek(partition, start));
  }
  return {};
}

Result<std::vector<TopicPartition>> partitions_of(Admin& admin, const ConsumeArguments& arguments) {
  MR_ASSIGN(auto topic, admin.describe_topic(arguments.topic));
  if (arguments.partition >= topic.partitions) {
    return Error(ErrorCode::unknown_topic_or_partition, topic.name + " has " + std::to_string(topic.partitions) +
                                                            " partitions, from 0; not " +
                                                            std::to_string(arguments.partition));
  }
  if (arguments.partition >= 0) return std::vector<TopicPartition>{{topic.name, arguments.partition}};
  std::vector<TopicPartition> all;
  for (PartitionId p = 0; p < topic.partitions; ++p) all.push_back({topic.name, p});
  return all;
}

// How many offsets lie between the positions and `ends`.
Result<std::int64_t> left(Consumer& consumer, const std::map<TopicPartition, Offset>& ends) {
  std::int64_t total = 0;
  for (const auto& [partition, end] : ends) {
    MR_ASSIGN(Offset position, consumer.position(partition));
    total += std::max<Offset>(0, end - position);
  }
  return total;
}

Result<> print_until_done(Consumer& consumer, const ConsumeArguments& arguments,
                          const std::map<TopicPartition, Offset>& ends) {
  MR_ASSIGN(std::int64_t total, left(consumer, ends));
  std::uint64_t printed = 0;
  Progress progress(arguments.exit_at_end ? static_cast<std::uint64_t>(total) : 0, "records");
  while (!interrupted()) {
    if (arguments.exit_at_end) {
      MR_ASSIGN(std::int64_t still, left(consumer, ends));
      if (still == 0) break;
    }
    MR_ASSIGN(auto records, consumer.poll(200ms));
    OffsetsToCommit done;
    for (const ConsumedRecord& record : records) {
      if (arguments.max_messages >= 0 && printed >= static_cast<std::uint64_t>(arguments.max_messages)) break;
      auto end = ends.find(record.partition);
      if (arguments.exit_at_end && end != ends.end() && record.offset >= end->second) continue;  // came while we read
      MR_TRY(print(record, arguments));
      done[record.partition] = {record.offset + 1, record.leader_epoch, ""};
      progress.at(++printed);
    }
    std::fflush(stdout);
    if (!arguments.group.empty() && !done.empty()) MR_TRY(consumer.commit(done));
    if (arguments.max_messages >= 0 && printed >= static_cast<std::uint64_t>(arguments.max_messages)) break;
  }
  return {};
}

Result<> consume(const Session& session, const ConsumeArguments& arguments) {
  watch_interrupts();
  MR_ASSIGN(auto log, open_log(session));
  MR_ASSIGN(auto partitions, partitions_of(log->admin(), arguments));
  ConsumerConfig config;
  config.client_id = "millrace-consume";
  config.group_id = arguments.group;
  config.isolation = arguments.isolation == "read_committed" ? Isolation::read_committed : Isolation::read_uncommitted;
  config.auto_offset_reset = ConsumerConfig::OffsetReset::earliest;
  MR_ASSIGN(auto consumer, log->make_consumer(config));
  MR_TRY(consumer->assign(partitions));
  MR_TRY(seek_all(*consumer, arguments, partitions));
  std::map<TopicPartition, Offset> ends;
  for (const TopicPartition& partition : partitions) {
    MR_ASSIGN(ends[partition], consumer->end_offset(partition, config.isolation));
  }
  return print_until_done(*consumer, arguments, ends);
}

}  // namespace

void add_consume(CLI::App& app, Session& session) {
  auto a = std::make_shared<ConsumeArguments>();
  CLI::App* sub = app.add_subcommand("consume", "Print the records of a topic");
  sub->add_option("topic", a->topic, "The topic")->required();
  sub->add_flag("--from-beginning", a->from_beginning, "Start with the oldest record, not with those to come");
  sub->add_flag("--exit-at-end", a->exit_at_end, "Stop at what was the end when it started");
  sub->add_option("--isolation", a->isolation, "Whether records of open and aborted transactions are shown")
      ->check(CLI::IsMember({"read_uncommitted", "read_committed"}))
      ->capture_default_str();
  sub->add_option(
         "--format", a->format,
         "json: an object a line with topic, partition, offset, timestamp, key, value, headers; what is not UTF-8 is "
         "{\"base64\": …}")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  sub->add_option("--key-format", a->key_format, "What keys are")
      ->check(CLI::IsMember(field_format_names()))
      ->capture_default_str();
  sub->add_option("--value-format", a->value_format, "What values are")
      ->check(CLI::IsMember(field_format_names()))
      ->capture_default_str();
  sub->add_flag("--print-key", a->print_key, "With --format text: the key and the separator before each value");
  sub->add_option("--separator", a->separator, "Between key and value; a tab unless given");
  sub->add_option("--null", a->null, "With --format text: what stands for a null key or value")->capture_default_str();
  sub->add_option("--group", a->group, "Start at what this group has committed, and commit what was printed");
  sub->add_option("--partition", a->partition, "Only this partition")->check(CLI::NonNegativeNumber);
  sub->add_option("--offset", a->offset, "Start at this offset")->check(CLI::NonNegativeNumber);
  sub->add_option("--max-messages", a->max_messages, "Stop after this many records")->check(CLI::NonNegativeNumber);
  sub->footer(
      "Examples:\n  millrace consume orders --from-beginning --exit-at-end\n"
      "  millrace consume counts --from-beginning --print-key --value-format long --isolation read_committed");
  sub->callback([&session, a] { session.run = [&session, a] { return consume(session, *a); }; });
}

}  // namespace millrace::cli
