#include "millrace/broker/log/synced_offsets.h"

#include "millrace/base/crc32c.h"

namespace millrace::broker {
namespace {

constexpr std::size_t slot_size = 32;

}  // namespace

Result<std::unique_ptr<SyncedOffsets>> SyncedOffsets::open(FileSystem& files, const std::string& path) {
  auto offsets = std::make_unique<SyncedOffsets>();
  MR_ASSIGN(offsets->file_, files.open(path, OpenMode::append));
  MR_ASSIGN(Bytes bytes, files.read_file(path));
  for (std::size_t at = 0; at + slot_size <= bytes.size(); at += slot_size) {
    BytesView slot = BytesView(bytes).substr(at, slot_size);
    ByteReader in(slot);
    TopicId topic{in.number<std::uint64_t>(), in.number<std::uint64_t>()};
    auto partition = in.number<std::int32_t>();
    auto offset = in.number<std::int64_t>();
    // A slot that is damaged stays taken, so that no other is written over half of it.
    bool good = in.number<std::uint32_t>() == crc32c(slot.substr(0, slot_size - 4));
    auto key = good ? std::pair(topic, partition) : std::pair(TopicId{0, at}, -1);
    offsets->slots_[key] = {at / slot_size, good ? offset : 0};
  }
  return offsets;
}

Offset SyncedOffsets::find(const TopicId& topic, PartitionId partition) const {
  std::lock_guard lock(mutex_);
  auto found = slots_.find({topic, partition});
  return found == slots_.end() ? 0 : found->second.offset;
}

void SyncedOffsets::note(const TopicId& topic, PartitionId partition, Offset end) {
  std::lock_guard lock(mutex_);
  auto& slot = slots_.try_emplace({topic, partition}, Slot{slots_.size(), -1}).first->second;
  if (slot.offset == end) return;
  slot.offset = end;
  Bytes bytes;
  append_big_endian(bytes, topic.high);
  append_big_endian(bytes, topic.low);
  append_big_endian(bytes, partition);
  append_big_endian(bytes, end);
  append_big_endian(bytes, crc32c(bytes));
  (void)file_->write_at(slot.number * slot_size, bytes, "log.synced_offsets.write");
}

}  // namespace millrace::broker
