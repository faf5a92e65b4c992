#include "millrace/statestore/rocksdb/task_database.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "millrace/base/assert.h"
#include "millrace/statestore/rocksdb/rocksdb_env.h"
#include "millrace/statestore/store_error.h"

namespace millrace {

struct DatabaseMemory {
  std::shared_ptr<rocksdb::Cache> block_cache;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;
};

std::shared_ptr<DatabaseMemory> make_database_memory(std::size_t bytes) {
  auto memory = std::make_shared<DatabaseMemory>();
  memory->block_cache = rocksdb::NewLRUCache(bytes, -1, false, 0.0);
  memory->write_buffers = std::make_shared<rocksdb::WriteBufferManager>(bytes / 2, memory->block_cache);
  return memory;
}

namespace {

constexpr const char* positions_family = "millrace.positions";
constexpr char position_version = 1, position_of_inputs_version = 2;

Error storage_error(const std::string& directory, const rocksdb::Status& status) {
  return Error(ErrorCode::kafka_storage_error,
               "state store " + directory + ": " + status.ToString() +
                   (status.IsCorruption() ? ". Delete the directory: its state comes back from the changelog" : ""));
}
rocksdb::Slice slice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
BytesView view(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

constexpr std::size_t ingested_rows_min = 20'000, ingested_rows_min_simulated = 6;
// Of level 0. So many, and RocksDB holds writers up until it has compacted some, but not those who ingest.
constexpr std::uint64_t files_ingested_max = 20, files_ingested_max_simulated = 2;
constexpr std::uint64_t files_compacted_at = 4;  // in the simulation

rocksdb::ColumnFamilyOptions family_options(const DatabaseMemory& memory, const Env& env) {
  rocksdb::ColumnFamilyOptions options;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = memory.block_cache;
  table.cache_index_and_filter_blocks = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = 64 << 20;
  options.compression = rocksdb::kLZ4Compression;
  options.disable_auto_compactions = env.is_simulated();
  return options;
}

rocksdb::DBOptions database_options(const DatabaseMemory& memory, rocksdb::Env* env, const std::string& directory) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.atomic_flush = true;
  options.write_buffer_manager = memory.write_buffers;
  options.env = env;
  options.info_log = make_rocksdb_logger(directory);
  options.db_host_id = "";  // would be written into every file
  options.max_open_files = 256;
  options.max_file_opening_threads = 1;
  options.skip_stats_update_on_db_open = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

// Where files are made before the database takes them in.
std::string scratch_in(const std::string& directory) { return directory + "/ingest"; }

Bytes encode(const StorePosition& p) {
  Bytes out;
  if (!p.inputs.empty()) {
    out += position_of_inputs_version;
    append_big_endian(out, static_cast<std::int32_t>(p.inputs.size()));
    for (const auto& [partition, offset] : p.inputs) {
      append_big_endian(out, static_cast<std::int32_t>(partition.topic.size()));
      out += partition.topic;
      append_big_endian(out, partition.partition);
      append_big_endian(out, offset);
    }
    return out;
  }
  out += position_version;
  append_big_endian(out, p.topic.high);
  append_big_endian(out, p.topic.low);
  append_big_endian(out, p.leader_epoch);
  append_big_endian(out, p.next_offset);
  append_big_endian(out, p.written.ms);
  return out;
}

Result<StorePosition> decode_position(BytesView in) {
  ByteReader reader(in);
  const char version = reader.number<char>();
  StorePosition p;
  if (version == position_of_inputs_version) {
    for (auto left = reader.number<std::int32_t>(); left > 0 && reader.ok(); --left) {
      TopicPartition partition;
      partition.topic = Bytes(reader.slice(reader.number<std::int32_t>()));
      partition.partition = reader.number<PartitionId>();
      p.inputs[partition] = reader.number<Offset>();
    }
    if (!reader.ok()) return Error(ErrorCode::corrupt_message, "a position of input offsets that is too short");
    return p;
  }
  if (version != position_version)
    return Error(ErrorCode::unsupported_version,
                 "a position of version " + std::to_string(version) + "; this Millrace reads versions 1 and 2");
  p.topic.high = reader.number<std::uint64_t>();
  p.topic.low = reader.number<std::uint64_t>();
  p.leader_epoch = reader.number<LeaderEpoch>();
  p.next_offset = reader.number<Offset>();
  p.written.ms = reader.number<std::int64_t>();
  if (!reader.ok()) return Error(ErrorCode::corrupt_message, "a store position that is too short");
  return p;
}

// Error: a read has failed in `call`, whatever RocksDB made of it.
template <class Call>
Result<> reading(const std::string& directory, Call call) {
  const FailedReads& failed = failed_reads_of_this_thread();
  const std::uint64_t failed_before = failed.count;
  call();
  if (failed.count != failed_before) return storage_error(directory, rocksdb::Status::IOError(failed.last));
  return {};
}

// Whether `rows` stands on a row after `move` has moved it.
template <class Move>
Result<bool> moved(const rocksdb::Iterator& rows, const std::string& directory, Move move) {
  MR_TRY(reading(directory, move));
  if (!rows.Valid() && !rows.status().ok()) return storage_error(directory, rows.status());
  return rows.Valid();
}

class Scan final : public RowIterator {
 public:
  // `directory`, for messages, outlives it.
  Scan(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, const std::string& directory, std::optional<Bytes> from,
       std::optional<Bytes> to, bool ascending)
      : directory_(directory), from_(std::move(from)), to_(std::move(to)), ascending_(ascending) {
    rocksdb::ReadOptions options;
    if (from_) {
      lower_ = slice(*from_);
      options.iterate_lower_bound = &lower_;
    }
    if (to_) {
      upper_ = slice(*to_);
      options.iterate_upper_bound = &upper_;
    }
    auto made = reading(directory_, [&] { rows_.reset(db->NewIterator(options, family)); });
    if (!made) throw StoreError(made.error().text());
  }
  bool next() override {
    if (started_) return moved_by([&] { ascending_ ? rows_->Next() : rows_->Prev(); });
    return moved_by([&] { ascending_ ? rows_->SeekToFirst() : rows_->SeekToLast(); });
  }
  bool seek(BytesView key) override {
    return moved_by([&] { ascending_ ? rows_->Seek(slice(key)) : rows_->SeekForPrev(slice(key)); });
  }
  BytesView key() const override { return view(rows_->key()); }
  BytesView value() const override { return view(rows_->value()); }

 private:
  template <class Move>
  bool moved_by(Move move) {
    started_ = true;
    auto is_there = moved(*rows_, directory_, move);
    if (!is_there) throw StoreError(is_there.error().text());
    return *is_there;
  }
  const std::string& directory_;
  std::optional<Bytes> from_, to_;
  rocksdb::Slice lower_, upper_;
  bool ascending_, started_ = false;
  std::unique_ptr<rocksdb::Iterator> rows_;
};

class Rows final : public Checkpoint {
 public:
  Rows(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, std::string directory)
      : db_(db), family_(family), directory_(std::move(directory)) {}
  bool may_have_rows() const override { return has_rows_.load(std::memory_order_acquire); }
  void set_has_rows(bool yes) { has_rows_.store(yes, std::memory_order_release); }
  Result<bool> get(BytesView key, std::string& value) override {
    auto status = db_->Get(rocksdb::ReadOptions(), family_, slice(key), &value);
    if (status.IsNotFound()) return false;
    if (!status.ok()) return storage_error(directory_, status);
    return true;
  }
  std::unique_ptr<RowIterator> scan(std::optional<Bytes> from, std::optional<Bytes> to, bool ascending) override {
    return std::make_unique<Scan>(db_, family_, directory_, std::move(from), std::move(to), ascending);
  }
  rocksdb::ColumnFamilyHandle* family() const { return family_; }

 private:
  rocksdb::DB* db_;
  rocksdb::ColumnFamilyHandle* family_;
  std::string directory_;
  std::atomic<bool> has_rows_{false};
};

}  // namespace

struct TaskDatabase::Content {
  std::string directory;
  Env& env;
  std::shared_ptr<DatabaseMemory> memory;
  std::shared_ptr<rocksdb::Env> files;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::ColumnFamilyHandle* positions = nullptr;
  std::vector<std::string> names;
  std::vector<std::unique_ptr<Rows>> rows;
  std::vector<std::optional<StorePosition>> at;

  ~Content() {
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    if (db) db->Close();
  }
  // Makes what was written durable, over all column families at once.
  rocksdb::Status flush() {
    auto status = db->Flush(rocksdb::FlushOptions(), handles);
    if (!env.is_simulated()) return status;
    wait_for("rocksdb.num-running-flushes");
    return status.ok() ? compact_in_simulation() : status;
  }
  // Files that may each hold any key.
  std::uint64_t files_at_level_0(rocksdb::ColumnFamilyHandle* family) const {
    std::string files;  // not one of RocksDB's integer properties
    const bool known = db->GetProperty(family, "rocksdb.num-files-at-level0", &files);
    MR_ASSERT(known, "rocksdb.num-files-at-level0");
    return std::stoull(files);
  }
  // Where RocksDB's own threads must not, for the sake of order.
  rocksdb::Status compact_in_simulation() {
    rocksdb::Status status;
    for (auto* family : handles) {
      if (!status.ok()) return status;
      if (files_at_level_0(family) < files_compacted_at) continue;
      status = db->CompactRange(rocksdb::CompactRangeOptions(), family, nullptr, nullptr);
      wait_for("rocksdb.num-running-compactions");
    }
    return status;
  }
  // A file of sorted rows for `family`, synced; `fill` writes the rows. Added to `files`.
  template <class Fill>
  Result<> write_file(rocksdb::ColumnFamilyHandle* family, std::vector<rocksdb::IngestExternalFileArg>& files,
                      Fill fill) {
    const std::string path = scratch_in(directory) + "/" + std::to_string(files.size()) + ".sst";
    const rocksdb::Options options = db->GetOptions(family);
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(options), options, family);
    auto status = writer.Open(path);
    if (status.ok()) status = fill(writer);
    if (status.ok()) status = writer.Finish();
    if (!status.ok()) return storage_error(path, status);
    rocksdb::IngestExternalFileArg arg;
    arg.column_family = family;
    arg.external_files = {path};
    arg.options.move_files = true;
    arg.options.failed_move_fall_back_to_copy = false;
    arg.options.write_global_seqno = false;
    files.push_back(std::move(arg));
    return {};
  }
  // Its threads tidy up after they have answered; nothing else may run meanwhile where order counts.
  void wait_for(const char* what) {
    std::uint64_t running = 1;
    while (running > 0 && db->GetIntProperty(what, &running)) {
    }
  }
};

TaskDatabase::TaskDatabase(std::unique_ptr<Content> content) : content_(std::move(content)) {}
TaskDatabase::~TaskDatabase() = default;
Checkpoint* TaskDatabase::rows(std::size_t index) { return content_->rows[index].get(); }
std::optional<StorePosition> TaskDatabase::position(std::size_t index) const { return content_->at[index]; }

Result<std::unique_ptr<TaskDatabase>> TaskDatabase::open(Env& env, const std::string& directory,
                                                         const std::vector<std::string>& stores,
                                                         std::shared_ptr<DatabaseMemory> memory) {
  MR_TRY(env.files().make_durable_directories(directory, "state.task.directory.parent"));
  if (env.files().exists(scratch_in(directory)))  // an ingestion that was cut off
    MR_TRY(env.files().remove_all(scratch_in(directory), "checkpoint.scratch.clear"));
  std::shared_ptr<rocksdb::Env> rocksdb_env = make_rocksdb_env(env, scratch_in(directory));
  rocksdb::DBOptions options = database_options(*memory, rocksdb_env.get(), directory);
  std::vector<std::string> there;
  rocksdb::DB::ListColumnFamilies(options, directory, &there).PermitUncheckedError();  // not there yet: none
  for (const std::string& name : there) {
    if (name == rocksdb::kDefaultColumnFamilyName || name == positions_family) continue;
    if (std::find(stores.begin(), stores.end(), name) == stores.end())
      return Error(ErrorCode::invalid_config,
                   "state directory " + directory + " holds store \"" + name +
                       "\", which the topology does not have: the topology changed under its name. Use "
                       "another application id, or delete the directory (its state comes back from the changelog)");
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  const auto of_family = family_options(*memory, env);
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, of_family);
  families.emplace_back(positions_family, of_family);
  for (const std::string& name : stores) families.emplace_back(name, of_family);
  auto content = std::unique_ptr<Content>(
      new Content{directory, env, std::move(memory), rocksdb_env, nullptr, {}, nullptr, stores, {}, {}});
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(options, directory, families, &content->handles, &db);
  if (!status.ok()) return storage_error(directory, status);
  content->db.reset(db);
  content->positions = content->handles[1];
  for (std::size_t i = 0; i < stores.size(); ++i) {
    content->rows.push_back(std::make_unique<Rows>(db, content->handles[i + 2], directory + "/" + stores[i]));
    std::string bytes;
    auto found = db->Get(rocksdb::ReadOptions(), content->positions, stores[i], &bytes);
    if (!found.ok() && !found.IsNotFound()) return storage_error(directory, found);
    content->at.emplace_back();
    if (found.IsNotFound()) continue;
    auto position = decode_position(bytes);
    if (!position) return std::move(position).error().in("state directory " + directory + ", store " + stores[i]);
    content->at.back() = *position;
    content->rows.back()->set_has_rows(true);
  }
  return std::unique_ptr<TaskDatabase>(new TaskDatabase(std::move(content)));
}

std::uint64_t TaskDatabase::files_at_level_0(std::size_t index) const {
  return content_->files_at_level_0(content_->rows[index]->family());
}

std::uint64_t TaskDatabase::property(std::size_t index, std::string_view name) const {
  std::uint64_t value = 0;
  content_->db->GetIntProperty(content_->rows[index]->family(), "rocksdb." + std::string(name), &value);
  return value;
}

Result<> TaskDatabase::write(const std::vector<Update>& updates) {
  const bool simulated = content_->env.is_simulated();
  std::size_t rows = 0;
  std::uint64_t files = 0;
  for (const Update& u : updates) {
    rows += u.rows.rows.size();
    files = std::max(files, files_at_level_0(u.store));
  }
  const bool many = rows >= (simulated ? ingested_rows_min_simulated : ingested_rows_min);
  const bool full = files >= (simulated ? files_ingested_max_simulated : files_ingested_max);
  return many && !full ? ingest(updates) : insert(updates);
}

void TaskDatabase::note_written(const std::vector<Update>& updates) {
  for (const Update& u : updates) {
    content_->at[u.store] = u.rows.position;
    content_->rows[u.store]->set_has_rows(true);
  }
}

Result<> TaskDatabase::insert(const std::vector<Update>& updates) {
  Content& c = *content_;
  rocksdb::WriteBatch batch;
  for (const Update& u : updates) {
    auto* family = c.rows[u.store]->family();
    if (!u.rows.expired_below.empty()) batch.DeleteRange(family, rocksdb::Slice(), slice(u.rows.expired_below));
    for (const auto& row : u.rows.rows) {
      row.deleted ? batch.Delete(family, slice(row.key)) : batch.Put(family, slice(row.key), slice(row.value));
    }
    batch.Put(c.positions, c.names[u.store], encode(u.rows.position));
  }
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  c.env.fault_point("checkpoint.write.before");
  auto status = c.db->Write(options, &batch);
  if (!status.ok()) return storage_error(c.directory, status);
  c.env.fault_point("checkpoint.flush.before");
  status = c.flush();
  if (!status.ok()) return storage_error(c.directory, status);
  c.env.fault_point("checkpoint.flush.after");
  note_written(updates);
  return {};
}

Result<> TaskDatabase::ingest(const std::vector<Update>& updates) {
  Content& c = *content_;
  MR_TRY(c.env.files().make_directories(scratch_in(c.directory)));
  std::vector<rocksdb::IngestExternalFileArg> files;
  std::map<Bytes, Bytes> positions;
  for (const Update& u : updates) {
    positions[Bytes(c.names[u.store])] = encode(u.rows.position);
    if (u.rows.rows.empty() && u.rows.expired_below.empty()) continue;
    MR_TRY(c.write_file(c.rows[u.store]->family(), files, [&](rocksdb::SstFileWriter& writer) {
      rocksdb::Status status;
      if (!u.rows.expired_below.empty()) status = writer.DeleteRange(rocksdb::Slice(), slice(u.rows.expired_below));
      for (const auto& row : u.rows.rows) {
        if (!status.ok()) break;
        status = row.deleted ? writer.Delete(slice(row.key)) : writer.Put(slice(row.key), slice(row.value));
      }
      return status;
    }));
  }
  MR_TRY(c.write_file(c.positions, files, [&](rocksdb::SstFileWriter& writer) {
    rocksdb::Status status;
    for (const auto& [store, position] : positions)
      if (status.ok()) status = writer.Put(slice(store), slice(position));
    return status;
  }));
  c.env.fault_point("checkpoint.ingest.before");
  auto status = c.db->IngestExternalFiles(files);
  if (status.ok() && c.env.is_simulated()) status = c.compact_in_simulation();
  if (!status.ok()) return storage_error(c.directory, status);
  c.env.fault_point("checkpoint.ingest.after");
  note_written(updates);
  return {};
}

Result<> TaskDatabase::clear(std::size_t index) {
  Content& c = *content_;
  rocksdb::WriteBatch batch;
  auto* family = c.rows[index]->family();
  // There is no "delete all": up to the last key, and that key.
  std::unique_ptr<rocksdb::Iterator> rows;
  MR_TRY(reading(c.directory, [&] { rows.reset(c.db->NewIterator(rocksdb::ReadOptions(), family)); }));
  MR_ASSIGN(const bool has_rows, moved(*rows, c.directory, [&] { rows->SeekToLast(); }));
  if (has_rows) {
    batch.DeleteRange(family, rocksdb::Slice(), rows->key());
    batch.Delete(family, rows->key());
  }
  batch.Delete(c.positions, c.names[index]);
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  auto status = c.db->Write(options, &batch);
  if (status.ok()) status = c.flush();
  if (!status.ok()) return storage_error(c.directory, status);
  c.at[index].reset();
  c.rows[index]->set_has_rows(false);
  return {};
}

}  // namespace millrace
