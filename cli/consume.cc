// millrace consume TOPIC
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#include "cli/command.h"
#include "cli/format_options.h"
#include "cli/progress.h"
#include "cli/record_lines.h"
#include "millrace/runtime/committed_batches.h"

namespace millrace::cli {
namespace {

struct ConsumeArguments {
  std::string topic;
  bool from_beginning = false;
  bool exit_at_end = false;
  std::string isolation = "read_uncommitted";
  FormatOptions format;
  bool print_key = false;
  std::string separator = "\t";
  std::string null = "null";
  std::string group;
  int partition = -1;
  std::int64_t offset = -1;
  std::int64_t max_messages = -1;
};

// Set by the log, from whatever thread appends: there may be more to read.
class News {
 public:
  void bring() {
    std::lock_guard lock(mutex_);
    there_ = true;
    came_.notify_one();
  }
  // Waits for news, for at most a fifth of a second: an interrupt must be seen.
  void wait() {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, 200ms, [this] { return there_; });
    there_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  bool there_ = false;
};

// Standard output. When its reader has gone (`| head`), that is the end and no error.
class Output {
 public:
  std::string& lines() { return lines_; }
  bool reader_is_gone() const { return gone_; }
  Result<> write() {
    if (std::fwrite(lines_.data(), 1, lines_.size(), stdout) != lines_.size()) return failed();
    lines_.clear();
    return {};
  }
  Result<> flush() {
    MR_TRY(write());
    if (!gone_ && std::fflush(stdout) != 0) return failed();
    return {};
  }

 private:
  Result<> failed() {
    gone_ = errno == EPIPE;
    lines_.clear();
    if (gone_) return {};
    return Error(ErrorCode::kafka_storage_error,
                 std::string("cannot write to standard output: ") + std::strerror(errno));
  }
  std::string lines_;
  bool gone_ = false;
};

// Whole batches from each partition in turn, decoded as views and printed.
class TopicPrinter {
 public:
  TopicPrinter(Consumer& consumer, const ConsumeArguments& arguments, Isolation isolation)
      : consumer_(consumer), arguments_(arguments), isolation_(isolation) {
    format_.json = arguments.format.json();
    format_.key = arguments.format.key();
    format_.value = arguments.format.value();
    format_.print_key = arguments.print_key;
    format_.separator = arguments.separator;
    format_.null = arguments.null;
  }
  ~TopicPrinter() {
    for (const Part& part : parts_) (void)consumer_.notify(part.partition, nullptr);
  }

  // Where each partition's reading starts: --offset, else what the group has committed, else the beginning or the end.
  Result<> start(const std::vector<TopicPartition>& partitions) {
    OffsetsToCommit committed;
    if (!arguments_.group.empty()) {
      MR_ASSIGN(committed, consumer_.committed(partitions));
    }
    Offset last_end = 0;
    for (const TopicPartition& partition : partitions) {
      Part part{partition, arguments_.offset, 0, {}};
      MR_ASSIGN(Offset beginning, consumer_.beginning_offset(partition));
      MR_ASSIGN(part.end, consumer_.end_offset(partition, isolation_));
      if (part.position < 0 && committed.contains(partition)) {
        part.position = std::max(beginning, committed[partition].offset);  // what lay before was deleted
      } else if (part.position < 0) {
        part.position = arguments_.from_beginning ? beginning : part.end;
      }
      last_end = std::max(last_end, part.end);
      part.position = std::min(part.position, part.end);  // another partition has the offset that was asked for
      part.batches.reset(part.position);
      total_ += std::max<Offset>(0, part.end - part.position);
      parts_.push_back(std::move(part));
      if (!arguments_.exit_at_end) MR_TRY(consumer_.notify(partition, [this] { news_.bring(); }));
    }
    if (arguments_.offset > last_end)
      return Error(ErrorCode::offset_out_of_range, "there is no offset " + std::to_string(arguments_.offset) + " in " +
                                                       arguments_.topic + " yet: it ends at " +
                                                       std::to_string(last_end));
    return {};
  }

  Result<> run() {
    Progress progress(arguments_.exit_at_end ? static_cast<std::uint64_t>(total_) : 0, "records");
    while (!interrupted() && !is_done()) {
      bool read = false;
      for (Part& part : parts_) {
        if (is_done()) break;
        if (arguments_.exit_at_end && part.position >= part.end) continue;
        MR_ASSIGN(bool some, print_some(part));
        read |= some;
        progress.at(printed_);
      }
      if (read) continue;
      if (arguments_.exit_at_end) break;
      MR_TRY(output_.flush());
      if (!std::exchange(waits_, true))
        std::fputs(
            "millrace: at the end; no other program can write while this one holds the data directory. Ctrl-C "
            "ends it, and --exit-at-end does not wait\n",
            stderr);
      news_.wait();
    }
    return output_.flush();
  }

 private:
  struct Part {
    TopicPartition partition;
    Offset position = 0;
    Offset end = 0;  // as it was at the start
    CommittedBatches batches;
  };

  bool is_done() const { return output_.reader_is_gone() || is_enough(); }
  bool is_enough() const {
    return arguments_.max_messages >= 0 && printed_ >= static_cast<std::uint64_t>(arguments_.max_messages);
  }

  // Prints what one fetch gives. False: there is nothing more at the moment.
  Result<bool> print_some(Part& part) {
    MR_ASSIGN(auto fetched, consumer_.fetch({part.partition, part.position, 1 << 20, isolation_, -1}));
    if (fetched.bytes->empty()) return false;
    part.batches.add(std::move(fetched));
    while (!is_done()) {
      auto found = part.batches.next(part.position);
      if (!found) return std::move(found).error().in(part.partition.text());
      if (!*found) {
        part.position = std::max(part.position, part.batches.end());
        break;
      }
      MR_TRY(print_batch(part));
    }
    if (arguments_.group.empty()) return true;
    MR_TRY(output_.flush());
    if (!output_.reader_is_gone()) MR_TRY(consumer_.commit({{part.partition, {part.position, -1, ""}}}));
    return true;
  }

  Result<> print_batch(Part& part) {
    RecordReader reader(part.batches.batch(), scratch_);
    RecordView record;
    while (!is_enough() && reader.next(record)) {
      if (record.offset < part.position) continue;
      if (arguments_.exit_at_end && record.offset >= part.end) break;
      auto line = append_line(output_.lines(), format_, part.partition, record);
      if (!line) {
        MR_TRY(output_.flush());  // what came before it is shown
        return line;
      }
      part.position = record.offset + 1;
      ++printed_;
    }
    if (auto read = reader.status(); !read) return std::move(read).error().in(part.partition.text());
    if (!is_enough()) part.position = std::max(part.position, part.batches.batch().last_offset() + 1);
    return output_.lines().size() < (1 << 16) ? Result<>() : output_.write();
  }

  Consumer& consumer_;
  const ConsumeArguments& arguments_;
  Isolation isolation_;
  LineFormat format_;
  News news_;
  Output output_;
  Bytes scratch_;
  std::vector<Part> parts_;
  std::int64_t total_ = 0;
  std::uint64_t printed_ = 0;
  bool waits_ = false;
};

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

Result<> consume(const Session& session, const ConsumeArguments& arguments) {
  watch_interrupts();
  MR_ASSIGN(auto log, open_log(session));
  MR_ASSIGN(auto partitions, partitions_of(log->admin(), arguments));
  ConsumerConfig config;
  config.client_id = "millrace-consume";
  config.group_id = arguments.group;
  config.isolation = arguments.isolation == "read_committed" ? Isolation::read_committed : Isolation::read_uncommitted;
  MR_ASSIGN(auto consumer, log->make_consumer(config));
  TopicPrinter printer(*consumer, arguments, config.isolation);
  MR_TRY(printer.start(partitions));
  return printer.run();
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
  a->format.add_to(*sub,
                   "an object a line with topic, partition, offset, timestamp, key, value, headers; what is not UTF-8 "
                   "is {\"base64\": …}");
  CLI::Option* print_key =
      sub->add_flag("--print-key", a->print_key, "The key and the separator before each value (json has it always)");
  sub->add_option("--separator", a->separator, "Between key and value; a tab unless given")->needs(print_key);
  sub->add_option("--null", a->null, "With --format text: what stands for a null key or value")->capture_default_str();
  sub->add_option("--group", a->group, "Start at what this group has committed, and commit what was printed");
  sub->add_option("--partition", a->partition, "Only this partition")->check(CLI::Range(0, INT32_MAX));
  sub->add_option("--offset", a->offset, "Start at this offset")->check(CLI::Range(std::int64_t{0}, INT64_MAX));
  sub->add_option("--max-messages", a->max_messages, "Stop after this many records")
      ->check(CLI::Range(std::int64_t{0}, INT64_MAX));
  sub->footer(
      "Examples:\n  millrace consume orders --from-beginning --exit-at-end\n"
      "  millrace consume counts --from-beginning --print-key --value-format long --isolation read_committed");
  sub->callback([&session, a, sub] {
    a->format.check_text_only(*sub, {"--separator", "--null"});
    session.run = [&session, a] { return consume(session, *a); };
  });
}

}  // namespace millrace::cli
