// Kafka's error codes (org.apache.kafka.common.protocol.Errors), by Kafka's names and numbers. The numbers travel on
// the wire.
#pragma once
#include <cstdint>
#include <string_view>

namespace millrace {

enum class ErrorCode : std::int16_t {
  unknown_server_error = -1,
  none = 0,
  offset_out_of_range = 1,
  corrupt_message = 2,
  unknown_topic_or_partition = 3,
  leader_not_available = 5,
  request_timed_out = 7,
  message_too_large = 10,
  offset_metadata_too_large = 12,
  coordinator_load_in_progress = 14,
  invalid_topic_exception = 17,
  record_list_too_large = 18,
  illegal_generation = 22,
  unknown_member_id = 25,
  topic_authorization_failed = 29,
  invalid_timestamp = 32,
  unsupported_version = 35,
  topic_already_exists = 36,
  invalid_partitions = 37,
  invalid_replication_factor = 38,
  invalid_config = 40,
  invalid_request = 42,
  out_of_order_sequence_number = 45,
  duplicate_sequence_number = 46,
  invalid_producer_epoch = 47,
  invalid_txn_state = 48,
  invalid_producer_id_mapping = 49,
  invalid_transaction_timeout = 50,
  concurrent_transactions = 51,
  transaction_coordinator_fenced = 52,
  kafka_storage_error = 56,
  unknown_producer_id = 59,
  non_empty_group = 68,
  group_id_not_found = 69,
  fenced_leader_epoch = 74,
  unknown_leader_epoch = 75,
  unsupported_compression_type = 76,
  invalid_record = 87,
  unstable_offset_commit = 88,
  producer_fenced = 90,
};

// "OFFSET_OUT_OF_RANGE" and the like; "UNKNOWN" for a number that is none of the above.
std::string_view name_of(ErrorCode code);

}  // namespace millrace
