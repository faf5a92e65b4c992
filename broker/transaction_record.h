// The records of __transaction_state, in Kafka's formats: TransactionLogKey version 0, TransactionLogValue version 1
// (read: 0 and 1). (docs/formats/transaction_state.md)
#pragma once
#include <optional>
#include <set>
#include <string>

#include "millrace/base/result.h"
#include "millrace/base/types.h"

namespace millrace::broker {

// Kafka's TransactionState, by its numbers.
enum class TransactionState : std::int8_t {
  empty = 0,
  ongoing = 1,
  prepare_commit = 2,
  prepare_abort = 3,
  complete_commit = 4,
  complete_abort = 5,
  dead = 6,
  prepare_epoch_fence = 7,
};
std::string_view name_of(TransactionState state);

struct TransactionRecord {
  std::string transactional_id;
  ProducerId producer_id = -1;
  ProducerId previous_producer_id = -1;  // in use by the last transaction, if the id was exchanged at its end
  ProducerId next_producer_id = -1;
  ProducerEpoch producer_epoch = -1;
  Duration timeout{0};
  TransactionState state = TransactionState::empty;
  std::set<TopicPartition> partitions;
  Timestamp last_update{-1};
  Timestamp start{-1};
};

Bytes encode_transaction_key(const std::string& transactional_id);
Bytes encode_transaction_value(const TransactionRecord& record);
// Errors: CORRUPT_MESSAGE, UNSUPPORTED_VERSION.
Result<TransactionRecord> decode_transaction(BytesView key, BytesView value);

}  // namespace millrace::broker
