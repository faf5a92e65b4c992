// What a store needs from the task that owns it: a changelog to write to, and the rows of its last checkpoint to read
// from.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "millrace/base/bytes.h"
#include "millrace/base/result.h"
#include "millrace/base/types.h"

namespace millrace {

// Takes one store's updates, in order, as Kafka Streams logs them: plain keys and values, the timestamp as the record's
// own.
class ChangelogWriter {
 public:
  virtual ~ChangelogWriter() = default;
  // A null value (data() is null) is a tombstone. The views are copied before the call returns.
  virtual void log(BytesView key, BytesView value, Timestamp timestamp) = 0;
};

// Rows of a checkpoint, in byte order of their keys. See statestore/rocksdb/. Kafka's key bytes, with the segment id in
// front for window stores; values are a timestamp (8 bytes, big-endian) and the serialised value.
class RowIterator {
 public:
  virtual ~RowIterator() = default;
  // Moves to the next row (the first, at first). False at the end. Views of the last row end here. Throws StoreError
  // where the disk fails.
  virtual bool next() = 0;
  // As next(), but moves to the first row at or past `key`, in the direction of the iteration.
  virtual bool seek(BytesView key) = 0;
  virtual BytesView key() const = 0;
  virtual BytesView value() const = 0;
};
class Checkpoint {
 public:
  virtual ~Checkpoint() = default;
  // False as long as no row was ever written: look-ups are then not worth a call.
  virtual bool may_have_rows() const = 0;
  // Whether there is a row; its value goes to `value`.
  virtual Result<bool> get(BytesView key, std::string& value) = 0;
  // Rows with from <= key < to (nullopt: open), as of now. Throws StoreError where the disk fails.
  virtual std::unique_ptr<RowIterator> scan(std::optional<Bytes> from, std::optional<Bytes> to, bool ascending) = 0;
};

}  // namespace millrace
