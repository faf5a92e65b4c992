#include "millrace/broker/topics.h"

#include <algorithm>

#include "millrace/base/record_batch.h"
#include "millrace/broker/log/segment.h"

namespace millrace::broker {
namespace {

constexpr std::int16_t record_version = 0;
constexpr ProducerId producer_id_block = 1000;
// Whose directories a start may still find: a crash leaves those of one removal, a power cut may bring back some more.
constexpr std::size_t removed_kept = 1000;
// topics.log in synced-offsets: no topic has this id.
constexpr TopicId changes_of_topics{0, 0};
constexpr const char* topic_key = "topic";
constexpr const char* removed_key = "removed";
constexpr const char* producer_ids_key = "producer_ids";

void append_string(Bytes& out, const std::string& text) {
  append_big_endian(out, static_cast<std::int32_t>(text.size()));
  out += text;
}
std::string read_string(ByteReader& in) { return std::string(in.slice(in.number<std::int32_t>())); }

Bytes encode(const Topic& topic) {
  Bytes out;
  append_big_endian(out, record_version);
  append_string(out, topic.name);
  append_big_endian(out, topic.id.high);
  append_big_endian(out, topic.id.low);
  append_big_endian(out, static_cast<std::int32_t>(topic.partitions));
  append_big_endian(out, static_cast<std::int32_t>(topic.configs.size()));
  for (const auto& [key, value] : topic.configs) {
    append_string(out, key);
    append_string(out, value);
  }
  return out;
}

Topic decode_topic(ByteReader& in) {
  Topic topic;
  topic.name = read_string(in);
  topic.id.high = in.number<std::uint64_t>();
  topic.id.low = in.number<std::uint64_t>();
  topic.partitions = in.number<std::int32_t>();
  auto count = in.number<std::int32_t>();
  for (std::int32_t i = 0; i < count && in.ok(); ++i) {
    std::string key = read_string(in);
    topic.configs[key] = read_string(in);
  }
  return topic;
}

Bytes encode_removed(const std::string& name) {
  Bytes out;
  append_big_endian(out, record_version);
  append_string(out, name);
  return out;
}

Bytes encode_producer_ids(ProducerId end) {
  Bytes out;
  append_big_endian(out, record_version);
  append_big_endian(out, end);
  return out;
}

}  // namespace

Result<> check_topic_name(const std::string& name) {
  auto invalid = [&](std::string why) {
    return Error(ErrorCode::invalid_topic_exception, "topic name \"" + name + "\": " + std::move(why));
  };
  if (name.empty()) return invalid("empty");
  if (name == "." || name == "..") return invalid("\".\" and \"..\" are not allowed");
  if (name.size() > 249) return invalid(std::to_string(name.size()) + " characters, at most 249 are allowed");
  for (char c : name) {
    bool fine =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!fine) return invalid("only letters, digits, '.', '_' and '-' are allowed");
  }
  return {};
}

bool topic_names_collide(const std::string& a, const std::string& b) {
  auto same = [](char c) { return c == '.' ? '_' : c; };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return same(x) == same(y); });
}

Result<std::unique_ptr<Topics>> Topics::open(LogDirectory& logs) {
  std::unique_ptr<Topics> topics(new Topics(logs));
  MR_TRY(topics->load());
  return topics;
}

Result<> Topics::load() {
  std::string path = logs_.path() + "/topics.log";
  MR_ASSIGN(file_, logs_.files().open(path, OpenMode::append));
  // At every start: whoever made the file may have been killed before this.
  MR_TRY(logs_.files().sync_directory(logs_.path(), "topics.log.directory"));
  Result<> applied;
  auto each = [&](const RecordBatchView& batch, std::uint64_t) {
    if (!batch.crc_matches()) return false;
    Bytes scratch;
    RecordReader reader(batch, scratch);
    RecordView record;
    while (applied && reader.next(record)) applied = apply(record.key, record.value);
    next_offset_ = batch.last_offset() + 1;
    ++changes_;
    return applied.has_value();
  };
  MR_ASSIGN(valid_size_, scan_batches(*file_, 0, file_->size(), each));
  if (!applied) return std::move(applied).error().in(path + ", byte " + std::to_string(valid_size_));
  if (valid_size_ < file_->size()) {
    // One batch a change, each synced before it was answered: only the last can be torn.
    MR_ASSIGN(Bytes rest, logs_.files().read_file(path));
    std::size_t size = RecordBatchView::size_at(BytesView(rest).substr(valid_size_));
    if (size > 0 && valid_size_ + size < rest.size() &&
        rest.find_first_not_of('\0', valid_size_ + size) != std::string::npos) {
      return Error(ErrorCode::corrupt_message,
                   path + ", byte " + std::to_string(valid_size_) + ": damaged before its end");
    }
  }
  next_producer_id_ = producer_ids_end_;
  return {};
}

Result<> Topics::repair() {
  std::lock_guard lock(mutex_);
  if (valid_size_ < file_->size()) {
    logs_.report(logs_.path() + "/topics.log: torn tail of " + std::to_string(file_->size() - valid_size_) +
                 " bytes truncated");
    MR_TRY(file_->truncate(valid_size_, "topics.log.truncate"));
  }
  MR_TRY(sync_last_change_locked());
  const auto current = static_cast<std::int64_t>(topics_.size() + 2 * removed_.size() + 1);
  return changes_ > 64 && changes_ > 4 * current ? rewrite() : Result<>();
}

// A process that was killed, or whose sync failed, may have left a change that can be read and is not on disk. It is
// written once more, since after a failed sync its pages count as clean, before anything is built on it.
Result<> Topics::sync_last_change() {
  std::lock_guard lock(mutex_);
  return sync_last_change_locked();
}

Result<> Topics::sync_last_change_locked() {
  if (logs_.synced_offsets().find(changes_of_topics, 0) == next_offset_) return {};
  MR_ASSIGN(Bytes content, logs_.files().read_file(logs_.path() + "/topics.log"));
  MR_TRY(file_->write_at(0, BytesView(content).substr(0, valid_size_), "topics.log.append"));
  MR_TRY(sync());
  note_synced();
  return {};
}

Result<> Topics::sync() {
  auto result = file_->sync("topics.log.sync");
  if (!result) logs_.fence(result.error());
  return result;
}

void Topics::note_synced() { logs_.synced_offsets().note(changes_of_topics, 0, next_offset_); }

void Topics::forget(const std::string& name) {
  auto found = topics_.find(name);
  if (found == topics_.end()) return;
  removed_.push_back(std::move(found->second));
  if (removed_.size() > removed_kept) removed_.pop_front();
  topics_.erase(found);
}

Result<> Topics::apply(BytesView key, BytesView value) {
  ByteReader in(value);
  auto version = in.number<std::int16_t>();
  if (in.ok() && version > record_version) {
    return Error(ErrorCode::unsupported_version, "record of version " + std::to_string(version) +
                                                     ", this Millrace reads up to " + std::to_string(record_version));
  }
  if (key == topic_key) {
    Topic topic = decode_topic(in);
    if (in.ok()) topics_[topic.name] = std::move(topic);
  } else if (key == removed_key) {
    forget(read_string(in));
  } else if (key == producer_ids_key) {
    producer_ids_end_ = in.number<std::int64_t>();
  } else {
    return Error(ErrorCode::unsupported_version,
                 "record of kind " + std::string(key) + ": written by a newer Millrace");
  }
  if (!in.ok()) return Error(ErrorCode::corrupt_message, "damaged record of kind " + std::string(key));
  return {};
}

// Under mutex_.
Result<> Topics::write(BytesView key, BytesView value) {
  MR_TRY(logs_.check());
  RecordBatchBuilder builder;
  builder.append(logs_.env().clock().now(), key, value);
  RecordBatchBuilder::Stamp stamp;
  stamp.base_offset = next_offset_;
  stamp.leader_epoch = 0;
  std::uint64_t before = file_->size();
  if (auto result = file_->append(builder.seal(stamp), "topics.log.append"); !result) {
    if (auto undone = file_->truncate(before, "topics.log.undo"); !undone) logs_.fence(undone.error());
    return result;
  }
  MR_TRY(sync());
  ++next_offset_;
  note_synced();
  return {};
}

Result<> Topics::rewrite() {
  Bytes content;
  next_offset_ = 0;
  auto add = [&](BytesView key, const Bytes& value) {
    RecordBatchBuilder builder;
    builder.append(logs_.env().clock().now(), key, value);
    RecordBatchBuilder::Stamp stamp;
    stamp.base_offset = next_offset_++;
    stamp.leader_epoch = 0;
    content += builder.seal(stamp);
  };
  for (const auto& topic : removed_) {
    add(topic_key, encode(topic));
    add(removed_key, encode_removed(topic.name));
  }
  for (const auto& [name, topic] : topics_) add(topic_key, encode(topic));
  add(producer_ids_key, encode_producer_ids(producer_ids_end_));
  std::string path = logs_.path() + "/topics.log";
  MR_TRY(logs_.files().write_file_atomically(path, content, "topics.log.rewrite"));
  MR_ASSIGN(file_, logs_.files().open(path, OpenMode::append));
  note_synced();
  return {};
}

Result<Topic> Topics::propose(const std::string& name, int partitions,
                              const std::map<std::string, std::string>& configs) {
  MR_TRY(check_topic_name(name));
  if (partitions < 1 || partitions > 100000) {
    return Error(ErrorCode::invalid_partitions,
                 "topic " + name + ": " + std::to_string(partitions) + " partitions; from 1 to 100000 are possible");
  }
  if (auto config = TopicConfig::parse(configs); !config) return std::move(config).error().in("topic " + name);
  std::lock_guard lock(mutex_);
  for (const auto& [existing, topic] : topics_) {
    if (existing == name) {
      return Error(ErrorCode::topic_already_exists,
                   "topic " + name + " exists, with " + std::to_string(topic.partitions) + " partitions");
    }
    if (topic_names_collide(existing, name)) {
      return Error(ErrorCode::invalid_topic_exception,
                   "topic name " + name + " collides with " + existing + ": '.' and '_' are one in metric names");
    }
  }
  auto& random = logs_.env().random();
  TopicId id{random.next(), random.next()};
  id.high = (id.high & ~0xf000ull) | 0x4000ull;  // a UUID of version 4
  id.low = (id.low & ~(3ull << 62)) | (2ull << 62);
  return Topic{name, id, partitions, configs};
}

Result<> Topics::add(const Topic& topic) {
  std::lock_guard lock(mutex_);
  if (topics_.count(topic.name)) {
    return Error(ErrorCode::topic_already_exists, "topic " + topic.name + " exists");
  }
  MR_TRY(write(topic_key, encode(topic)));
  topics_[topic.name] = topic;
  return {};
}

Result<> Topics::remove(const std::string& name) {
  std::lock_guard lock(mutex_);
  auto found = topics_.find(name);
  if (found == topics_.end()) {
    return Error(ErrorCode::unknown_topic_or_partition, "there is no topic " + name);
  }
  MR_TRY(write(removed_key, encode_removed(name)));
  forget(name);
  return {};
}

std::optional<Topic> Topics::find(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto found = topics_.find(name);
  return found == topics_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<Topic> Topics::list() const {
  std::lock_guard lock(mutex_);
  std::vector<Topic> topics;
  for (const auto& [name, topic] : topics_) topics.push_back(topic);
  return topics;
}

std::vector<Topic> Topics::removed() const {
  std::lock_guard lock(mutex_);
  return {removed_.begin(), removed_.end()};
}

Result<ProducerId> Topics::next_producer_id() {
  std::lock_guard lock(mutex_);
  if (next_producer_id_ == producer_ids_end_) {
    MR_TRY(write(producer_ids_key, encode_producer_ids(producer_ids_end_ + producer_id_block)));
    producer_ids_end_ += producer_id_block;
  }
  return next_producer_id_++;
}

}  // namespace millrace::broker
