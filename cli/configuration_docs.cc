// Writes docs/configuration.md from the configuration tables. Usage: configuration_docs --print | --check FILE
#include <cstdio>
#include <string>
#include <vector>

#include "millrace/base/config.h"
#include "millrace/base/env_real.h"
#include "millrace/broker/topic_config.h"
#include "millrace/connectors/embedded/embedded_client.h"
#include "millrace/connectors/log_client.h"
#include "millrace/runtime/streams_config.h"

namespace {

using namespace millrace;

// One field of a client's struct: its default is read off the struct, so that the page cannot say another.
struct Field {
  std::string kafka;  // empty: Kafka has none
  std::string name, initial, doc;
};
std::string ms(Duration d) { return std::to_string(d.count()) + " ms"; }

std::string section(const std::string& title, const std::string& intro, const std::vector<Field>& fields) {
  std::string out = "## " + title + "\n\n" + intro + "\n\n| field | Kafka's key | default | |\n|---|---|---|---|\n";
  for (const Field& f : fields)
    out += "| `" + f.name + "` | " + (f.kafka.empty() ? "–" : "`" + f.kafka + "`") + " | " +
           (f.initial.empty() ? "(empty)" : "`" + f.initial + "`") + " | " + f.doc + " |\n";
  return out;
}

// The structs are taken apart so that a field that is added here does not compile until it is described.
std::string producer_section() {
  const auto [client_id, transactional_id, transaction_timeout, linger, batch_size, compression, buffer_memory,
              max_block, delivery_timeout] = ProducerConfig{};
  return section(
      "Producers",
      "`ProducerConfig` (`connectors/log_client.h`), for programs that write to the log themselves. A producer is "
      "always idempotent, and waits\nfor the disk unless `flush=os`. `millrace produce` has `--compression` and "
      "`--transactional-id`.",
      {{"client.id", "client_id", client_id, "A name for messages."},
       {"transactional.id", "transactional_id", transactional_id,
        "Makes it transactional; a second producer with the same id fences the first."},
       {"transaction.timeout.ms", "transaction_timeout", ms(transaction_timeout),
        "How long a transaction may be open before the broker aborts it. *Kafka's default is 60000 ms*"},
       {"linger.ms", "linger", ms(linger), "How long a batch waits for more records."},
       {"batch.size", "batch_size", std::to_string(batch_size), "Bytes at which a batch is full, before compression."},
       {"compression.type", "compression", std::string(name_of(compression)),
        "Of batches: none, gzip, snappy, lz4, zstd."},
       {"buffer.memory", "buffer_memory", std::to_string(buffer_memory),
        "Bytes that may be unsent before `send` waits."},
       {"max.block.ms", "max_block", ms(max_block),
        "How long `send` may wait for that. The bundled broker is in this process: `send` then waits for the disk."},
       {"delivery.timeout.ms", "delivery_timeout", ms(delivery_timeout),
        "When a record is given up. The bundled broker takes it or refuses it at once."}});
}

std::string consumer_section() {
  const auto [client_id, group_id, isolation, auto_offset_reset, max_poll_records] = ConsumerConfig{};
  const bool committed = isolation == Isolation::read_committed;
  const char* resets[] = {"none", "earliest", "latest"};
  return section("Consumers",
                 "`ConsumerConfig` (`connectors/log_client.h`). `millrace consume` has `--group`, `--isolation` and "
                 "`--from-beginning`.",
                 {{"client.id", "client_id", client_id, "A name for messages."},
                  {"group.id", "group_id", group_id, "Whose committed offsets are read and written; may be empty."},
                  {"isolation.level", "isolation", committed ? "read_committed" : "read_uncommitted",
                   "Whether records of open and aborted transactions are seen."},
                  {"auto.offset.reset", "auto_offset_reset", resets[static_cast<int>(auto_offset_reset)],
                   "Where to begin without a committed offset: none (an error), earliest, latest."},
                  {"max.poll.records", "max_poll_records", std::to_string(max_poll_records),
                   "How many records a `poll` returns at most."}});
}

std::string broker_section() {
  const auto [data_dir, flush, num_partitions, housekeeping_interval, report] = EmbeddedConfig{};
  const bool group = flush == EmbeddedConfig::Flush::group;
  (void)report;
  return section(
      "The bundled broker",
      "`EmbeddedConfig` (`connectors/embedded/embedded_client.h`), for programs that open a log themselves. Programs "
      "made with `run` take\n`--data-dir`, and `flush` and `num.partitions` from the table of Streams.",
      {{"log.dirs", "data_dir", data_dir, "The data directory; one process may have it open."},
       {"", "flush", group ? "group" : "os",
        "Whether an acknowledged record is on disk (`group`) or with the kernel (`os`, as Kafka's)."},
       {"num.partitions", "num_partitions", std::to_string(num_partitions),
        "Partitions of a topic that is made because a producer writes to it; 0: that is an error."},
       {"", "housekeeping_interval", ms(housekeeping_interval),
        "How often retention, compaction, transaction time-outs and checkpoints are looked after; 0: never."},
       {"", "report", "base/log.h", "Who is told sentences for an operator: records lost, a fenced directory."}});
}

std::string configuration_page() {
  return "# Configuration\n\n"
         "Written from the tables in the code by `./dev docs`; a test fails if it is not. Keys are Kafka's, with "
         "Kafka's types and\n"
         "defaults unless the last column says how ours differs. A key that is not here is refused, with the nearest "
         "one named.\n\n"
         "Streams: `--config key=value` or `--config-file` of a program made with `run`, `StreamsOptions::config`, "
         "`DriverOptions::config`.\n"
         "Topics: `millrace topics create --config key=value`, `NewTopic::configs`, `.changelog` of a store's "
         "options.\n\n" +
         streams_configs().markdown() + "\n" + broker::topic_configs().markdown() + "\n" + broker_section() + "\n" +
         producer_section() + "\n" + consumer_section();
}

}  // namespace

int main(int argc, char** argv) {
  std::string command = argc > 1 ? argv[1] : "";
  if (command == "--print" && argc == 2) {
    std::fputs(configuration_page().c_str(), stdout);
    return 0;
  }
  if (command == "--check" && argc == 3) {
    auto content = millrace::real_env().files().read_file(argv[2]);
    if (content && *content == configuration_page()) return 0;
    std::fprintf(stderr, "%s does not match the configuration tables: run ./dev docs\n", argv[2]);
    return 1;
  }
  std::fprintf(stderr, "usage: configuration_docs --print | --check FILE\n");
  return 2;
}
